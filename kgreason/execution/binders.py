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
from kgreason.execution.values import Bounds, Table, Value, least, most, select, stack
from kgreason.truth import operations
from kgreason.truth.operations import exists_by_owner, scale
from kgreason.truth.vector import TruthVector, concatenate

Run = Callable[[Block, Frame], Value]

_ROUNDING = 1e-5


@dataclass(frozen=True, slots=True)
class Chunk:
    """Pairs of one chunk: their instance, entity and truth in the source, and the block's value.

    owner: (pairs,) ascending; entity: (pairs,); truth, lower: (pairs,) the most and the least that
    the source is there, one tensor where they agree.
    """

    owner: Tensor
    entity: Tensor
    truth: Tensor
    lower: Tensor
    value: Value


def project(context: Context, step: Step, inputs: list[Value], frame: Frame, run: Run) -> Value:
    """∃ over the variable of T(source, block), entity by entity.

    Pairs whose source is below the floor are left out: none of them makes an entity truer than its
    source, as T(a, b) ≤ a, which bounds the result from above.
    """
    gathered = _Gathered(context, frame.size)
    for chunk in _chunks(context, step, inputs, frame, run, context.frontier):
        first, count = int(chunk.owner[0]), int(chunk.owner[-1] - chunk.owner[0]) + 1
        gathered.add(chunk, first, count)
    found = gathered.result()
    missed = operations.below(as_vector(most(inputs[0])), context.floor)
    if not bool(missed.any()):
        return found
    # A little above, for the t-norms whose rounding is not monotone to the last bit.
    left_out = context.logic.conjoin(missed * (1 + _ROUNDING), torch.ones_like(missed))
    return Bounds(as_vector(least(found)), operations.at_least(as_vector(most(found)), left_out))


class _Gathered:
    """∃ over the pairs of chunk after chunk, from below and, where that differs, from above."""

    def __init__(self, context: Context, size: int) -> None:
        self._context = context
        self._size = size
        self._lower: list[TruthVector] = []
        self._upper: list[TruthVector] = []
        self._owners: list[Tensor] = []
        self._exact = True

    def add(self, chunk: Chunk, first: int, count: int) -> None:
        value = chunk.value
        exact = chunk.lower is chunk.truth and not isinstance(value, Bounds)
        low = self._of_owners(as_vector(least(value)), chunk.lower, chunk.owner - first, count)
        high = low
        if not exact:
            high = self._of_owners(as_vector(most(value)), chunk.truth, chunk.owner - first, count)
            self._exact = False
        self._lower.append(low)
        self._upper.append(high)
        self._owners.append(torch.arange(first, first + count, device=self._context.device))

    def _of_owners(
        self, value: TruthVector, truth: Tensor, owner: Tensor, count: int
    ) -> TruthVector:
        logic = self._context.logic
        return exists_by_owner(logic, scale(logic.conjoin, value, truth), owner, count)

    def result(self) -> Value:
        """The whole; an instance whose pairs fell into two chunks has two partial rows."""
        context = self._context
        if not self._lower:
            return TruthVector.constant(context.entity_count, context.zeros(self._size))
        owners = torch.cat(self._owners)
        low = exists_by_owner(context.logic, concatenate(self._lower), owners, self._size)
        if self._exact:
            return low
        high = exists_by_owner(context.logic, concatenate(self._upper), owners, self._size)
        return Bounds(low, high)


def refine(context: Context, step: Step, inputs: list[Value], frame: Frame, run: Run) -> Value:
    """T(source, block) for every entity of the variable, those below the floor left untested."""
    keys, lows, highs = [], [], []
    exact = True
    for chunk in _chunks(context, step, inputs, frame, run):
        keys.append(chunk.owner * context.entity_count + chunk.entity)
        low, high = least(chunk.value), most(chunk.value)
        assert isinstance(low, Tensor)
        assert isinstance(high, Tensor)
        lows.append(context.logic.conjoin(chunk.lower, low))
        highs.append(context.logic.conjoin(chunk.truth, high))
        exact = exact and chunk.lower is chunk.truth and low is high
    nothing = TruthVector.constant(context.entity_count, context.zeros(frame.size))
    source = as_vector(most(inputs[0]))
    key = torch.cat(keys) if keys else torch.zeros(0, dtype=torch.int64, device=context.device)
    found = _listed(nothing, key, lows)
    exact = exact and not bool(operations.below(source, context.floor).any())
    return found if exact else Bounds(found, _listed(source, key, highs))


def _listed(base: TruthVector, key: Tensor, parts: list[Tensor]) -> TruthVector:
    """The base with other truths at the keys, which ascend."""
    if not parts:
        return base
    truth = torch.cat(parts)
    if not base.entities.shape[0] and base.is_sparse:
        return TruthVector.from_keys(
            base.entity_count, base.background, key[truth > 0], truth[truth > 0]
        )
    every = torch.cat([base.keys, key]).unique()
    at = torch.searchsorted(key, every).clamp(max=key.shape[0] - 1)
    truths = torch.where(key[at] == every, truth[at], base.at(every))
    return TruthVector.from_keys(base.entity_count, base.background, every, truths)


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
    owner, entity, truth = as_vector(most(source)).expand(context.floor)
    if frontier is not None:
        kept = _truest(owner, truth, frontier)
        owner, entity, truth = owner[kept], entity[kept], truth[kept]
    lows = truth
    if isinstance(source, Bounds):
        lows = as_vector(source.lower).at(owner * context.entity_count + entity)
    context.pairs += owner.shape[0]
    for part in _segments(context, step.block, owner.shape[0]):
        segment = _inside(frame, [], owner[part], entity[part])
        taken = _lengths(outside, owner[part])
        for a, b in _ranges(context, step.block, segment, taken):
            here = slice(part.start + a, part.start + b)
            inside = _inside(frame, outside, owner[here], entity[here])
            high = truth[here]
            low = high if lows is truth else lows[here]
            yield Chunk(owner[here], entity[here], high, low, run(step.block, inside))


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
        elif step.kind in BINDERS or step.kind is Kind.COLUMN:
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
        for vector in {id(v): v for v in (least(value), most(value))}.values():
            if isinstance(vector, TruthVector):
                total += vector.offsets.diff()[rows]
    return total
