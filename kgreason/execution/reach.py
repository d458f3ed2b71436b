"""Scans by tail: heads in descending order of the upper bound of their link to an entity.

Only the rows of heads that matter are scored. For ∃x r(x, y) those are the heads that may be the
truest; for all x with r(x, y), those whose bound reaches the threshold.
"""

from __future__ import annotations

import torch
from torch import Tensor

from kgreason.compute import Step
from kgreason.execution.execution import Execution, Frame, as_vector
from kgreason.execution.values import Bounds, Value, lower, upper
from kgreason.predictors.protocol import HeadBounds
from kgreason.truth.vector import TruthVector, concatenate

_HEADS_AT_FIRST = 32
_HEADS_MORE = 16
# Tails at a time where time may run out, which is only seen in between.
_TIMED_TAILS = 64


def reach(execution: Execution, step: Step, _: list[Value], frame: Frame) -> Value:
    """The truest link of a relation to each target."""
    target, relation = (frame.ids(reference) for reference in step.references)
    count = execution.entity_count
    keys, index = (relation * count + target).unique(return_inverse=True)
    low, high = execution.learned.find(keys, execution.ones(1))
    is_open = high > low.clamp(min=execution.threshold)
    for one in (keys[is_open] // count).unique().tolist():
        every = torch.nonzero(is_open & (keys // count == one)).view(-1)
        for mine in every.split(_TIMED_TAILS if execution.meter.is_timed else every.shape[0]):
            search = _Search(execution, one, keys[mine] % count, low[mine])
            low[mine], high[mine] = search.run()
            execution.learned.learn(keys[mine], low[mine], high[mine])
    # Of what was not looked at nothing is known but that it is a truth.
    low, high = low[index], high.clamp(max=1)[index]
    return low if torch.equal(low, high) else Bounds(low, high)


class _Search:
    """The truest link of one relation to each of some tails, down to the threshold.

    low: (tails,) what it is proved to be at least.
    """

    def __init__(self, execution: Execution, relation: int, tails: Tensor, low: Tensor) -> None:
        self._execution = execution
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
        self._execution.meter.foreseen += left.shape[0]
        return _top_heads(self._execution, self._relation, self._tails[left], count)

    def _may_matter(self, left: Tensor, most: Tensor) -> Tensor:
        """Whether heads with these bounds have to be looked at; most: (left,) or (left, heads)."""
        low = self._low[left].reshape(-1, *[1] * (most.dim() - 1))
        return (most > low) & (most >= self._execution.threshold)

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
            truths = links(self._execution, self._relation, heads, self._tails[left[tail]])
            self._low.scatter_reduce_(0, left[tail], truths, "amax")
            start, step = start + step, 2 * step
        return unseen


def _top_heads(execution: Execution, relation: int, tails: Tensor, count: int) -> HeadBounds:
    execution.meter.check()
    bounds = execution.predictor.top_heads(relation, tails, count)
    assert bounds is not None, "only planned where the price names such bounds"
    return bounds


def column(execution: Execution, step: Step, _: list[Value], frame: Frame) -> Value:
    """What leads to each target: truths of heads whose bound reaches the threshold, and bounds."""
    target, relation = (frame.ids(reference) for reference in step.references)
    parts = [
        _column(execution, int(relation[i]), target[i : i + 1]) for i in range(target.shape[0])
    ]
    if any(isinstance(part, Bounds) for part in parts):
        low = concatenate([as_vector(lower(part)) for part in parts])
        return Bounds(low, concatenate([as_vector(upper(part)) for part in parts]))
    return concatenate([as_vector(part) for part in parts])


def _column(execution: Execution, relation: int, tail: Tensor) -> Value:
    """tail: (1,)."""
    threshold, entities = execution.threshold, execution.entity_count
    count = _HEADS_AT_FIRST
    execution.meter.foreseen += 1
    bounds = _top_heads(execution, relation, tail, count)
    while count < entities and float(bounds.rest) > 0 and float(bounds.rest) >= threshold:
        count *= _HEADS_MORE
        bounds = _top_heads(execution, relation, tail, count)
    listed = torch.nonzero(bounds.most[0] > 0).view(-1)
    heads, order = bounds.heads[0, listed].sort()
    high = bounds.most[0, listed][order].to(execution.dtype)
    exact = bounds.exact[0, listed][order]
    seen = torch.nonzero(~exact & (high >= threshold)).view(-1)
    truths = high.clone()
    truths[seen] = links(execution, relation, heads[seen], tail.expand(seen.shape[0]))
    low = truths.masked_fill(~exact & (high < threshold), 0.0)
    rest = bounds.rest.to(execution.dtype)
    found = TruthVector.from_keys(entities, execution.zeros(1), heads[low > 0], low[low > 0])
    if torch.equal(low, truths) and not float(rest):
        return found
    return Bounds(found, TruthVector.from_keys(entities, rest, heads, truths))


def links(execution: Execution, relation: int, heads: Tensor, tails: Tensor) -> Tensor:
    """heads, tails: (links,) -> (links,) truths, out of the rows of the heads."""
    execution.meter.pairs += heads.shape[0]
    rows, index = heads.unique(return_inverse=True)
    size = max(1, int(execution.max_entries / (2 * max(1.0, execution.session.rows.mean_entries))))
    truths = execution.zeros(heads.shape[0])
    for start in range(0, rows.shape[0], size):
        part = rows[start : start + size]
        vector = execution.gather(part, torch.full_like(part, relation))
        here = torch.nonzero((index >= start) & (index < start + size)).view(-1)
        truths[here] = vector.at((index[here] - start) * execution.entity_count + tails[here])
    return truths
