"""The filtered rank: where an answer stands among the entities that are not answers themselves.

Other answers are removed before one is ranked (Bordes et al., NeurIPS 2013; for queries Hamilton et
al., NeurIPS 2018). `answer_ranks` ranks dense rows of scores or truths, one answer a row;
`filtered_ranks` a sparse row with any number of answers; `rank_bounds` bounds of such a row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgreason.choose import require
from kgreason.metrics.averages import Ranks
from kgreason.ragged import Longs, segments
from kgreason.truth.vector import TruthVector

if TYPE_CHECKING:
    from kgreason.knowledge import FactIndex

TIES: Mapping[str, float] = {"expected": 0.5, "optimistic": 0.0, "pessimistic": 1.0}
"""Share of the entities of equal truth that a policy places before the answer.

`expected` gives the mean rank of all orders of the tied entities.
"""


def tie_share(ties: str) -> float:
    """The share of a named tie policy; UsageError for one that does not exist."""
    require("tie policy", ties, TIES)
    return TIES[ties]


def mean_ranks(above: Tensor, equal: Tensor) -> Tensor:
    """Float64 ranks, 1 the best, of answers with so many rivals above and equal, counts."""
    return 1 + above.double() + equal.double() / 2


def both_directions(facts: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """(facts, 3) head, base relation, tail -> heads, directed relations, tails, two per fact.

    The second half asks for each fact's head, as the tail of the inverse relation.
    """
    head, relation, tail = facts.unbind(1)
    heads, tails = torch.cat((head, tail)), torch.cat((tail, head))
    return heads, torch.cat((2 * relation, 2 * relation + 1)), tails


def removed(heads: Tensor, relations: Tensor, tails: Tensor, known: FactIndex) -> Tensor:
    """(questions, entities) bool: known tails and the answer itself, which are no rivals.

    heads, directed relations, tails: (questions,) int64. On the CPU.
    """
    starts, entities = known.rows(heads.numpy(), relations.numpy())
    found = torch.zeros(len(heads), known.entity_count, dtype=torch.bool)
    found[torch.from_numpy(segments(starts)), torch.from_numpy(entities.astype(np.int64))] = True
    return found.scatter_(1, tails.unsqueeze(1), True)


def answer_ranks(values: Tensor, answers: Tensor, not_rivals: Tensor) -> Tensor:
    """Rank of one answer a row, ties at their mean: (questions,) float64 on the CPU.

    values: (questions, entities) scores or truths. answers: (questions,) entities. not_rivals: a
    mask of the shape of values.
    """
    target = values.gather(1, answers.unsqueeze(1).to(values.device))
    # Nothing is above or equal to what is not a number.
    values = values.masked_fill(not_rivals.to(values.device), torch.nan)
    above, equal = (values > target).sum(1), (values == target).sum(1)
    return mean_ranks(above, equal).cpu()


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
    def of(cls, value: TruthVector) -> _Truths:
        listed, truths = value.entities.cpu().numpy(), value.truths.cpu().numpy()
        return cls(value.entity_count, listed, truths, value.background.cpu().numpy()[0])

    def at(self, entities: Longs) -> NDArray[np.floating]:
        """Truths of these entities, listed or not."""
        places, is_listed = self._find(entities)
        found = np.full(entities.shape, self.background, self.truths.dtype)
        found[is_listed] = self.truths[places[is_listed]]
        return found

    def beside(self, answers: Longs) -> NDArray[np.bool_]:
        """(entries,) which entries are not those of the answers."""
        places, is_listed = self._find(answers)
        found = np.ones(self.entities.shape, dtype=np.bool_)
        found[places[is_listed]] = False
        return found

    def _find(self, entities: Longs) -> tuple[NDArray[np.intp], NDArray[np.bool_]]:
        """Places of entities in the list, and which of them are there."""
        wanted = entities.astype(np.int32)
        places = np.searchsorted(self.entities, wanted)
        is_listed = places < self.entities.shape[0]
        is_listed[is_listed] = self.entities[places[is_listed]] == wanted[is_listed]
        return places, is_listed


def filtered_ranks(truth: TruthVector, easy: Longs, hard: Longs, ties: str = "expected") -> Ranks:
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


def rank_bounds(
    lower: TruthVector, upper: TruthVector, easy: Longs, hard: Longs, ties: str = "expected"
) -> tuple[Ranks, Ranks]:
    """Best and worst rank that each hard answer may have, equal where the rank is certain.

    The truth of every entity may be anything from `lower` to `upper`, one row each. Give the same
    vector twice where truths are exact. Raises as `filtered_ranks`.
    """
    if lower is upper:
        exact = filtered_ranks(lower, easy, hard, ties)
        return exact, exact
    share = tie_share(ties)
    low, high = _Truths.of(lower), _Truths.of(upper)
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


def least_truth(lower: TruthVector, answers: Longs) -> float:
    """The lower bound of the least true of some answers, one or more."""
    return float(_Truths.of(lower).at(answers).min())


def _others(
    low: _Truths, high: _Truths, answers: Longs, least: NDArray[np.floating]
) -> tuple[Longs, int]:
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
