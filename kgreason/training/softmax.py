"""The full softmax over all tails, once per distinct (head, relation) pair, with its gradient.

Facts that share head and relation share a row of scores, so the cross-entropy of n tails of a pair
is n · log Σ exp(scores) - Σ score(tail): the loss of Lacroix et al. (ICML 2018, eq. 2) over single
facts, at the price of one row per pair. The gradient is taken in the same pass, a slice of pairs at
a time, so no (pairs, entities) matrix outlives its slice.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import torch
from torch import Tensor

# Scores in memory at once: a slice that stays in the cache of a processor; a GiB on a GPU.
_CELLS = 2**22
_CELLS_GPU = 2**28
_FEWEST = 128


@dataclass(frozen=True, slots=True)
class PairBatch:
    """Distinct (head, directed relation) pairs and all of their tails.

    heads, relations, counts: (pairs,) int64; counts is the number of tails of each.
    rows, tails: (facts,) int64, the pair (ascending) and the tail of every fact.
    """

    heads: Tensor
    relations: Tensor
    counts: Tensor
    rows: Tensor
    tails: Tensor


@dataclass(frozen=True, slots=True)
class SoftmaxLoss:
    """The summed cross-entropy of all facts of a batch, and its gradients.

    value: () float64. queries: (pairs, width); entity: (entities, width), both float32.
    """

    value: Tensor
    queries: Tensor
    entity: Tensor


def softmax_loss(
    queries: Tensor, entity: Tensor, batch: PairBatch, dtype: torch.dtype = torch.float32
) -> SoftmaxLoss:
    """Cross-entropy of the tails of a batch under softmax(entity · query) over all entities.

    queries: (pairs, width) float32; entity: (entities, width) float32. dtype: in which products are
    taken; the softmax and all sums are float32.
    """
    value = torch.zeros((), dtype=torch.float64, device=queries.device)
    of_queries, of_entity = torch.empty_like(queries), torch.zeros_like(entity)
    factors, weights = entity.to(dtype), batch.counts.to(queries.dtype)
    cells = _CELLS if entity.device.type == "cpu" else _CELLS_GPU
    size = max(_FEWEST, cells // len(entity))
    starts = range(0, len(queries), size)
    edges = torch.searchsorted(batch.rows, batch.rows.new_tensor([*starts, len(queries)])).tolist()
    for start, (first, last) in zip(starts, pairwise(edges), strict=True):
        part = slice(start, start + size)
        query = queries[part].to(dtype)
        known = (batch.tails[first:last], batch.rows[first:last] - start)
        # (entities, pairs): products in this order are the fast ones on a CPU.
        scores = (factors @ query.T).float()
        value -= scores[known].sum(dtype=torch.float64)
        value += _softmax_(scores, weights[part])
        scores.index_put_(known, scores.new_tensor(-1.0), accumulate=True)
        gradient = scores.to(dtype)
        of_queries[part] = gradient.T @ factors
        if dtype == torch.float32:
            of_entity.addmm_(gradient, query)
        else:
            of_entity += gradient @ query
    return SoftmaxLoss(value, of_queries, of_entity)


def _softmax_(scores: Tensor, weights: Tensor) -> Tensor:
    """Turn columns of scores into weight · softmax, in place; Σ weight · log Σ exp(scores)."""
    highest = scores.amax(0)
    total = scores.sub_(highest).exp_().sum(0)
    scores.mul_(weights / total)
    return ((total.log() + highest) * weights).sum(dtype=torch.float64)
