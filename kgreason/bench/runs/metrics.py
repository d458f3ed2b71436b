"""Filtered ranks of hard answers.

A hard answer is ranked among all entities with the question's other answers, easy and hard, removed
(Bordes et al., NeurIPS 2013; for queries Hamilton et al., NeurIPS 2018).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kgreason.bench.figures import Ranks
from kgreason.bench.suites.questions import Ids
from kgreason.errors import UsageError
from kgreason.execution import Bounds, Truths
from kgreason.truth.vector import TruthVector

TIES: Mapping[str, float] = {"expected": 0.5, "optimistic": 0.0, "pessimistic": 1.0}
"""Share of the entities of equal truth that a policy places before the answer.

`expected` gives the mean rank of all orders of the tied entities.
"""


@dataclass(frozen=True, slots=True)
class _Truths:
    """One row of truths in numpy, where small steps take a fraction of their time in torch.

    entities: (entries,) int32 ascending; truths: (entries,); background: of all other entities.
    """

    entity_count: int
    entities: NDArray[np.int32]
    truths: NDArray[np.floating]
    background: np.floating

    @classmethod
    def of(cls, value: Truths) -> _Truths:
        assert isinstance(value, TruthVector)
        listed, truths = value.entities.cpu().numpy(), value.truths.cpu().numpy()
        return cls(value.entity_count, listed, truths, value.background.cpu().numpy()[0])

    def at(self, entities: Ids) -> NDArray[np.floating]:
        """Truths of these entities, listed or not."""
        places, is_listed = self._find(entities)
        found = np.full(entities.shape, self.background, self.truths.dtype)
        found[is_listed] = self.truths[places[is_listed]]
        return found

    def beside(self, answers: Ids) -> NDArray[np.bool_]:
        """(entries,) which entries are not those of the answers."""
        places, is_listed = self._find(answers)
        found = np.ones(self.entities.shape, dtype=np.bool_)
        found[places[is_listed]] = False
        return found

    def _find(self, entities: Ids) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Places of entities in the list, and which of them are there."""
        wanted = entities.astype(np.int32)
        places = np.searchsorted(self.entities, wanted)
        is_listed = places < self.entities.shape[0]
        is_listed[is_listed] = self.entities[places[is_listed]] == wanted[is_listed]
        return places, is_listed


def filtered_ranks(truth: TruthVector, easy: Ids, hard: Ids, ties: str = "expected") -> Ranks:
    """Rank of each hard answer, 1 the best, in the order of `hard`; (hard,) float64.

    truth: one row. Works on the listed entities only: no dense row is made.
    Raises UsageError for a tie policy not in TIES.
    """
    share = tie_share(ties)
    own, answers = _Truths.of(truth), np.union1d(easy, hard)
    targets, others = own.at(hard), own.truths[own.beside(answers)]
    # Every other entity that is not listed has the background's truth.
    unlisted = own.entity_count - answers.shape[0] - others.shape[0]
    above = _above(others, targets) + unlisted * (own.background > targets)
    from_above = _at_least(others, targets) + unlisted * (own.background >= targets)
    ranks: Ranks = 1.0 + above + share * (from_above - above)
    return ranks


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
    return float(_Truths.of(bounds.lower).at(answers).min()) or 1.0


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
    low, high = _Truths.of(truth.lower), _Truths.of(truth.upper)
    answers = np.union1d(easy, hard)
    least, most = low.at(hard), high.at(hard)
    others, unlisted = _others(low, high, answers, least)
    lows, highs = low.at(others), high.at(others)
    certainly = _above(lows, most) + unlisted * (low.background > most)
    possibly = _at_least(highs, least) + unlisted * (high.background >= least)
    is_sure, sure = least == most, lows[lows == highs]
    tied = is_sure * (_at_least(sure, least) - _above(sure, least))
    if low.background == high.background:
        tied += unlisted * (is_sure & (least == low.background))
    return 1.0 + certainly + share * tied, 1.0 + possibly - (1 - share) * tied


def _others(
    low: _Truths, high: _Truths, answers: Ids, least: NDArray[np.floating]
) -> tuple[Ids, int]:
    """Entities beside the answers that may be as true as one of those that are `least` true.

    With the number of those that neither end lists, which share two backgrounds.
    """
    floor = least.min(initial=np.inf)
    if high.background < floor:
        reaches = high.beside(answers) & (high.truths >= floor)
        return high.entities[reaches].astype(np.int64), 0
    is_listed = np.zeros(low.entity_count, dtype=np.bool_)
    is_listed[low.entities] = is_listed[high.entities] = True
    is_listed[answers] = False
    others = np.flatnonzero(is_listed)
    return others, low.entity_count - answers.shape[0] - others.shape[0]


def _above(values: NDArray[np.floating], targets: NDArray[np.floating]) -> NDArray[np.intp]:
    """Number of values greater than each target."""
    return _passed(values, targets, "left")


def _at_least(values: NDArray[np.floating], targets: NDArray[np.floating]) -> NDArray[np.intp]:
    """Number of values not less than each target."""
    return _passed(values, targets, "right")


def _passed(
    values: NDArray[np.floating], targets: NDArray[np.floating], side: Literal["left", "right"]
) -> NDArray[np.intp]:
    """Number of values that pass each target, going by how many targets each of them passes."""
    order = np.argsort(targets)
    # The few targets are sorted, not the many values; most of these pass none.
    values = values[values >= targets.min(initial=np.inf)]
    passed = np.searchsorted(targets[order], values, side)
    counts = np.bincount(passed, minlength=targets.shape[0] + 1)
    found = np.empty(targets.shape[0], dtype=np.intp)
    found[order] = values.shape[0] - counts.cumsum()[:-1]
    return found


def tie_share(ties: str) -> float:
    """The share of a named tie policy; UsageError for one that does not exist."""
    if ties not in TIES:
        raise UsageError(
            f"there is no tie policy {ties!r}", remedy=f"the policies are {', '.join(TIES)}"
        )
    return TIES[ties]
