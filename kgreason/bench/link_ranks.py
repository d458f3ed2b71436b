"""Filtered ranks of held-out facts by a link predictor, both directions (Bordes et al., 2013)."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgreason.knowledge import FactIndex
from kgreason.predictors.base import LinkPredictor

MOST_FACTS = 4000
_BLOCK = 256


@dataclass(frozen=True, slots=True)
class LinkFigures:
    """Mean reciprocal rank and hits over `ranked` links, two for each fact."""

    mrr: float
    hits_at_1: float
    hits_at_3: float
    hits_at_10: float
    ranked: int

    def __str__(self) -> str:
        return (
            f"MRR {self.mrr:.4f}, Hits@1 {self.hits_at_1:.4f}, Hits@3 {self.hits_at_3:.4f}, "
            f"Hits@10 {self.hits_at_10:.4f} ({self.ranked:,} filtered ranks, both directions)"
        )


def rank_facts(
    predictor: LinkPredictor,
    facts: NDArray[np.int32],
    known: FactIndex,
    *,
    most: int = MOST_FACTS,
    progress: Callable[[int], None] | None = None,
) -> LinkFigures:
    """Rank each fact's tail, and its head under the inverse, among entities not known there.

    facts: (facts, 3) head, base relation, tail; at most `most` of them, evenly spread, are ranked.
    known: facts to filter. Equal truths share their mean rank. progress: told the links done.
    """
    if len(facts) > most:
        facts = facts[np.arange(most) * len(facts) // most]
    head, relation, tail = torch.from_numpy(facts.astype(np.int64)).unbind(1)
    heads, tails = torch.cat((head, tail)), torch.cat((tail, head))
    relations = torch.cat((2 * relation, 2 * relation + 1))
    ranks = []
    for part in torch.arange(len(heads)).split(_BLOCK):
        ranks.append(_ranks(predictor, heads[part], relations[part], tails[part], known))
        if progress is not None:
            progress(int(part[-1]) + 1)
    found = torch.cat(ranks) if ranks else torch.ones(0, dtype=torch.float64)
    share = [float((found <= k).double().mean()) for k in (1, 3, 10)]
    return LinkFigures(float((1 / found).mean()), share[0], share[1], share[2], len(found))


def _ranks(
    predictor: LinkPredictor, heads: Tensor, relations: Tensor, tails: Tensor, known: FactIndex
) -> Tensor:
    truths = predictor.rows(heads, relations).dense(predictor.entity_count).cpu()
    target = truths.gather(1, tails.unsqueeze(1))
    starts, entities = known.rows(heads.numpy(), relations.numpy())
    row = torch.from_numpy(np.repeat(np.arange(len(heads)), np.diff(starts)))
    truths[row, torch.from_numpy(entities.astype(np.int64))] = -1.0
    # The target has left the row where it is among the known facts.
    truths.scatter_(1, tails.unsqueeze(1), -1.0)
    above, equal = (truths > target).sum(1), (truths == target).sum(1)
    return 1 + above.double() + equal.double() / 2
