"""Steps that bind a variable and compute a block once per (instance, entity) pair."""

from __future__ import annotations

import torch
from torch import Tensor

from kgreason.compute import Step
from kgreason.errors import LimitError
from kgreason.execution.block_rows import is_made_of_rows, is_row, rows_of
from kgreason.execution.context import Context, Frame, as_vector
from kgreason.execution.crowd import at_most, foremost
from kgreason.execution.pairs import Chunk, Pairs, Run, candidates, chunks
from kgreason.execution.values import Bounds, Table, Value, least, most, stack
from kgreason.truth import operations
from kgreason.truth.operations import scale
from kgreason.truth.owners import exists_by_owner, exists_over_rows
from kgreason.truth.vector import TruthVector, concatenate


def project(context: Context, step: Step, inputs: list[Value], frame: Frame, run: Run) -> Value:
    """∃ over the variable of T(source, block), entity by entity.

    Pairs whose source is below the floor are left out: none of them makes an entity truer than its
    source, as T(a, b) ≤ a, which bounds the result from above.
    """
    gathered, left = _Gathered(context, frame.size), None
    if is_made_of_rows(step):
        every = candidates(context, inputs[0], context.frontier)
        if is_row(step):
            every, left = foremost(context, step, frame, every)
        for pairs, chosen in rows_of(context, step, inputs[0], frame, every, run):
            gathered.add_rows(pairs, chosen)
    else:
        for chunk in chunks(context, step, inputs, frame, run, context.frontier):
            gathered.add(chunk)
    found = gathered.result()
    missed = operations.below(as_vector(most(inputs[0])), context.floor)
    high = as_vector(most(found))
    if bool(missed.any()):
        high = operations.at_least(high, at_most(context, missed, 1.0))
    if left is not None:
        high = left.raised(context, high)
    return found if high is most(found) else Bounds(as_vector(least(found)), high)


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
        """Pairs whose block is made of rows, at these positions of the store."""
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
    for chunk in chunks(context, step, inputs, frame, run):
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
    for chunk in chunks(context, step, inputs, frame, run):
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
