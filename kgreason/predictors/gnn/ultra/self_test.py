"""Whether weights and this machine compute what they should: scores of a small built-in graph."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from kgreason.predictors.gnn.ultra.network import Ultra
from kgreason.predictors.gnn.ultra.scorer import UltraScorer

_ENTITIES, _RELATIONS = 10, 2
_STEPS = (1, 3)
_ASKED = [1, 2, 5]
_TOLERANCE = 1e-3


def probe(model: Ultra) -> Tensor:
    """(10,) logits of every tail of one link, over twenty facts: entity i leads to i + 1 and i + 3.

    The facts go round a circle of ten entities; the link asked for is from entity 0 by the first
    relation.
    """
    entity = np.arange(_ENTITIES)
    facts = [
        np.stack((entity, np.full(_ENTITIES, relation), (entity + step) % _ENTITIES), 1)
        for relation, step in enumerate(_STEPS)
    ]
    dtype = next(model.parameters()).dtype
    scorer = UltraScorer(model, np.concatenate(facts), _ENTITIES, _RELATIONS, dtype=dtype)
    return scorer.scores(torch.tensor([0]), torch.tensor([0]))[0]


def fault(model: Ultra, expected: tuple[float, ...] | None) -> str | None:
    """What is wrong with the scores; None if nothing is. expected: of the entities 1, 2 and 5."""
    scores = probe(model)
    if not bool(scores.isfinite().all()):
        return "its scores are not finite"
    if float(scores.max() - scores.min()) < 1e-6:
        return "its scores tell no entity from another"
    if expected is None:
        return None
    far = float((scores[_ASKED].double() - torch.tensor(expected).double()).abs().max())
    return None if far < _TOLERANCE else f"its scores are {far:.2g} from those that they should be"
