"""The bindings of a variable, pairs of an instance and an entity, as many as fit the ceiling."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from kgreason.compute import BINDERS, Block, Kind, Step
from kgreason.execution.execution import Execution, Frame, as_vector
from kgreason.execution.values import Bounds, Value, lower, select, upper
from kgreason.truth.vector import TruthVector

Run = Callable[[Block, Frame], Value]


@dataclass(frozen=True, slots=True)
class Bindings:
    """Bindings of a variable: instance, entity and truth in the source.

    instance: (pairs,) ascending; entity: (pairs,); truth, lower: (pairs,) the most and the least
    that the source is there, one tensor where they agree.
    """

    instance: Tensor
    entity: Tensor
    truth: Tensor
    lower: Tensor

    def __len__(self) -> int:
        return self.instance.shape[0]

    def __getitem__(self, part: slice | Tensor) -> Bindings:
        truth = self.truth[part]
        lower = truth if self.is_exact else self.lower[part]
        return Bindings(self.instance[part], self.entity[part], truth, lower)

    @property
    def is_exact(self) -> bool:
        """Whether the source's truths are known."""
        return self.lower is self.truth

    @property
    def instances(self) -> tuple[int, int]:
        """The first instance of one or more pairs, and how many from it to the last."""
        first = int(self.instance[0])
        return first, int(self.instance[-1]) - first + 1


@dataclass(frozen=True, slots=True)
class Chunk:
    """Bindings with the block's value, an instance for each."""

    pairs: Bindings
    value: Value


def chunks(
    execution: Execution,
    step: Step,
    inputs: list[Value],
    frame: Frame,
    run: Run,
    frontier: int | None = None,
) -> Iterator[Chunk]:
    """The source's pairs with the block's values, so many at a time as fit the memory ceiling."""
    assert step.block is not None
    every = candidates(execution, inputs[0], frontier)
    yield from computed(execution, step.block, inputs[1:], frame, run, every)


def computed(
    execution: Execution,
    block: Block,
    outside: list[Value],
    frame: Frame,
    run: Run,
    every: Bindings,
) -> Iterator[Chunk]:
    """Bindings with the block's values. outside: what the block takes in from outside."""
    for part in segments(execution, block, len(every)):
        pairs = every[part]
        segment = inside(frame, [], pairs)
        taken = _lengths(outside, pairs.instance)
        for a, b in _ranges(execution, block, segment, taken):
            execution.meter.check()
            here = pairs[a:b]
            yield Chunk(here, run(block, inside(frame, outside, here)))


def candidates(execution: Execution, source: Value, frontier: int | None) -> Bindings:
    """The pairs of a source that are not below the threshold, counted."""
    instance, entity, truth = as_vector(upper(source)).expand(execution.threshold)
    if frontier is not None:
        kept = _truest(instance, truth, frontier)
        instance, entity, truth = instance[kept], entity[kept], truth[kept]
    lower = truth
    if isinstance(source, Bounds):
        lower = as_vector(source.lower).at(instance * execution.entity_count + entity)
    execution.meter.pairs += instance.shape[0]
    return Bindings(instance, entity, truth, lower)


def _truest(instance: Tensor, truth: Tensor, count: int) -> Tensor:
    """Positions, ascending, of each instance's `count` truest pairs; among equals the first.

    instance: (pairs,) ascending; truth: (pairs,).
    """
    order = torch.argsort(truth, descending=True, stable=True)
    order = order[torch.argsort(instance[order], stable=True)]
    place = torch.arange(order.shape[0], device=instance.device) - torch.searchsorted(
        instance, instance
    )
    return order[place < count].sort().values


def inside(frame: Frame, outside: list[Value], pairs: Bindings) -> Frame:
    """The surroundings in which the block is computed, an instance for each pair."""
    instance = pairs.instance
    bound = (*(ids[instance] for ids in frame.bound), pairs.entity)
    taken = tuple(select(value, instance) for value in outside)
    return Frame(len(pairs), bound, frame.slots[instance], taken)


def segments(execution: Execution, block: Block, pairs: int) -> Iterator[slice]:
    """Ranges of pairs whose rows, at their usual length, fit the store and the ceiling."""
    rows = sum(step.kind in (Kind.ROW, Kind.LINK) for step in block.steps)
    usual = max(1.0, 2 * rows * execution.session.rows.mean_entries)
    size = max(1, int(execution.max_entries / usual))
    for start in range(0, pairs, size):
        yield slice(start, min(pairs, start + size))


def _ranges(
    execution: Execution, block: Block, frame: Frame, taken: Tensor
) -> Iterator[tuple[int, int]]:
    """Ranges of a segment's pairs whose entries fit the ceiling, each of at least one pair.

    taken: (pairs,) entries that each pair takes in from outside.
    """
    cost = taken + 1
    for step in block.steps:
        if step.kind is Kind.ROW:
            source, relation = step.references
            ids = frame.ids(source), frame.ids(relation)
            cost += execution.session.rows.lengths(*ids, execution.meter)
        elif step.kind in BINDERS or step.kind is Kind.COLUMN:
            cost += execution.entity_count
    total = cost.cumsum(0)
    start = 0
    while start < frame.size:
        before = int(total[start - 1]) if start else 0
        end = int(torch.searchsorted(total, before + execution.max_entries, right=True))
        end = max(start + 1, end)
        yield start, end
        start = end


def _lengths(values: list[Value], rows: Tensor) -> Tensor:
    """Entries that the named rows of all the vectors list: (rows,) int64."""
    total = torch.zeros_like(rows)
    for value in values:
        for vector in {id(v): v for v in (lower(value), upper(value))}.values():
            if isinstance(vector, TruthVector):
                total += vector.offsets.diff()[rows]
    return total
