"""Steps that bind a variable and compute a block once per (instance, entity) pair."""

from __future__ import annotations

from dataclasses import replace

import torch
from torch import Tensor

from kgreason.compute import Step
from kgreason.execution.bindings import Bindings, Chunk, Run, candidates, chunks
from kgreason.execution.execution import Execution, Frame, as_vector
from kgreason.execution.fused import is_made_of_rows, is_row, rows_of
from kgreason.execution.memory import RESULTS
from kgreason.execution.unseen import at_most, raised, top_candidates
from kgreason.execution.values import (
    Bounds,
    Exact,
    Table,
    TableBounds,
    Value,
    is_open,
    lower,
    stack,
    upper,
)
from kgreason.truth import operations
from kgreason.truth.operations import scale
from kgreason.truth.segments import exists_by_segment, exists_over_rows
from kgreason.truth.vector import TruthVector, concatenate


def project(execution: Execution, step: Step, inputs: list[Value], frame: Frame, run: Run) -> Value:
    """∃ over the variable of T(source, block), entity by entity.

    Pairs whose source is below the threshold are left out. None of them makes an entity truer than
    its source, as T(a, b) ≤ a, which bounds the result from above.
    """
    gathered, left = _Gathered(execution, frame.size), None
    if is_made_of_rows(step):
        every = candidates(execution, inputs[0], execution.setting.frontier)
        if is_row(step):
            every, left = top_candidates(execution, step, frame, every)
        for pairs, chosen in rows_of(execution, step, inputs[0], frame, every, run):
            gathered.add_rows(pairs, chosen)
    else:
        for chunk in chunks(execution, step, inputs, frame, run, execution.setting.frontier):
            gathered.add(chunk)
    found = gathered.result()
    missed = operations.below(as_vector(upper(inputs[0])), execution.threshold)
    high = as_vector(upper(found))
    if bool(missed.any()):
        high = operations.at_least(high, at_most(execution, missed, 1.0))
    if left is not None:
        high = left.raised(execution, high)
    return found if high is upper(found) else Bounds(as_vector(lower(found)), high)


class _Gathered:
    """∃ over the pairs of chunk after chunk, from below and, where that differs, from above."""

    def __init__(self, execution: Execution, size: int) -> None:
        self._context = execution
        self._size = size
        self._lower: list[TruthVector] = []
        self._upper: list[TruthVector] = []
        self._instances: list[Tensor] = []
        self._exact = True

    def add(self, chunk: Chunk) -> None:
        """Bindings for each of which the block was computed."""
        pairs, value = chunk.pairs, chunk.value
        logic, (first, count) = self._context.logic, pairs.instances

        def over(found: TruthVector, truth: Tensor) -> TruthVector:
            scaled = scale(logic.conjoin, found, truth)
            return exists_by_segment(logic, scaled, pairs.instance - first, count)

        low = over(as_vector(lower(value)), pairs.lower)
        if pairs.is_exact and not isinstance(value, Bounds):
            self._put(first, low, low)
        else:
            self._put(first, low, over(as_vector(upper(value)), pairs.truth))

    def add_rows(self, pairs: Bindings, chosen: Tensor) -> None:
        """Bindings whose block is made of rows, at these positions of the store."""
        execution, (first, count) = self._context, pairs.instances
        nothing = TruthVector.constant(execution.entity_count, execution.zeros(count))

        def over(truth: Tensor) -> TruthVector:
            kept = slice(None) if pairs.is_exact else torch.nonzero(truth).flatten()
            own = pairs.instance[kept] - first
            held = execution.session.rows.held
            return exists_over_rows(execution.logic, held, chosen[kept], truth[kept], own, nothing)

        low = over(pairs.lower)
        self._put(first, low, low if pairs.is_exact else over(pairs.truth))

    def _put(self, first: int, low: TruthVector, high: TruthVector) -> None:
        self._lower.append(low)
        self._upper.append(high)
        self._instances.append(torch.arange(first, first + len(low), device=self._context.device))
        self._exact = self._exact and low is high

    def result(self) -> Value:
        """The whole; an instance whose pairs fell into two chunks has two partial rows."""
        execution = self._context
        if not self._lower:
            return TruthVector.constant(execution.entity_count, execution.zeros(self._size))
        if len(self._lower) == 1 and len(self._lower[0]) == self._size:
            (low,), (high,) = self._lower, self._upper
            return low if self._exact else Bounds(low, high)
        instances = torch.cat(self._instances)
        low = exists_by_segment(execution.logic, concatenate(self._lower), instances, self._size)
        if self._exact:
            return low
        high = exists_by_segment(execution.logic, concatenate(self._upper), instances, self._size)
        return Bounds(low, high)


