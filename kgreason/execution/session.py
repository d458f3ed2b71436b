"""What outlives a question: rows that were scored, and rows made of them."""

from __future__ import annotations

from threading import RLock

import torch

from kgreason.execution.rows import RowStore
from kgreason.predictors.protocol import LinkPredictor, RowShelf


def _lock_of(predictor: LinkPredictor) -> RLock:
    """One lock per predictor: predictors keep caches, and several sessions may share one."""
    return vars(predictor).setdefault("_lock", RLock())  # type: ignore[no-any-return]


class Session:
    """The rows of one predictor, kept from one question to the next.

    `lock` guards everything here, and the predictor. Whoever uses the rows holds it for one whole
    run of a computation graph: positions in the row buffer stay right until the next row is asked
    for, which may evict others. A second thread waits that long and then finds the rows.
    """

    def __init__(
        self,
        predictor: LinkPredictor,
        dtype: torch.dtype,
        device: torch.device,
        max_memory: int,
        shelf: RowShelf | None = None,
    ) -> None:
        self.lock = _lock_of(predictor)
        self.rows = RowStore(predictor, dtype, device, max_memory, shelf)
        self._fused: dict[tuple[object, ...], int] = {}

    def fused_relation(self, links: tuple[object, ...]) -> int:
        """The number, from 0, of a set of links between the same two variables."""
        return self._fused.setdefault(links, len(self._fused))

    def flush(self) -> None:
        """Write the rows that are to be kept in the row cache."""
        with self.lock:
            self.rows.flush()
