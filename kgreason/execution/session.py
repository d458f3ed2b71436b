"""What outlives a question: rows that were scored, and rows made of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from threading import RLock

import torch

from kgreason.execution.budget import BudgetMeter
from kgreason.execution.memory import ROWS, MemoryPool
from kgreason.execution.rows import RowStore
from kgreason.interruption import interruptible
from kgreason.predictors.protocol import LinkPredictor, RowShelf

# Seconds between two looks at the clock while another thread computes.
_PATIENCE = 0.02


def lock_of(predictor: LinkPredictor) -> RLock:
    """One lock per predictor, for all sessions that share it: it may keep caches of its own."""
    return vars(predictor).setdefault("_lock", RLock())  # type: ignore[no-any-return]


class Session:
    """The rows of one predictor, kept from one question to the next.

    One lock guards everything here, and the predictor. Whoever uses the rows holds it for one whole
    run of a computation graph, a transaction: positions in the row buffer stay right until the next
    row is asked for, which may evict others. Values hold copies, so that they outlive it. A second
    thread waits that long and then finds the rows.
    """

    def __init__(
        self,
        predictor: LinkPredictor,
        dtype: torch.dtype,
        device: torch.device,
        pool: MemoryPool,
        shelf: RowShelf | None = None,
    ) -> None:
        self._lock = lock_of(predictor)
        self.pool = pool
        self.rows = RowStore(predictor, dtype, device, pool.reserve(ROWS), shelf)
        self._fused: dict[tuple[object, ...], int] = {}

    @contextmanager
    def transaction(self, meter: BudgetMeter) -> Iterator[None]:
        """Inside, no other thread uses the session. BudgetExceeded if the wait takes too long."""
        while not self._lock.acquire(timeout=_PATIENCE if meter.is_timed else -1):
            meter.check()
        try:
            with interruptible(meter.check):
                yield
        finally:
            self._lock.release()

    def fused_relation(self, links: tuple[object, ...]) -> int:
        """The number, from 0, of a set of links between the same two variables."""
        return self._fused.setdefault(links, len(self._fused))

    def flush(self) -> None:
        """Write the rows that are to be kept in the row cache."""
        with self._lock:
            self.rows.flush()
