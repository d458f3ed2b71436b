"""From scores to odds of truth, relation by relation (Platt, 1999), on validation facts.

Fitted on whole candidate lists: every reached tail that is not known to be true is a negative.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgreason.knowledge import FactIndex
from kgreason.predictors.epignn_scorer import UNREACHED
from kgreason.predictors.scorers import Scorer

Doubles = NDArray[np.float64]
_STEPS = 50
# How many facts' worth the fit over all relations counts in that of each relation.
_PRIOR = 4.0
_LEAST_SLOPE = 1e-3
_BLOCK = 64
_MOST_FACTS = 2000


def fit_odds(scorer: Scorer, validation: Tensor, known: FactIndex) -> Tensor:
    """(directed relations, 2) slope and offset: log-odds of truth = slope · score + offset.

    scorer: gives raw scores, UNREACHED where there is none. validation: (facts, 3). known: facts
    that are no negatives. A relation without validation facts has the fit over all; without any at
    all the slope is 1 and the offset 0.
    """
    usual = np.array([1.0, 0.0])
    samples = _samples(scorer, validation, known)
    if samples:
        everything = [np.concatenate(column) for column in zip(*samples.values(), strict=True)]
        usual = _fit(everything[0], everything[1], usual, 1e-6)
    odds = np.tile(usual, (scorer.relation_count, 1))
    for relation, (scores, truth) in samples.items():
        if truth.any():
            found = _fit(scores, truth, usual, _PRIOR)
            odds[relation] = found if found[0] >= _LEAST_SLOPE else usual
    return torch.from_numpy(odds).float()


def _samples(
    scorer: Scorer, validation: Tensor, known: FactIndex
) -> dict[int, tuple[Doubles, NDArray[np.bool_]]]:
    """By directed relation: scores of candidates and whether they are the validation facts."""
    if len(validation) > _MOST_FACTS:
        validation = validation[torch.arange(_MOST_FACTS) * len(validation) // _MOST_FACTS]
    head, relation, tail = validation.unbind(1)
    heads, tails = torch.cat((head, tail)), torch.cat((tail, head))
    relations = torch.cat((2 * relation, 2 * relation + 1))
    parts: dict[int, list[tuple[Doubles, NDArray[np.bool_]]]] = {}
    for block in torch.arange(len(heads)).split(_BLOCK):
        scores = scorer.scores(heads[block], relations[block]).cpu()
        for row, place in zip(scores, block.tolist(), strict=True):
            asked = int(heads[place]), int(relations[place])
            _, hidden = known.rows(*([number] for number in asked))
            keep = row > UNREACHED
            keep[torch.from_numpy(hidden.astype(np.int64))] = False
            keep[tails[place]] = row[tails[place]] > UNREACHED
            truth = torch.arange(len(row)) == tails[place]
            part = row[keep].double().numpy(), truth[keep].numpy()
            parts.setdefault(asked[1], []).append(part)
    return {
        name: (np.concatenate([s for s, _ in found]), np.concatenate([t for _, t in found]))
        for name, found in parts.items()
    }


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
