"""The executor: one walk over the computation graph, generic over logic and predictor.

No logic, predictor or question shape is named here. A step of a kind is one function in `_STEPS`;
a binder computes its block once per pair of (instance, entity of its variable), in chunks whose
entries fit the memory ceiling.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import reduce

import torch
from torch import Tensor

from kgreason.compute import BINDERS, Block, Bound, ComputationGraph, Kind, Reference, Step
from kgreason.errors import LimitError
from kgreason.execution.row_store import RowStore, Work
from kgreason.execution.values import Table, Value, select, stack
from kgreason.predictors.base import LinkPredictor
from kgreason.truth import Logic
from kgreason.truth.operations import (
    complement,
    exists,
    exists_by_owner,
    intersect,
    scale,
    support,
    unite,
)
from kgreason.truth.vector import TruthVector, concatenate

# Bytes that an entry costs at the peak of a step: keys, gathered copies, scratch and the result.
_BYTES_PER_ENTRY = 96


@dataclass(frozen=True, slots=True)
class _Frame:
    """The surroundings of a step: how many rows, their bound entities, ids and outside inputs."""

    size: int
    bound: tuple[Tensor, ...]
    slots: Tensor
    outside: tuple[Value, ...]

    def ids(self, reference: Reference) -> Tensor:
        """(size,) int64 ids of a term or relation."""
        if isinstance(reference, Bound):
            return self.bound[reference.depth]
        return self.slots[:, reference.column]


class Executor:
    """Evaluates computation graphs under one logic over one predictor.

    max_memory: bytes of working memory; half of it may hold rows, the rest intermediates.
    """

    def __init__(
        self,
        predictor: LinkPredictor,
        logic: Logic,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
        max_memory: int = 2 << 30,
    ) -> None:
        self.predictor = predictor
        self.logic = logic
        self.dtype = dtype
        self.device = device or torch.device("cpu")
        self.store = RowStore(predictor, dtype, self.device, max_memory // 2)
        self.max_entries = max(1, max_memory // 2 // _BYTES_PER_ENTRY)
        self._pairs = 0
        self._largest = 0

    @property
    def work(self) -> Work:
        """All work done by this executor so far."""
        return Work(self.store.rows, self.store.passes, self._pairs, self._largest)

    def execute(self, graph: ComputationGraph) -> list[Value]:
        """The value of every output, each with a batch of one row."""
        uses = _last_uses(graph)
        values: dict[int, Value] = {}
        for i, node in enumerate(graph.nodes):
            inputs = [
                select(values[w.node], torch.from_numpy(w.rows).to(self.device)) for w in node.wires
            ]
            slots = torch.from_numpy(node.slots).to(self.device)
            values[i] = self._apply(node.step, inputs, _Frame(node.size, (), slots, ()))
            for done in [j for j in values if uses.get(j, -1) <= i]:
                del values[done]
        return [_row(values[node], row) for node, row in graph.outputs]

    def _run(self, block: Block, frame: _Frame) -> Value:
        values: list[Value] = []
        for step in block.steps:
            values.append(self._apply(step, [values[i] for i in step.inputs], frame))
        return values[block.result]

    def _apply(self, step: Step, inputs: list[Value], frame: _Frame) -> Value:
        value = _STEPS[step.kind](self, step, inputs, frame)
        if isinstance(value, TruthVector):
            self._largest = max(self._largest, value.entities.shape[0])
        return value

    # -- leaves ------------------------------------------------------------------------------------

    def _row(self, step: Step, _: list[Value], frame: _Frame) -> Value:
        source, relation = step.references
        return self.store.gather(frame.ids(source), frame.ids(relation))

    def _link(self, step: Step, _: list[Value], frame: _Frame) -> Value:
        source, target, relation = (frame.ids(reference) for reference in step.references)
        count = self.predictor.entity_count
        pairs, index = (relation * count + source).unique(return_inverse=True)
        rows = self.store.gather(pairs % count, pairs // count)
        return rows.at(index * count + target)

    def _identity(self, step: Step, _: list[Value], frame: _Frame) -> Value:
        ends = [frame.ids(reference) for reference in step.references]
        if len(ends) == 2:
            return (ends[0] == ends[1]).to(self.dtype)
        keys = torch.arange(frame.size, device=self.device) * self.predictor.entity_count + ends[0]
        background = torch.zeros(frame.size, dtype=self.dtype, device=self.device)
        ones = torch.ones_like(background)
        return TruthVector.from_keys(self.predictor.entity_count, background, keys, ones)

    def _everything(self, _: Step, __: list[Value], frame: _Frame) -> Value:
        ones = torch.ones(frame.size, dtype=self.dtype, device=self.device)
        return TruthVector.constant(self.predictor.entity_count, ones)

    def _domain(self, step: Step, _: list[Value], frame: _Frame) -> Value:
        rows = [self._domain_of(int(r)) for r in frame.ids(step.references[0]).tolist()]
        return concatenate(rows)

    def _domain_of(self, relation: int) -> TruthVector:
        count = self.predictor.entity_count
        entities = self.predictor.domain(relation)
        one = torch.ones(1, dtype=self.dtype, device=self.device)
        if entities is None:
            return TruthVector.constant(count, one)
        entities = entities.to(self.device)
        truths = torch.ones(entities.shape[0], dtype=self.dtype, device=self.device)
        return TruthVector.from_keys(count, torch.zeros_like(one), entities, truths)

    def _outer(self, step: Step, _: list[Value], frame: _Frame) -> Value:
        return frame.outside[step.number]

    # -- connectives -------------------------------------------------------------------------------

    def _intersect(self, _: Step, inputs: list[Value], __: _Frame) -> Value:
        return self._combine(inputs, self.logic.conjoin, intersect)

    def _unite(self, _: Step, inputs: list[Value], __: _Frame) -> Value:
        return self._combine(inputs, self.logic.disjoin, unite)

    def _combine(
        self,
        inputs: list[Value],
        scalar: Callable[[Tensor, Tensor], Tensor],
        vector: Callable[[Logic, TruthVector, TruthVector], TruthVector],
    ) -> Value:
        vectors = [v for v in inputs if isinstance(v, TruthVector)]
        scalars = [v for v in inputs if isinstance(v, Tensor)]
        # Small supports first: the intersection never grows beyond the smallest.
        vectors.sort(key=lambda v: (not v.is_sparse, v.entities.shape[0]))
        if not vectors:
            return reduce(scalar, scalars)
        whole = reduce(lambda a, b: vector(self.logic, a, b), vectors)
        return scale(scalar, whole, reduce(scalar, scalars)) if scalars else whole

    def _complement(self, _: Step, inputs: list[Value], __: _Frame) -> Value:
        (value,) = inputs
        if isinstance(value, TruthVector):
            return complement(self.logic, value)
        assert isinstance(value, Tensor)
        return self.logic.negate(value)

    def _support(self, _: Step, inputs: list[Value], __: _Frame) -> Value:
        return support(_vector(inputs[0]))

    def _some(self, _: Step, inputs: list[Value], __: _Frame) -> Value:
        return exists(self.logic, _vector(inputs[0]))

    # -- binders -----------------------------------------------------------------------------------

    def _project(self, step: Step, inputs: list[Value], frame: _Frame) -> Value:
        parts: list[TruthVector] = []
        owners: list[Tensor] = []
        for owner, _, truth, value in self._bind(step, inputs, frame):
            weighted = scale(self.logic.conjoin, _vector(value), truth)
            first, count = int(owner[0]), int(owner[-1] - owner[0]) + 1
            parts.append(exists_by_owner(self.logic, weighted, owner - first, count))
            owners.append(torch.arange(first, first + count, device=self.device))
        if not parts:
            nothing = torch.zeros(frame.size, dtype=self.dtype, device=self.device)
            return TruthVector.constant(self.predictor.entity_count, nothing)
        # An instance whose pairs fell into two chunks has two partial rows: ∃ gathers them.
        return exists_by_owner(self.logic, concatenate(parts), torch.cat(owners), frame.size)

    def _refine(self, step: Step, inputs: list[Value], frame: _Frame) -> Value:
        count = self.predictor.entity_count
        keys, truths = [], []
        for owner, entity, truth, value in self._bind(step, inputs, frame):
            assert isinstance(value, Tensor)
            keys.append(owner * count + entity)
            truths.append(self.logic.conjoin(truth, value))
        background = torch.zeros(frame.size, dtype=self.dtype, device=self.device)
        if not keys:
            return TruthVector.constant(count, background)
        key, found = torch.cat(keys), torch.cat(truths)
        return TruthVector.from_keys(count, background, key[found > 0], found[found > 0])

    def _tabulate(self, step: Step, inputs: list[Value], frame: _Frame) -> Value:
        tables: list[Table] = []
        for owner, entity, truth, value in self._bind(step, inputs, frame):
            if isinstance(value, Table):
                columns = torch.cat([entity[value.owner][:, None], value.columns], 1)
                weighted = scale(self.logic.conjoin, value.vector, truth[value.owner])
                tables.append(_without_empty(Table(owner[value.owner], columns, weighted)))
            else:
                weighted = scale(self.logic.conjoin, _vector(value), truth)
                tables.append(_without_empty(Table(owner, entity[:, None], weighted)))
            held = sum(table.vector.entities.shape[0] for table in tables)
            if held > 4 * self.max_entries:
                raise LimitError(
                    f"the question has more than {held:,} answer tuples, beyond the memory ceiling",
                    remedy="ask for fewer answer variables, bind one, or raise the ceiling",
                )
        if tables:
            return stack(tables)
        none = torch.zeros(0, dtype=torch.int64, device=self.device)
        empty = torch.zeros(0, dtype=self.dtype, device=self.device)
        columns = none.reshape(0, step.number)
        return Table(none, columns, TruthVector.constant(self.predictor.entity_count, empty))

    def _bind(
        self, step: Step, inputs: list[Value], frame: _Frame
    ) -> Iterator[tuple[Tensor, Tensor, Tensor, Value]]:
        """(owner, entity, truth in the source, value of the block) for chunks of pairs."""
        assert step.block is not None
        source, *outside = inputs
        owner, entity, truth = _vector(source).expand()
        self._pairs += owner.shape[0]
        for part in self._segments(step.block, owner.shape[0]):
            segment = self._frame(frame, [], owner[part], entity[part])
            taken = _lengths(outside, owner[part])
            for a, b in self._chunks(step.block, segment, taken):
                here = slice(part.start + a, part.start + b)
                inside = self._frame(frame, outside, owner[here], entity[here])
                value = self._run(step.block, inside)
                yield owner[here], entity[here], truth[here], value

    def _frame(self, frame: _Frame, outside: list[Value], owner: Tensor, entity: Tensor) -> _Frame:
        bound = (*(ids[owner] for ids in frame.bound), entity)
        taken = tuple(select(value, owner) for value in outside)
        return _Frame(owner.shape[0], bound, frame.slots[owner], taken)

    def _segments(self, block: Block, pairs: int) -> Iterator[slice]:
        """Ranges of pairs whose rows, at their usual length, fit the store and the ceiling."""
        rows = sum(step.kind in (Kind.ROW, Kind.LINK) for step in block.steps)
        usual = max(1.0, 2 * rows * self.store.mean_entries)
        size = max(1, int(self.max_entries / usual))
        for start in range(0, pairs, size):
            yield slice(start, min(pairs, start + size))

    def _chunks(self, block: Block, frame: _Frame, taken: Tensor) -> Iterator[tuple[int, int]]:
        """Ranges of a segment's pairs whose entries fit the ceiling, each of at least one pair.

        taken: (pairs,) entries that each pair takes in from outside.
        """
        cost = taken + 1
        for step in block.steps:
            if step.kind is Kind.ROW:
                source, relation = step.references
                cost += self.store.lengths(frame.ids(source), frame.ids(relation))
            elif step.kind in BINDERS:
                cost += self.predictor.entity_count
        total = cost.cumsum(0)
        start = 0
        while start < frame.size:
            before = int(total[start - 1]) if start else 0
            end = int(torch.searchsorted(total, before + self.max_entries, right=True))
            end = max(start + 1, end)
            yield start, end
            start = end


_STEPS: dict[Kind, Callable[[Executor, Step, list[Value], _Frame], Value]] = {
    Kind.ROW: Executor._row,
    Kind.LINK: Executor._link,
    Kind.IDENTITY: Executor._identity,
    Kind.EVERYTHING: Executor._everything,
    Kind.DOMAIN: Executor._domain,
    Kind.OUTER: Executor._outer,
    Kind.INTERSECT: Executor._intersect,
    Kind.UNITE: Executor._unite,
    Kind.COMPLEMENT: Executor._complement,
    Kind.SUPPORT: Executor._support,
    Kind.SOME: Executor._some,
    Kind.PROJECT: Executor._project,
    Kind.REFINE: Executor._refine,
    Kind.TABULATE: Executor._tabulate,
}


def _vector(value: Value) -> TruthVector:
    assert isinstance(value, TruthVector)
    return value


def _lengths(values: list[Value], rows: Tensor) -> Tensor:
    """Entries that the named rows of all the vectors list: (rows,) int64."""
    total = torch.zeros_like(rows)
    for value in values:
        if isinstance(value, TruthVector):
            total += value.offsets.diff()[rows]
    return total


def _without_empty(table: Table) -> Table:
    keep = torch.nonzero(table.vector.offsets.diff() > 0).flatten()
    if keep.shape[0] == table.owner.shape[0]:
        return table
    return Table(table.owner[keep], table.columns[keep], table.vector.select(keep))


def _last_uses(graph: ComputationGraph) -> dict[int, int]:
    last = {wire.node: i for i, node in enumerate(graph.nodes) for wire in node.wires}
    last.update({node: len(graph.nodes) for node, _ in graph.outputs})
    return last


def _row(value: Value, row: int) -> Value:
    """One instance of a batched value, as a batch of one."""
    device = value.device if isinstance(value, Tensor) else _tensor(value).device
    return select(value, torch.tensor([row], device=device))


def _tensor(value: TruthVector | Table) -> Tensor:
    return value.owner if isinstance(value, Table) else value.background
