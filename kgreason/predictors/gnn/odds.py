"""From scores to odds of truth, relation by relation (Platt, 1999), on facts that are held out.

Fitted on whole candidate lists: every reached tail that is not known to be true is a negative.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgreason.knowledge import FactIndex
from kgreason.metrics.ranking import both_directions
from kgreason.predictors.scorer import Scorer

UNREACHED = -60.0
"""Score of a tail that no way from the head leads to."""
Doubles = NDArray[np.float64]
_STEPS = 50
# How many facts' worth the fit over all relations counts in that of each relation.
_PRIOR = 4.0
_LEAST_SLOPE = 1e-3
_BLOCK = 64
MOST_PAIRS = 4000


@dataclass(frozen=True, slots=True)
class Candidates:
    """Scores of the tails of one (head, relation) that are held out, and of those that may be none.

    scores: (tails,); truth: (tails,) bool, whether a tail is held out.
    """

    relation: int
    scores: Doubles
    truth: NDArray[np.bool_]

    @property
    def reciprocal_ranks(self) -> Doubles:
        """(tails held out,) 1 / rank among the others that are not held out; ties at their mean."""
        negative = np.sort(self.scores[~self.truth])
        found = self.scores[self.truth]
        below = np.searchsorted(negative, found, side="left")
        upto = np.searchsorted(negative, found, side="right")
        rank = 1 + len(negative) - (below + upto) / 2
        return np.asarray(1 / rank, dtype=np.float64)


def fit_odds(scorer: Scorer, held_out: Tensor, known: FactIndex) -> Tensor:
    """`fitted` to the candidates of the held-out facts."""
    return fitted(candidates(scorer, held_out, known), scorer.relation_count)


def candidates(
    scorer: Scorer,
    held_out: Tensor,
    known: FactIndex,
    most: int = MOST_PAIRS,
    ways: tuple[int, ...] = (0, 1),
) -> list[Candidates]:
    """Of at most so many pairs of held-out facts, in both directions.

    scorer: gives raw scores, UNREACHED where there is none. held_out: (facts, 3). known: facts that
    are no negatives. ways: which of the directions are scored, 1 for the inverse relations.
    """
    held = FactIndex.from_facts(
        held_out.numpy().astype(np.int32), known.entity_count, known.relation_count // 2
    )
    heads, directed, _ = both_directions(held_out)
    pairs = torch.stack((heads, directed), 1).unique(dim=0)
    if len(pairs) > most:
        pairs = pairs[torch.arange(most) * len(pairs) // most]
    pairs = pairs[torch.isin(pairs[:, 1] % 2, torch.tensor(ways))]
    found = []
    for block in pairs.split(_BLOCK):
        heads, relations = block.unbind(1)
        scores = scorer.scores(heads, relations).cpu()
        for row, pair in zip(scores, block.tolist(), strict=True):
            truth, hidden = (_mask(index, pair[0], pair[1]) for index in (held, known))
            keep = row.numpy() > UNREACHED
            keep &= truth | ~hidden
            found.append(Candidates(pair[1], row.double().numpy()[keep], truth[keep]))
    return found


def fitted(found: Iterable[Candidates], relation_count: int) -> Tensor:
    """(directed relations, 2) slope and offset: log-odds of truth = slope · score + offset.

    A relation without held-out facts has the fit over all; without any at all the slope is 1 and
    the offset 0.
    """
    usual = plain = np.array([1.0, 0.0])
    samples: dict[int, list[Candidates]] = {}
    for one in found:
        samples.setdefault(one.relation, []).append(one)
    if samples:
        scores, truth = _joined(one for own in samples.values() for one in own)
        usual = _sane(_fit(scores, truth, plain, 1e-6), plain)
    odds = np.tile(usual, (relation_count, 1))
    for relation, own in samples.items():
        scores, truth = _joined(own)
        if truth.any():
            odds[relation] = _sane(_fit(scores, truth, usual, _PRIOR), usual)
    return torch.from_numpy(odds).float()


def _joined(found: Iterable[Candidates]) -> tuple[Doubles, NDArray[np.bool_]]:
    own = list(found)
    return np.concatenate([one.scores for one in own]), np.concatenate([one.truth for one in own])


def _sane(found: Doubles, otherwise: Doubles) -> Doubles:
    return found if found[0] >= _LEAST_SLOPE else otherwise


def _mask(index: FactIndex, head: int, relation: int) -> NDArray[np.bool_]:
    """(entities,) whether each is a tail of the pair."""
    mask = np.zeros(index.entity_count, dtype=np.bool_)
    mask[index.rows(head, relation)[1]] = True
    return mask


def _fit(scores: Doubles, truth: NDArray[np.bool_], prior: Doubles, weight: float) -> Doubles:
    """Slope and offset of the greatest likelihood, drawn towards `prior` (Newton's steps)."""
    found = prior.copy()
    features = np.stack((scores, np.ones_like(scores)), 1)
    spread = weight * np.diag((max(1e-6, float(np.var(scores))) if len(scores) else 1.0, 1.0))
    for _ in range(_STEPS):
        odds = np.clip(features @ found, -40, 40)
        share = 1 / (1 + np.exp(-odds))
        gradient = features.T @ (share - truth) + spread @ (found - prior)
        curvature = (features * (share * (1 - share))[:, None]).T @ features + spread
        step = np.linalg.solve(curvature + 1e-9 * np.eye(2), gradient)
        found = found - np.clip(step, -2, 2)
        if np.abs(step).max() < 1e-8:
            break
    return found
