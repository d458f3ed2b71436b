"""Filtered ranks of hard answers.

A hard answer is ranked among all entities with the question's other answers, easy and hard, removed
(Bordes et al., NeurIPS 2013; for queries Hamilton et al., NeurIPS 2018).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import torch
from torch import Tensor

from kgreason.bench.figures import Ranks
from kgreason.bench.questions import Ids
from kgreason.errors import UsageError
from kgreason.execution import Bounds
from kgreason.truth.vector import TruthVector, nonzero, pick

TIES: Mapping[str, float] = {"expected": 0.5, "optimistic": 0.0, "pessimistic": 1.0}
"""Share of the entities of equal truth that a policy places before the answer.

`expected` gives the mean rank of all orders of the tied entities.
"""


def filtered_ranks(truth: TruthVector, easy: Ids, hard: Ids, ties: str = "expected") -> Ranks:
    """Rank of each hard answer, 1 the best, in the order of `hard`; (hard,) float64.

    truth: one row. Works on the listed entities only: no dense row is made.
    Raises UsageError for a tie policy not in TIES.
    """
    share = tie_share(ties)
    answers = torch.from_numpy(np.union1d(easy, hard)).to(truth.entities.device)
    targets = truth.at(torch.from_numpy(hard).to(truth.entities.device))
    listed = truth.entities.long()
    others = truth.truths[~torch.isin(listed, answers)]
    # Every other entity that is not listed has the background's truth.
    unlisted = truth.entity_count - answers.shape[0] - others.shape[0]
    above, from_above = _above(others, targets), _at_least(others, targets)
    background = truth.background[0]
    above += torch.where(background > targets, unlisted, 0)
    from_above += torch.where(background >= targets, unlisted, 0)
    ranks = 1 + above.double() + share * (from_above - above)
    found: Ranks = ranks.cpu().numpy()
    return found


def same_first(found: Sequence[tuple[int, float]], expected: Sequence[tuple[int, float]]) -> bool:
    """Whether first answers with their truths are the same.

    Of those as true as the last one any may be chosen.
    """
    if [truth for _, truth in found] != [truth for _, truth in expected]:
        return False
    last = expected[-1][1] if expected else 0.0
    return all(one == other for one, other in zip(found, expected, strict=True) if other[1] > last)


def least_open(bounds: Bounds, answers: Ids) -> float:
    """How true the least of some answers, whose ranks are open, is known to be; 1 if not at all.

    Candidates that are less true do not change where it stands, unless through a negation.
    """
    low = bounds.lower
    assert isinstance(low, TruthVector)
    truths = low.at(torch.from_numpy(answers).to(low.entities.device))
    return float(truths.min()) or 1.0


def ranks_open(bounds: Bounds, easy: Ids, hard: Ids) -> float | None:
    """What bounds leave open of the ranks of the hard answers, as a reasoner's goal."""
    best, worst = rank_bounds(bounds, easy, hard)
    is_open = best < worst
    return least_open(bounds, hard[is_open]) if is_open.any() else None


def rank_bounds(
    truth: Bounds | TruthVector, easy: Ids, hard: Ids, ties: str = "expected"
) -> tuple[Ranks, Ranks]:
    """Best and worst rank that each hard answer may have, equal where the rank is certain.

    Between its bounds the truth of every entity may be any. Raises as `filtered_ranks`.
    """
    if isinstance(truth, TruthVector):
        exact = filtered_ranks(truth, easy, hard, ties)
        return exact, exact
    share = tie_share(ties)
    low, high = truth.lower, truth.upper
    assert isinstance(low, TruthVector)
    assert isinstance(high, TruthVector)
    answers = torch.from_numpy(np.union1d(easy, hard)).to(low.entities.device)
    targets = torch.from_numpy(hard).to(low.entities.device)
    least, most = low.at(targets), high.at(targets)
    others, unlisted = _others(low, high, answers, least)
    lows, highs = low.at(others), high.at(others)
    certainly = _above(lows, most) + torch.where(low.background[0] > most, unlisted, 0)
    possibly = _at_least(highs, least) + torch.where(high.background[0] >= least, unlisted, 0)
    sure = lows[lows == highs]
    tied = torch.where(least == most, _at_least(sure, least) - _above(sure, least), 0)
    if low.background[0] == high.background[0]:
        tied += torch.where((least == most) & (least == low.background[0]), unlisted, 0)
    best, worst = 1 + certainly + share * tied, 1 + possibly - (1 - share) * tied
    return best.double().cpu().numpy(), worst.double().cpu().numpy()


def _others(
    low: TruthVector, high: TruthVector, answers: Tensor, least: Tensor
) -> tuple[Tensor, int]:
    """Entities beside the answers that may be as true as one of those that are `least` true.

    With the number of those that neither end lists, which share two backgrounds.
    """
    floor = float(least.min()) if least.shape[0] else 0.0
    if float(high.background[0]) < floor:
        found = pick(high.entities, nonzero(high.truths >= floor)).long()
        return found[~torch.isin(found, answers)], 0
    seen = torch.zeros(low.entity_count, dtype=torch.bool, device=answers.device)
    seen[low.entities.long()] = seen[high.entities.long()] = True
    seen[answers] = False
    others = nonzero(seen)
    return others, low.entity_count - answers.shape[0] - others.shape[0]


def _above(values: Tensor, targets: Tensor) -> Tensor:
    """Number of values greater than each target."""
    return _passed(values, targets, right=False)


def _at_least(values: Tensor, targets: Tensor) -> Tensor:
    """Number of values not less than each target."""
    return _passed(values, targets, right=True)


def _passed(values: Tensor, targets: Tensor, *, right: bool) -> Tensor:
    """Number of values that pass each target, going by how many targets each of them passes."""
    ordered, order = targets.sort()
    # The few targets are sorted, not the many values.
    passed = torch.searchsorted(ordered, values, right=right)
    counts = torch.bincount(passed, minlength=targets.shape[0] + 1)
    most = values.shape[0] - counts.cumsum(0)[:-1]
    return torch.empty_like(most).scatter_(0, order, most)


def tie_share(ties: str) -> float:
    """The share of a named tie policy; UsageError for one that does not exist."""
    if ties not in TIES:
        raise UsageError(
            f"there is no tie policy {ties!r}", remedy=f"the policies are {', '.join(TIES)}"
        )
    return TIES[ties]
