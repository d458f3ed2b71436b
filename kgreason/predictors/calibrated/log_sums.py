"""What the sum of e^score over a whole row is at least, from a fraction of its scores.

A sum over a group of tails is at least their number times e to their mean score (Jensen), and for
a dot product the mean score is the score of the mean embedding. Groups of alike entities make that
tight; the tails that a relation is known to have, where the scores differ most, are summed one by
one.
"""

from __future__ import annotations

from functools import cached_property

import torch
from torch import Tensor

from kgreason.interruption import go_on
from kgreason.predictors.scorer import DotProductScorer

_GROUPS = 1024
_ROUNDS = 6
_SINGLES = 2048
_BLOCK = 4096
# Few enough that the groups of five million entities are found in seconds.
_LEARNED_FROM = 1 << 17


class LogSums:
    """Lower bounds of log Σ e^score over the columns that may be predicted.

    columns: (entities,) int64, ascending, those that the sums go over.
    """

    def __init__(self, scorer: DotProductScorer, columns: Tensor) -> None:
        self._scorer = scorer
        self._columns = columns

    def at_least(self, relation: int, frequent: Tensor, added: Tensor) -> Tensor:
        """frequent: columns, most frequent first, that tails of the relation are -> (entities,).

        added: (frequent,) to their scores, not below 0.
        """
        singles = frequent[:_SINGLES]
        points, sizes = self._without(singles)
        embeddings = self._scorer.embeddings
        count = embeddings.shape[0]
        points = torch.cat((points, embeddings[singles]))
        weights = torch.cat((sizes.log(), added[:_SINGLES].to(sizes.dtype)))
        sums = []
        for start in range(0, count, _BLOCK):
            go_on()
            heads = torch.arange(start, min(count, start + _BLOCK), device=embeddings.device)
            scores = self._scorer.products(heads, relation, points)
            sums.append(torch.logsumexp(scores.add_(weights), 1))
        return torch.cat(sums) if sums else weights.new_zeros(0)

    def _without(self, singles: Tensor) -> tuple[Tensor, Tensor]:
        """Means and sizes of the groups without some columns: (groups, numbers), (groups,)."""
        group, sums, sizes = self._groups
        taken = group[singles]
        embeddings = self._scorer.embeddings[singles].to(sums.dtype)
        sums = sums.index_add(0, taken, embeddings, alpha=-1)
        sizes = sizes.index_add(0, taken, sizes.new_ones(singles.shape[0]), alpha=-1)
        left = sizes > 0.5
        means = sums[left] / sizes[left].unsqueeze(1)
        dtype = self._scorer.embeddings.dtype
        return means.to(dtype), sizes[left].to(dtype)

    @cached_property
    def _groups(self) -> tuple[Tensor, Tensor, Tensor]:
        """Group of every entity, (entities,); sums and sizes of the groups, in float64."""
        embeddings = self._scorer.embeddings
        own = self._columns
        step = max(1, own.shape[0] // _LEARNED_FROM)
        centres = _centres(embeddings[own[::step]])
        group = torch.zeros(embeddings.shape[0], dtype=torch.int64, device=embeddings.device)
        sums = torch.zeros(centres.shape, dtype=torch.float64, device=embeddings.device)
        for block in own.split(_BLOCK):
            go_on()
            points = embeddings[block]
            group[block] = _nearest(points, centres)
            sums.index_add_(0, group[block], points.double())
        sizes = torch.bincount(group[own], minlength=centres.shape[0]).double()
        return group, sums, sizes


def _centres(points: Tensor) -> Tensor:
    """k-means of the points (Lloyd), from evenly spread ones: any grouping gives true bounds."""
    count = min(_GROUPS, points.shape[0])
    at = torch.arange(count, device=points.device) * points.shape[0] // max(1, count)
    centres = points[at].clone()
    for _ in range(_ROUNDS):
        nearest = _nearest(points, centres)
        sizes = torch.bincount(nearest, minlength=count)
        sums = torch.zeros_like(centres).index_add_(0, nearest, points)
        kept = sizes > 0
        centres[kept] = sums[kept] / sizes[kept].unsqueeze(1).to(sums.dtype)
    return centres


def _nearest(points: Tensor, centres: Tensor) -> Tensor:
    """(points,) int64: the centre closest to each."""
    half = (centres * centres).sum(1) / 2
    found = []
    for block in points.split(_BLOCK):
        go_on()
        if block.shape[0]:
            found.append((block @ centres.T - half).argmax(1))
    empty = torch.zeros(0, dtype=torch.int64, device=points.device)
    return torch.cat(found) if found else empty
