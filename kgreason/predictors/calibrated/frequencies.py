"""How often entities are tails of a relation, as weights in the softmax over a row's scores."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

if TYPE_CHECKING:
    from kgreason.knowledge import FactIndex


class Frequencies:
    """power · log(1 + n) for each tail of n known links under a directed relation.

    Added to scores, it makes a softmax weigh e^score by (1 + n)^power. position: (entities,) int64
    column of each entity, −1 without one. What was asked for once is kept: in all, one entry for
    each tail of each relation.
    """

    def __init__(self, observed: FactIndex, position: Tensor, power: float) -> None:
        self._observed = observed
        self._position = position
        self._power = power
        self._made: dict[int, tuple[Tensor, Tensor]] = {}

    def of(self, relation: int) -> tuple[Tensor, Tensor]:
        """Columns that tails of the relation have, ascending, and what is added there: (tails,)."""
        if relation not in self._made:
            self._made[relation] = self._make(relation)
        return self._made[relation]

    def dense(self, relation: int, columns: int) -> Tensor:
        """What is added to each of so many columns, (columns,) float64."""
        at, added = self.of(relation)
        return torch.zeros(columns, dtype=added.dtype, device=at.device).index_copy_(0, at, added)

    def add_to(self, scores: Tensor, relations: Tensor, start: int = 0) -> None:
        """scores: (rows, columns) from column `start` on, overwritten; relations: (rows,)."""
        span = torch.tensor((start, start + scores.shape[1]), device=scores.device)
        for relation in relations.unique().tolist():
            rows = torch.nonzero(relations == relation)
            columns, added = self.of(relation)
            first, last = torch.searchsorted(columns, span).tolist()
            here = columns[first:last] - start
            scores[rows, here] += added[first:last].to(scores.dtype)

    def _make(self, relation: int) -> tuple[Tensor, Tensor]:
        # The tails of a relation are the heads of its inverse.
        inverse = relation ^ 1
        tails = np.asarray(self._observed.heads(inverse), dtype=np.int64)
        starts, _ = self._observed.rows(tails, np.full(len(tails), inverse))
        device = self._position.device
        columns = self._position[torch.from_numpy(tails).to(device)]
        counts = torch.from_numpy(np.diff(starts)).to(device).double()
        found = columns >= 0
        return columns[found], self._power * counts[found].log1p()
