"""When ranks of hard answers and first answers are settled."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kgreason.bench.suites.questions import Ids
from kgreason.execution import Bounds, Open
from kgreason.metrics.averages import Ranks
from kgreason.metrics.ranking import least_truth
from kgreason.metrics.ranking import rank_bounds as bounds_of_ranks
from kgreason.topk import StopCondition
from kgreason.truth.vector import TruthVector


def same_first(found: Sequence[tuple[int, float]], expected: Sequence[tuple[int, float]]) -> bool:
    """Whether first answers with their truths are the same.

    Of those as true as the last one any may be chosen.
    """
    if [truth for _, truth in found] != [truth for _, truth in expected]:
        return False
    last = expected[-1][1] if expected else 0.0
    return all(one == other for one, other in zip(found, expected, strict=True) if other[1] > last)


def rank_bounds(
    truth: Bounds | TruthVector, easy: Ids, hard: Ids, ties: str = "expected"
) -> tuple[Ranks, Ranks]:
    """Best and worst rank that each hard answer may have; see `kgreason.metrics.ranking`."""
    if isinstance(truth, TruthVector):
        return bounds_of_ranks(truth, truth, easy, hard, ties)
    lower, upper = truth.lower, truth.upper
    assert isinstance(lower, TruthVector)
    assert isinstance(upper, TruthVector)
    return bounds_of_ranks(lower, upper, easy, hard, ties)


def least_open(bounds: Bounds, answers: Ids) -> float:
    """The lower bound of the least true of some answers whose ranks are open; 1 where it is 0.

    Candidates that are less true do not change where it stands, unless through a negation.
    """
    assert isinstance(bounds.lower, TruthVector)
    return least_truth(bounds.lower, answers) or 1.0


@dataclass(frozen=True, slots=True)
class ProvedRanks(StopCondition):
    """The filtered rank of every hard answer. easy, hard: ascending ids of entities."""

    easy: Ids
    hard: Ids

    def unresolved(self, bounds: Open) -> float | None:
        assert isinstance(bounds, Bounds)
        best, worst = rank_bounds(bounds, self.easy, self.hard)
        is_open = best < worst
        return least_open(bounds, self.hard[is_open]) if is_open.any() else None
