"""What bounds of truths prove about the order of the answers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kgreason.execution import Open, Table, TableBounds
from kgreason.truth.vector import TruthVector


@dataclass(frozen=True, slots=True)
class _Listed:
    """Tuples with their truths, and a bound of the truth of every other tuple.

    tuples: (answers, columns) int64, ascending; truths: (answers,).
    """

    tuples: Tensor
    truths: Tensor
    others: float

    def without(self, excluded: Tensor | None) -> _Listed:
        """Those that count. excluded: (answers, columns) int64."""
        if excluded is None or not excluded.shape[0]:
            return self
        keep = ~rows_in(self.tuples, excluded)
        return _Listed(self.tuples[keep], self.truths[keep], self.others)

    def above(self, truth: Tensor) -> tuple[Tensor, Tensor]:
        """Tuples that are truer than this, and their truths."""
        keep = self.truths > truth
        return self.tuples[keep], self.truths[keep]


def unresolved_threshold(bounds: Open, count: int, excluded: Tensor | None = None) -> float | None:
    """None if `top_is_proved`, else how true candidates must be that may change the top.

    A candidate that matters is not less true than the last of the `count` greatest lower bounds; 1
    while there are fewer of them.
    """
    if top_is_proved(bounds, count, excluded):
        return None
    if isinstance(bounds.lower, Tensor):
        return float(bounds.lower.max()) or 1.0
    truths = _lower(bounds).without(excluded).truths
    last = float(truths.topk(count).values[-1]) if truths.shape[0] >= count else 0.0
    return last or 1.0


def top_is_proved(bounds: Open, count: int, excluded: Tensor | None = None) -> bool:
    """Whether `count` answers are proved to be the truest, with their truths and their order.

    So it is when each of the `count` greatest lower bounds meets its upper bound, and no other
    answer's upper bound exceeds the least of them: others may be as true as the last of them, and
    none is truer. excluded: (answers, answer variables) int64, the tuples that do not count, for
    instance known answers. A scalar is proved when its bounds meet.
    """
    if isinstance(bounds.lower, Tensor) or isinstance(bounds.upper, Tensor):
        return bool(torch.equal(torch.as_tensor(bounds.lower), torch.as_tensor(bounds.upper)))
    low, high = _lower(bounds).without(excluded), _upper(bounds).without(excluded)
    if low.truths.shape[0] < count:
        return False
    last = low.truths.topk(count).values[-1]
    if high.others > float(last):
        return False
    (found, truths), (others, most) = low.above(last), high.above(last)
    return torch.equal(found, others) and torch.equal(truths, most)


def greatest_unseen(bounds: Open, shown: Tensor) -> float:
    """Upper bound of the truth of an answer that is not shown.

    shown: (answers, answer variables) int64, the tuples that are shown or do not count. Only for
    bounds of one or more answer variables.
    """
    left = _upper(bounds).without(shown)
    return max(left.others, float(left.truths.max()) if left.truths.shape[0] else 0.0)


def rows_in(rows: Tensor, others: Tensor) -> Tensor:
    """(rows,) bool: which rows are among the others; both (·, columns) int64."""
    if not rows.shape[1]:
        return torch.full((len(rows),), len(others) > 0, device=rows.device)
    if rows.shape[1] == 1:
        return torch.isin(rows[:, 0], others[:, 0])
    _, group = torch.cat([rows, others]).unique(dim=0, return_inverse=True)
    return torch.isin(group[: len(rows)], group[len(rows) :])


def _lower(bounds: Open) -> _Listed:
    return _listed(bounds.lower, 0.0)


def _upper(bounds: Open) -> _Listed:
    unseen = float(bounds.unseen.max()) if isinstance(bounds, TableBounds) else 0.0
    return _listed(bounds.upper, unseen)


def _listed(value: Tensor | TruthVector | Table, others: float) -> _Listed:
    if isinstance(value, Table):
        vector = value.vector
        tuples = torch.cat([value.columns[vector.row], vector.entities.long()[:, None]], 1)
        return _Listed(tuples, vector.truths, others)
    assert isinstance(value, TruthVector)
    return _Listed(value.entities.long()[:, None], value.truths, float(value.background.max()))
