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
from kgreason.truth.operations import scale
from kgreason.truth.owners import exists_by_owner, exists_over_rows
from kgreason.truth.vector import TruthVector, concatenate

Run = Callable[[Block, Frame], Value]

_ROUNDING = 1e-5


@dataclass(frozen=True, slots=True)
class Pairs:
    """Bindings of a variable: instance, entity and truth in the source.

    owner: (pairs,) ascending; entity: (pairs,); truth, lower: (pairs,) the most and the least that
    the source is there, one tensor where they agree.
    """

    owner: Tensor
    entity: Tensor
    truth: Tensor
    lower: Tensor

    def __len__(self) -> int:
        return self.owner.shape[0]

    def __getitem__(self, part: slice | Tensor) -> Pairs:
        truth = self.truth[part]
        lower = truth if self.is_exact else self.lower[part]
        return Pairs(self.owner[part], self.entity[part], truth, lower)

    @property
    def is_exact(self) -> bool:
        """Whether the source's truths are known."""
        return self.lower is self.truth

    @property
    def owners(self) -> tuple[int, int]:
        """The first instance of one or more pairs, and how many from it to the last."""
        first = int(self.owner[0])
        return first, int(self.owner[-1]) - first + 1


@dataclass(frozen=True, slots=True)
class Chunk:
    """Pairs with the block's value, an instance for each."""

    pairs: Pairs
    value: Value


def project(context: Context, step: Step, inputs: list[Value], frame: Frame, run: Run) -> Value:
    """∃ over the variable of T(source, block), entity by entity.

    Pairs whose source is below the floor are left out: none of them makes an entity truer than its
    source, as T(a, b) ≤ a, which bounds the result from above.
    """
    gathered = _Gathered(context, frame.size)
    if _is_row(step):
        for pairs, chosen in _rows(context, step, inputs, frame):
            gathered.add_rows(pairs, chosen)
    else:
        for chunk in _chunks(context, step, inputs, frame, run, context.frontier):
            gathered.add(chunk)
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

    def add(self, chunk: Chunk) -> None:
        """Pairs for each of which the block was computed."""
        pairs, value = chunk.pairs, chunk.value
        logic, (first, count) = self._context.logic, pairs.owners

        def over(found: TruthVector, truth: Tensor) -> TruthVector:
            scaled = scale(logic.conjoin, found, truth)
            return exists_by_owner(logic, scaled, pairs.owner - first, count)

        low = over(as_vector(least(value)), pairs.lower)
        if pairs.is_exact and not isinstance(value, Bounds):
            self._put(first, low, low)
        else:
            self._put(first, low, over(as_vector(most(value)), pairs.truth))

    def add_rows(self, pairs: Pairs, chosen: Tensor) -> None:
        """Pairs whose block is a row, at these positions of the store."""
        context, (first, count) = self._context, pairs.owners
        nothing = TruthVector.constant(context.entity_count, context.zeros(count))

        def over(truth: Tensor) -> TruthVector:
            kept = slice(None) if pairs.is_exact else torch.nonzero(truth).flatten()
            own = pairs.owner[kept] - first
            held = context.store.held
            return exists_over_rows(context.logic, held, chosen[kept], truth[kept], own, nothing)

        low = over(pairs.lower)
        self._put(first, low, low if pairs.is_exact else over(pairs.truth))

    def _put(self, first: int, low: TruthVector, high: TruthVector) -> None:
        self._lower.append(low)
        self._upper.append(high)
        self._owners.append(torch.arange(first, first + len(low), device=self._context.device))
        self._exact = self._exact and low is high

    def result(self) -> Value:
        """The whole; an instance whose pairs fell into two chunks has two partial rows."""
        context = self._context
        if not self._lower:
            return TruthVector.constant(context.entity_count, context.zeros(self._size))
        if len(self._lower) == 1 and len(self._lower[0]) == self._size:
            (low,), (high,) = self._lower, self._upper
            return low if self._exact else Bounds(low, high)
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
        pairs = chunk.pairs
        keys.append(pairs.owner * context.entity_count + pairs.entity)
        low, high = least(chunk.value), most(chunk.value)
        assert isinstance(low, Tensor)
        assert isinstance(high, Tensor)
        lows.append(context.logic.conjoin(pairs.lower, low))
        highs.append(context.logic.conjoin(pairs.truth, high))
        exact = exact and pairs.is_exact and low is high
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
    conjoin, pairs, value = context.logic.conjoin, chunk.pairs, chunk.value
    if isinstance(value, Table):
        columns = torch.cat([pairs.entity[value.owner][:, None], value.columns], 1)
        weighted = scale(conjoin, value.vector, pairs.truth[value.owner])
        return Table(pairs.owner[value.owner], columns, weighted)
    weighted = scale(conjoin, as_vector(value), pairs.truth)
    return Table(pairs.owner, pairs.entity[:, None], weighted)


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
    outside = inputs[1:]
    every = _pairs(context, inputs[0], frontier)
    for part in _segments(context, step.block, len(every)):
        pairs = every[part]
        segment = _inside(frame, [], pairs)
        taken = _lengths(outside, pairs.owner)
        for a, b in _ranges(context, step.block, segment, taken):
            here = pairs[a:b]
            yield Chunk(here, run(step.block, _inside(frame, outside, here)))


def _rows(
    context: Context, step: Step, inputs: list[Value], frame: Frame
) -> Iterator[tuple[Pairs, Tensor]]:
    """Pairs of a block that is a row, with the row's position in the store."""
    assert step.block is not None
    source, relation = step.block.steps[0].references
    every = _pairs(context, inputs[0], context.frontier)
    for part in _segments(context, step.block, len(every)):
        inside = _inside(frame, [], every[part])
        yield every[part], context.store.positions(inside.ids(source), inside.ids(relation))


def _is_row(step: Step) -> bool:
    assert step.block is not None
    return [inner.kind for inner in step.block.steps] == [Kind.ROW]


def _pairs(context: Context, source: Value, frontier: int | None) -> Pairs:
    """The pairs of a source that are not below the floor, counted."""
    owner, entity, truth = as_vector(most(source)).expand(context.floor)
    if frontier is not None:
        kept = _truest(owner, truth, frontier)
        owner, entity, truth = owner[kept], entity[kept], truth[kept]
    lower = truth
    if isinstance(source, Bounds):
        lower = as_vector(source.lower).at(owner * context.entity_count + entity)
    context.pairs += owner.shape[0]
    return Pairs(owner, entity, truth, lower)


def _truest(owner: Tensor, truth: Tensor, count: int) -> Tensor:
    """Positions, ascending, of each owner's `count` truest pairs; among equals the first.

    owner: (pairs,) ascending; truth: (pairs,).
    """
    order = torch.argsort(truth, descending=True, stable=True)
    order = order[torch.argsort(owner[order], stable=True)]
    place = torch.arange(order.shape[0], device=owner.device) - torch.searchsorted(owner, owner)
    return order[place < count].sort().values


def _inside(frame: Frame, outside: list[Value], pairs: Pairs) -> Frame:
    owner = pairs.owner
    bound = (*(ids[owner] for ids in frame.bound), pairs.entity)
    taken = tuple(select(value, owner) for value in outside)
    return Frame(len(pairs), bound, frame.slots[owner], taken)


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
        for vector in {id(v): v for v in (least(value), most(value))}.values():
            if isinstance(vector, TruthVector):
                total += vector.offsets.diff()[rows]
    return total
