"""Filtered ranks of held-out facts by a link predictor, both directions (Bordes et al., 2013)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgreason.knowledge import FactIndex
from kgreason.metrics.ranking import answer_ranks, both_directions, removed
from kgreason.predictors.protocol import LinkPredictor
from kgreason.training.metrics import Metrics, sample

MOST_FACTS = 4000
_BLOCK = 256


def rank_facts(
    predictor: LinkPredictor,
    facts: NDArray[np.int32],
    known: FactIndex,
    *,
    most: int = MOST_FACTS,
    progress: Callable[[int], None] | None = None,
) -> Metrics | None:
    """Rank each fact's tail, and its head under the inverse, among entities not known there.

    facts: (facts, 3) head, base relation, tail; at most `most` of them, evenly spread, are ranked.
    known: facts to filter. Equal truths share their mean rank. progress: told the links done.
    None without facts.
    """
    chosen = sample(torch.from_numpy(facts.astype(np.int64)), most)
    heads, relations, tails = both_directions(chosen)
    ranks = []
    for part in torch.arange(len(heads)).split(_BLOCK):
        ranks.append(_ranks(predictor, heads[part], relations[part], tails[part], known))
        if progress is not None:
            progress(int(part[-1]) + 1)
    return Metrics.of(torch.cat(ranks)) if ranks else None


def _ranks(
    predictor: LinkPredictor, heads: Tensor, relations: Tensor, tails: Tensor, known: FactIndex
) -> Tensor:
    truths = predictor.rows(heads, relations).dense(predictor.entity_count).cpu()
    return answer_ranks(truths, tails, removed(heads, relations, tails, known))
