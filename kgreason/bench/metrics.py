"""Filtered ranks of hard answers.

A hard answer is ranked among all entities with the question's other answers, easy and hard, removed
(Bordes et al., NeurIPS 2013; for queries Hamilton et al., NeurIPS 2018).
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch

from kgreason.bench.figures import Ranks
from kgreason.bench.questions import Ids
from kgreason.errors import UsageError
from kgreason.truth.vector import TruthVector

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
    others = torch.sort(truth.truths[~torch.isin(listed, answers)]).values
    # Every other entity that is not listed has the background's truth.
    unlisted = truth.entity_count - answers.shape[0] - others.shape[0]
    above = others.shape[0] - torch.searchsorted(others, targets, right=True)
    from_above = others.shape[0] - torch.searchsorted(others, targets)
    background = truth.background[0]
    above += torch.where(background > targets, unlisted, 0)
    from_above += torch.where(background >= targets, unlisted, 0)
    ranks = 1 + above.double() + share * (from_above - above)
    found: Ranks = ranks.cpu().numpy()
    return found


def tie_share(ties: str) -> float:
    """The share of a named tie policy; UsageError for one that does not exist."""
    if ties not in TIES:
        raise UsageError(
            f"there is no tie policy {ties!r}", remedy=f"the policies are {', '.join(TIES)}"
        )
    return TIES[ties]
