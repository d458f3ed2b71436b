"""Certificates: what bounds of truths prove about the order of the answers."""

from __future__ import annotations

import torch
from torch import Tensor

from kgreason.execution import Bounds
from kgreason.truth.vector import TruthVector


def top_is_open(bounds: Bounds, count: int, excluded: Tensor | None = None) -> float | None:
    """None if `top_is_certain`, else how true candidates must be that may change it.

    None is less true than the last of the greatest lower bounds; 1 while there are too few of them.
    """
    if top_is_certain(bounds, count, excluded):
        return None
    low = bounds.lower
    truths = low if isinstance(low, Tensor) else _counted(low, excluded)[1]
    last = float(truths.topk(count).values[-1]) if truths.shape[0] >= count else 0.0
    return last or 1.0


def top_is_certain(bounds: Bounds, count: int, excluded: Tensor | None = None) -> bool:
    """Whether `count` entities are proved to be the truest, with their truths and their order.

    So it is when each of the `count` greatest lower bounds meets its upper bound, and no other
    entity's upper bound exceeds the least of them: others may be as true as the last of them, and
    none is truer. excluded: entities (int64, ascending) that do not count, for instance known
    answers. A scalar is certain when its bounds meet.
    """
    low, high = bounds.lower, bounds.upper
    if isinstance(low, Tensor) or isinstance(high, Tensor):
        return bool(torch.equal(torch.as_tensor(low), torch.as_tensor(high)))
    found, truths = _counted(low, excluded)
    if found.shape[0] < count:
        return False
    least = truths.topk(count).values[-1]
    if float(high.background[0]) > float(least):
        return False
    others, most = _counted(high, excluded)
    return torch.equal(found[truths > least], others[most > least]) and torch.equal(
        truths[truths > least], most[most > least]
    )


def _counted(vector: TruthVector, excluded: Tensor | None) -> tuple[Tensor, Tensor]:
    """Listed entities, ascending, that count, and their truths."""
    entities = vector.entities.long()
    if excluded is None:
        return entities, vector.truths
    keep = ~torch.isin(entities, excluded)
    return entities[keep], vector.truths[keep]
