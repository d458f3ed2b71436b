"""From scores to odds of truth, relation by relation (Platt, 1999), on validation facts.

Fitted on whole candidate lists: every reached tail that is not known to be true is a negative.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgreason.knowledge import FactIndex
from kgreason.metrics.ranking import both_directions
from kgreason.predictors.gnn.epignn.scorer import UNREACHED
from kgreason.predictors.scorer import Scorer

Doubles = NDArray[np.float64]
_STEPS = 50
# How many facts' worth the fit over all relations counts in that of each relation.
_PRIOR = 4.0
_LEAST_SLOPE = 1e-3
_BLOCK = 64
_MOST_PAIRS = 4000


def fit_odds(scorer: Scorer, validation: Tensor, known: FactIndex) -> Tensor:
    """(directed relations, 2) slope and offset: log-odds of truth = slope · score + offset.

    scorer: gives raw scores, UNREACHED where there is none. validation: (facts, 3). known: facts
    that are no negatives. A relation without validation facts has the fit over all; without any at
    all the slope is 1 and the offset 0.
    """
    usual = plain = np.array([1.0, 0.0])
    samples = _samples(scorer, validation, known)
    if samples:
        everything = [np.concatenate(column) for column in zip(*samples.values(), strict=True)]
        found = _fit(everything[0], everything[1], plain, 1e-6)
        usual = found if found[0] >= _LEAST_SLOPE else plain
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
    held = FactIndex.from_facts(
        validation.numpy().astype(np.int32), known.entity_count, known.relation_count // 2
    )
    heads, directed, _ = both_directions(validation)
    pairs = torch.stack((heads, directed), 1).unique(dim=0)
    if len(pairs) > _MOST_PAIRS:
        pairs = pairs[torch.arange(_MOST_PAIRS) * len(pairs) // _MOST_PAIRS]
    parts: dict[int, list[tuple[Doubles, NDArray[np.bool_]]]] = {}
    for block in pairs.split(_BLOCK):
        heads, relations = block.unbind(1)
        scores = scorer.scores(heads, relations).cpu()
        for row, pair in zip(scores, block.tolist(), strict=True):
            truth, hidden = (_mask(index, pair[0], pair[1]) for index in (held, known))
            keep = row.numpy() > UNREACHED
            keep &= truth | ~hidden
            part = row.double().numpy()[keep], truth[keep]
            parts.setdefault(pair[1], []).append(part)
    return {
        name: (np.concatenate([s for s, _ in found]), np.concatenate([t for _, t in found]))
        for name, found in parts.items()
    }


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
