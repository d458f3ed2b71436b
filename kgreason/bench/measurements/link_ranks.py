"""Filtered ranks of held-out facts by a link predictor, both directions (Bordes et al., 2013)."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgreason.knowledge import FactIndex
from kgreason.predictors.protocol import LinkPredictor
from kgreason.training.metrics import Metrics, both_directions, sample

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
    target = truths.gather(1, tails.unsqueeze(1))
    starts, entities = known.rows(heads.numpy(), relations.numpy())
    row = torch.from_numpy(np.repeat(np.arange(len(heads)), np.diff(starts)))
    truths[row, torch.from_numpy(entities.astype(np.int64))] = -1.0
    # The target has left the row where it is among the known facts.
    truths.scatter_(1, tails.unsqueeze(1), -1.0)
    above, equal = (truths > target).sum(1), (truths == target).sum(1)
    return 1 + above.double() + equal.double() / 2
