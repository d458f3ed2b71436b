"""What of a question's answers is wanted, and what bounds prove of it."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kgreason.answers.certain import top_is_open
from kgreason.answers.rank import Ranking
from kgreason.execution import Bounds, Value, most
from kgreason.truth.vector import TruthVector


@dataclass(frozen=True, slots=True)
class Wanted:
    """The first answers of a question, or all.

    count: how many of the truest, None for all. known: tuples (answers, answer variables) int64
    that do not count, None to count all.
    """

    count: int | None
    known: Tensor | None = None

    def is_certain(self, value: Value) -> bool:
        """Whether a value, exact or between bounds, proves the wanted answers and their order."""
        return not isinstance(value, Bounds) or self.open(value) is None

    def open(self, value: Bounds) -> float | None:
        """What bounds leave open of it, as a reasoner's goal."""
        if self.count is None:
            return 0.0
        if self.count == 0:
            return None
        return top_is_open(value, self.count, self._excluded())

    def others(self, value: Value, shown: Tensor) -> float:
        """The greatest truth that an answer which is not shown may have.

        shown: (answers, 1) int64 entities. Only for values of one answer variable or none.
        """
        vector = most(value)
        if not isinstance(vector, TruthVector):
            return float(vector.max()) if isinstance(vector, Tensor) else 0.0
        taken = shown[:, 0] if self.known is None else torch.cat([shown[:, 0], self.known[:, 0]])
        left = vector.truths[~torch.isin(vector.entities.long(), taken)]
        return max(float(vector.background[0]), float(left.max()) if left.shape[0] else 0.0)

    def unknown(self, ranking: Ranking) -> Ranking:
        """The ranking without the tuples that do not count."""
        if self.known is None or not self.known.shape[0]:
            return ranking
        both = torch.cat([ranking.entities, self.known])
        _, group = both.unique(dim=0, return_inverse=True)
        keep = ~torch.isin(group[: len(ranking.entities)], group[len(ranking.entities) :])
        return Ranking(ranking.entities[keep], ranking.truths[keep])

    def _excluded(self) -> Tensor | None:
        single = self.known is not None and self.known.shape[1] == 1
        return self.known[:, 0] if single and self.known is not None else None
