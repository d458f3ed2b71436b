"""What scorers by a network over a graph's facts have in common."""

from __future__ import annotations

from threading import RLock

import torch

from kgreason.predictors.scorer import Scorer


class GraphScorer(Scorer):
    """Scores by a network over the facts of one graph; nothing of it is tied to the graph's names.

    relation_count: directed relations of the graph. What a pass gives may be kept for later ones;
    engines of several threads may share one scorer, so that this is done under `_lock`.
    """

    def __init__(
        self,
        entity_count: int,
        relation_count: int,
        dtype: torch.dtype,
        device: str | torch.device,
    ) -> None:
        self._entity_count = entity_count
        self._relation_count = relation_count
        self._dtype = dtype
        self._device = torch.device(device)
        self._lock = RLock()

    @property
    def entity_count(self) -> int:
        return self._entity_count

    @property
    def relation_count(self) -> int:
        return self._relation_count

    @property
    def device(self) -> torch.device:
        return self._device

    @property
    def dtype(self) -> torch.dtype:
        return self._dtype