def refine(execution: Execution, step: Step, inputs: list[Value], frame: Frame, run: Run) -> Value:
    """T(source, block) for every entity of the variable, but for those below the threshold."""
    keys, lows, highs = [], [], []
    exact = True
    for chunk in chunks(execution, step, inputs, frame, run):
        pairs = chunk.pairs
        keys.append(pairs.instance * execution.entity_count + pairs.entity)
        low, high = lower(chunk.value), upper(chunk.value)
        assert isinstance(low, Tensor)
        assert isinstance(high, Tensor)
        lows.append(execution.logic.conjoin(pairs.lower, low))
        highs.append(execution.logic.conjoin(pairs.truth, high))
        exact = exact and pairs.is_exact and low is high
    nothing = TruthVector.constant(execution.entity_count, execution.zeros(frame.size))
    source = as_vector(upper(inputs[0]))
    key = torch.cat(keys) if keys else torch.zeros(0, dtype=torch.int64, device=execution.device)
    found = _listed(nothing, key, lows)
    exact = exact and not bool(operations.below(source, execution.threshold).any())
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


def tabulate(
    execution: Execution, step: Step, inputs: list[Value], frame: Frame, run: Run
) -> Value:
    """T(source, block) for every pair; nothing is quantified.

    Pairs whose source is below the threshold are left out. No tuple is truer than its pair's
    source, as T(a, b) ≤ a, which bounds those that are not listed. LimitError when the tuples
    cannot be held.
    """
    lows: list[Table] = []
    highs: list[Table] = []
    missed = operations.below(as_vector(upper(inputs[0])), execution.threshold)
    unseen, exact = at_most(execution, missed, 1.0), True
    held = execution.session.pool.own(RESULTS)
    for chunk in chunks(execution, step, inputs, frame, run):
        low, high, rest = _tables(execution, chunk)
        unseen = unseen.scatter_reduce(0, chunk.pairs.instance, rest, "amax")
        lows.append(low)
        highs.append(high)
        exact = exact and low is high
        execution.session.pool.grow(held, high.vector.entities.shape[0], "answer tuples")
    low = stack(lows) if lows else _no_tuples(execution, step)
    if exact and not bool(unseen.any()):
        return low
    return TableBounds(low, stack(highs) if highs else low, unseen)


def _no_tuples(execution: Execution, step: Step) -> Table:
    none = torch.zeros(0, dtype=torch.int64, device=execution.device)
    nothing = TruthVector.constant(execution.entity_count, execution.zeros(0))
    return Table(none, none.reshape(0, step.number), nothing)


def _tables(execution: Execution, chunk: Chunk) -> tuple[Table, Table, Tensor]:
    """Lower and upper bounds of a chunk's tuples, one table where they agree.

    (pairs,) what no tuple of a pair that is not listed exceeds.
    """
    pairs, value = chunk.pairs, chunk.value
    low = _table(execution, pairs, pairs.lower, lower(value))
    if pairs.is_exact and not is_open(value):
        return low, low, torch.zeros_like(pairs.truth)
    high = _table(execution, pairs, pairs.truth, upper(value))
    match value:
        case TableBounds():
            rest = value.unseen
        case Table():
            rest = torch.zeros_like(pairs.truth)
        case _:
            # The background of an upper bound holds for whatever is not listed.
            rest = as_vector(upper(value)).background
    return low, high, execution.logic.conjoin(raised(pairs.truth), rest)


def _table(execution: Execution, pairs: Bindings, truth: Tensor, value: Exact) -> Table:
    """T(truth, value) of each pair as tuples, without rows that list nothing."""
    conjoin = execution.logic.conjoin
    if isinstance(value, Table):
        columns = torch.cat([pairs.entity[value.instance][:, None], value.columns], 1)
        weighted = scale(conjoin, value.vector, truth[value.instance])
        return _without_empty(Table(pairs.instance[value.instance], columns, weighted))
    vector = as_vector(value)
    nothing = torch.zeros_like(vector.background)
    vector = scale(conjoin, replace(vector, background=nothing), truth)
    return _without_empty(Table(pairs.instance, pairs.entity[:, None], vector))


def _without_empty(table: Table) -> Table:
    keep = torch.nonzero(table.vector.offsets.diff() > 0).flatten()
    if keep.shape[0] == table.instance.shape[0]:
        return table
    return Table(table.instance[keep], table.columns[keep], table.vector.select(keep))
