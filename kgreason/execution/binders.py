"""Steps that bind a variable and compute a block once per (instance, entity) pair.

The pairs go through in chunks whose entries fit the memory ceiling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from kgreason.compute import BINDERS, Block, Kind, Step
from kgreason.errors import LimitError
from kgreason.execution.context import Context, Frame, as_vector
from kgreason.execution.values import Table, Value, select, stack
from kgreason.truth.operations import exists_by_owner, scale
from kgreason.truth.vector import TruthVector, concatenate

Run = Callable[[Block, Frame], Value]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Pairs of one chunk: their instance, entity and truth in the source, and the block's value.

    owner: (pairs,) ascending; entity, truth: (pairs,).
    """

    owner: Tensor
    entity: Tensor
    truth: Tensor
    value: Value


def project(context: Context, step: Step, inputs: list[Value], frame: Frame, run: Run) -> Value:
    """∃ over the variable of T(source, block), entity by entity."""
    logic = context.logic
    parts: list[TruthVector] = []
    owners: list[Tensor] = []
    for chunk in _chunks(context, step, inputs, frame, run, context.frontier):
        weighted = scale(logic.conjoin, as_vector(chunk.value), chunk.truth)
        first, count = int(chunk.owner[0]), int(chunk.owner[-1] - chunk.owner[0]) + 1
        parts.append(exists_by_owner(logic, weighted, chunk.owner - first, count))
        owners.append(torch.arange(first, first + count, device=context.device))
    if not parts:
        return TruthVector.constant(context.entity_count, context.zeros(frame.size))
    # An instance whose pairs fell into two chunks has two partial rows: ∃ gathers them.
    return exists_by_owner(logic, concatenate(parts), torch.cat(owners), frame.size)


def refine(context: Context, step: Step, inputs: list[Value], frame: Frame, run: Run) -> Value:
    """T(source, block) for every entity of the variable."""
    keys, truths = [], []
    for chunk in _chunks(context, step, inputs, frame, run):
        assert isinstance(chunk.value, Tensor)
        keys.append(chunk.owner * context.entity_count + chunk.entity)
        truths.append(context.logic.conjoin(chunk.truth, chunk.value))
    background = context.zeros(frame.size)
    if not keys:
        return TruthVector.constant(context.entity_count, background)
    key, truth = torch.cat(keys), torch.cat(truths)
    return TruthVector.from_keys(context.entity_count, background, key[truth > 0], truth[truth > 0])


def tabulate(context: Context, step: Step, inputs: list[Value], frame: Frame, run: Run) -> Value:
    """T(source, block) for every pair; nothing is quantified. LimitError when it cannot be held."""
    tables: list[Table] = []
    held = 0
    for chunk in _chunks(context, step, inputs, frame, run):
        tables.append(_without_empty(_table(context, chunk)))
        held += tables[-1].vector.entities.shape[0]
        if held > 4 * context.max_entries:
            raise LimitError(
                f"the question has more than {held:,} answer tuples, beyond the memory ceiling",
                remedy="ask for fewer answer variables, bind one, or raise the ceiling",
            )
    if tables:
        return stack(tables)
    none = torch.zeros(0, dtype=torch.int64, device=context.device)
    nothing = TruthVector.constant(context.entity_count, context.zeros(0))
    return Table(none, none.reshape(0, step.number), nothing)


def _table(context: Context, chunk: Chunk) -> Table:
    conjoin, value = context.logic.conjoin, chunk.value
    if isinstance(value, Table):
        columns = torch.cat([chunk.entity[value.owner][:, None], value.columns], 1)
        weighted = scale(conjoin, value.vector, chunk.truth[value.owner])
        return Table(chunk.owner[value.owner], columns, weighted)
    weighted = scale(conjoin, as_vector(value), chunk.truth)
    return Table(chunk.owner, chunk.entity[:, None], weighted)


def _without_empty(table: Table) -> Table:
    keep = torch.nonzero(table.vector.offsets.diff() > 0).flatten()
    if keep.shape[0] == table.owner.shape[0]:
        return table
    return Table(table.owner[keep], table.columns[keep], table.vector.select(keep))


def _chunks(
    context: Context,
    step: Step,
    inputs: list[Value],
    frame: Frame,
    run: Run,
    frontier: int | None = None,
) -> Iterator[Chunk]:
    assert step.block is not None
    source, *outside = inputs
    owner, entity, truth = as_vector(source).expand()
    if frontier is not None:
        kept = _truest(owner, truth, frontier)
        owner, entity, truth = owner[kept], entity[kept], truth[kept]
    context.pairs += owner.shape[0]
    for part in _segments(context, step.block, owner.shape[0]):
        segment = _inside(frame, [], owner[part], entity[part])
        taken = _lengths(outside, owner[part])
        for a, b in _ranges(context, step.block, segment, taken):
            here = slice(part.start + a, part.start + b)
            inside = _inside(frame, outside, owner[here], entity[here])
            yield Chunk(owner[here], entity[here], truth[here], run(step.block, inside))


def _truest(owner: Tensor, truth: Tensor, count: int) -> Tensor:
    """Positions, ascending, of each owner's `count` truest pairs; among equals the first.

    owner: (pairs,) ascending; truth: (pairs,).
    """
    order = torch.argsort(truth, descending=True, stable=True)
    order = order[torch.argsort(owner[order], stable=True)]
    place = torch.arange(order.shape[0], device=owner.device) - torch.searchsorted(owner, owner)
    return order[place < count].sort().values


def _inside(frame: Frame, outside: list[Value], owner: Tensor, entity: Tensor) -> Frame:
    bound = (*(ids[owner] for ids in frame.bound), entity)
    taken = tuple(select(value, owner) for value in outside)
    return Frame(owner.shape[0], bound, frame.slots[owner], taken)


def _segments(context: Context, block: Block, pairs: int) -> Iterator[slice]:
    """Ranges of pairs whose rows, at their usual length, fit the store and the ceiling."""
    rows = sum(step.kind in (Kind.ROW, Kind.LINK) for step in block.steps)
    usual = max(1.0, 2 * rows * context.store.mean_entries)
    size = max(1, int(context.max_entries / usual))
    for start in range(0, pairs, size):
        yield slice(start, min(pairs, start + size))


def _ranges(
    context: Context, block: Block, frame: Frame, taken: Tensor
) -> Iterator[tuple[int, int]]:
    """Ranges of a segment's pairs whose entries fit the ceiling, each of at least one pair.

    taken: (pairs,) entries that each pair takes in from outside.
    """
    cost = taken + 1
    for step in block.steps:
        if step.kind is Kind.ROW:
            source, relation = step.references
            cost += context.store.lengths(frame.ids(source), frame.ids(relation))
        elif step.kind in BINDERS:
            cost += context.entity_count
    total = cost.cumsum(0)
    start = 0
    while start < frame.size:
        before = int(total[start - 1]) if start else 0
        end = int(torch.searchsorted(total, before + context.max_entries, right=True))
        end = max(start + 1, end)
        yield start, end
        start = end


def _lengths(values: list[Value], rows: Tensor) -> Tensor:
    """Entries that the named rows of all the vectors list: (rows,) int64."""
    total = torch.zeros_like(rows)
    for value in values:
        if isinstance(value, TruthVector):
            total += value.offsets.diff()[rows]
    return total
