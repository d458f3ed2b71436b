"""Links read from their far end: heads in the order of what their link to an entity is at most.

Only the rows of heads that matter are asked for. For ∃x r(x, y) those are the heads that may be the
truest; for all x with r(x, y), those whose bound reaches the floor.
"""

from __future__ import annotations

import torch
from torch import Tensor

from kgreason.compute import Step
from kgreason.execution.context import Context, Frame, as_vector
from kgreason.execution.values import Bounds, Value, least, most
from kgreason.predictors.protocol import HeadBounds
from kgreason.truth.vector import TruthVector, concatenate

_HEADS_AT_FIRST = 32
_HEADS_MORE = 16


def reach(context: Context, step: Step, _: list[Value], frame: Frame) -> Value:
    """The truest link of a relation to each target."""
    target, relation = (frame.ids(reference) for reference in step.references)
    count = context.entity_count
    keys, index = (relation * count + target).unique(return_inverse=True)
    low, high = context.reached.find(keys, context.ones(1))
    is_open = high > low.clamp(min=context.floor)
    for one in (keys[is_open] // count).unique().tolist():
        mine = torch.nonzero(is_open & (keys // count == one)).view(-1)
        search = _Search(context, one, keys[mine] % count, low[mine])
        low[mine], high[mine] = search.run()
        context.reached.learn(keys[mine], low[mine], high[mine])
    low, high = low[index], high[index]
    return low if torch.equal(low, high) else Bounds(low, high)


class _Search:
    """The truest link of one relation to each of some tails, down to the floor.

    low: (tails,) what it is proved to be at least.
    """

    def __init__(self, context: Context, relation: int, tails: Tensor, low: Tensor) -> None:
        self._context = context
        self._relation = relation
        self._tails = tails
        self._low = low

    def run(self) -> tuple[Tensor, Tensor]:
        """(tails,) what the truest link is at least and at most."""
        high = torch.zeros_like(self._low)
        left = torch.arange(self._tails.shape[0], device=self._tails.device)
        count, start = _HEADS_AT_FIRST, 0
        while left.shape[0]:
            bounds = self._top_heads(left, count)
            known = bounds.most.masked_fill(~bounds.exact, 0.0).amax(1)
            self._low[left] = self._low[left].maximum(known.to(self._low.dtype))
            unseen = self._verify(left, bounds, start)
            high[left] = self._low[left].maximum(unseen)
            more = self._may_matter(left, bounds.rest.to(self._low.dtype))
            high[left] = high[left].maximum(bounds.rest.to(high.dtype))
            left = left[more]
            start, count = bounds.heads.shape[1], count * _HEADS_MORE
        return self._low, high

    def _top_heads(self, left: Tensor, count: int) -> HeadBounds:
        self._context.foreseen += left.shape[0]
        return _top_heads(self._context, self._relation, self._tails[left], count)

    def _may_matter(self, left: Tensor, most: Tensor) -> Tensor:
        """Whether heads with these bounds have to be looked at; most: (left,) or (left, heads)."""
        low = self._low[left].reshape(-1, *[1] * (most.dim() - 1))
        return (most > low) & (most >= self._context.floor)

    def _verify(self, left: Tensor, bounds: HeadBounds, start: int) -> Tensor:
        """Raise `low` by the truths of heads that may matter, the likeliest first.

        (left,) the greatest bound of a head that was left out.
        """
        most = bounds.most.to(self._low.dtype)
        unseen = self._low.new_zeros(left.shape[0])
        step = 1
        while start < most.shape[1]:
            here = slice(start, start + step)
            matters = self._may_matter(left, most[:, here])
            unseen = unseen.maximum(most[:, here].masked_fill(matters, 0.0).amax(1))
            if not bool(matters.any()):
                break
            tail, column = torch.nonzero(matters, as_tuple=True)
            heads = bounds.heads[tail, start + column]
            truths = links(self._context, self._relation, heads, self._tails[left[tail]])
            self._low.scatter_reduce_(0, left[tail], truths, "amax")
            start, step = start + step, 2 * step
        return unseen


def _top_heads(context: Context, relation: int, tails: Tensor, count: int) -> HeadBounds:
    bounds = context.predictor.top_heads(relation, tails, count)
    assert bounds is not None, "plans without a price for such bounds do not come here"
    return bounds


def column(context: Context, step: Step, _: list[Value], frame: Frame) -> Value:
    """What leads to each target: truths of the heads whose bound reaches the floor, and bounds."""
    target, relation = (frame.ids(reference) for reference in step.references)
    parts = [_column(context, int(relation[i]), target[i : i + 1]) for i in range(target.shape[0])]
    if any(isinstance(part, Bounds) for part in parts):
        lower = concatenate([as_vector(least(part)) for part in parts])
        return Bounds(lower, concatenate([as_vector(most(part)) for part in parts]))
    return concatenate([as_vector(part) for part in parts])


def _column(context: Context, relation: int, tail: Tensor) -> Value:
    """tail: (1,)."""
    floor, entities = context.floor, context.entity_count
    count = _HEADS_AT_FIRST
    context.foreseen += 1
    bounds = _top_heads(context, relation, tail, count)
    while count < entities and float(bounds.rest) > 0 and float(bounds.rest) >= floor:
        count *= _HEADS_MORE
        bounds = _top_heads(context, relation, tail, count)
    listed = torch.nonzero(bounds.most[0] > 0).view(-1)
    heads, order = bounds.heads[0, listed].sort()
    high = bounds.most[0, listed][order].to(context.dtype)
    exact = bounds.exact[0, listed][order]
    seen = torch.nonzero(~exact & (high >= floor)).view(-1)
    truths = high.clone()
    truths[seen] = links(context, relation, heads[seen], tail.expand(seen.shape[0]))
    low = truths.masked_fill(~exact & (high < floor), 0.0)
    rest = bounds.rest.to(context.dtype)
    found = TruthVector.from_keys(entities, context.zeros(1), heads[low > 0], low[low > 0])
    if torch.equal(low, truths) and not float(rest):
        return found
    return Bounds(found, TruthVector.from_keys(entities, rest, heads, truths))


def links(context: Context, relation: int, heads: Tensor, tails: Tensor) -> Tensor:
    """heads, tails: (links,) -> (links,) truths, out of the rows of the heads."""
    context.pairs += heads.shape[0]
    rows, index = heads.unique(return_inverse=True)
    size = max(1, int(context.max_entries / (2 * max(1.0, context.store.mean_entries))))
    truths = context.zeros(heads.shape[0])
    for start in range(0, rows.shape[0], size):
        part = rows[start : start + size]
        vector = context.store.gather(part, torch.full_like(part, relation))
        here = torch.nonzero((index >= start) & (index < start + size)).view(-1)
        truths[here] = vector.at((index[here] - start) * context.entity_count + tails[here])
    return truths
