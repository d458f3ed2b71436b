"""The executor: one walk over the computation graph, generic over logic and predictor.

No logic, predictor or question shape is named in this room. A step of a kind is one function, found
in a table.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from kgreason.compute import BINDERS, Block, ComputationGraph, Kind, Step
from kgreason.execution import binders, connectives, leaves, reach
from kgreason.execution.budget import Budget, Purse
from kgreason.execution.context import Context, Frame
from kgreason.execution.depth import ALL, Depth
from kgreason.execution.pairs import Run
from kgreason.execution.row_store import RowStore, Work
from kgreason.execution.values import Bounds, Table, Value, least, most, select
from kgreason.predictors.protocol import LinkPredictor, RowShelf
from kgreason.truth import Logic
from kgreason.truth.vector import TruthVector

# Bytes that an entry costs at the peak of a step: keys, gathered copies, scratch and the result.
_BYTES_PER_ENTRY = 96

_STEPS: dict[Kind, Callable[[Context, Step, list[Value], Frame], Value]] = {
    Kind.ROW: leaves.row,
    Kind.LINK: leaves.link,
    Kind.REACH: reach.reach,
    Kind.COLUMN: reach.column,
    Kind.IDENTITY: leaves.identity,
    Kind.EVERYTHING: leaves.everything,
    Kind.DOMAIN: leaves.domain,
    Kind.OUTER: leaves.outer,
    Kind.INTERSECT: connectives.intersect,
    Kind.UNITE: connectives.unite,
    Kind.COMPLEMENT: connectives.complement,
    Kind.SUPPORT: connectives.support,
    Kind.SOME: connectives.some,
}
_BINDERS: dict[Kind, Callable[[Context, Step, list[Value], Frame, Run], Value]] = {
    Kind.PROJECT: binders.project,
    Kind.REFINE: binders.refine,
    Kind.TABULATE: binders.tabulate,
}


class Executor:
    """Evaluates computation graphs under one logic over one predictor.

    max_memory: bytes of working memory; half of it may hold rows, the rest intermediates.
    frontier: see `Context`. shelf: see `RowStore`.
    """

    def __init__(
        self,
        predictor: LinkPredictor,
        logic: Logic,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | None = None,
        max_memory: int = 2 << 30,
        frontier: int | None = None,
        shelf: RowShelf | None = None,
    ) -> None:
        device = device or torch.device("cpu")
        self._context = Context(
            predictor,
            logic,
            RowStore(predictor, dtype, device, max_memory // 2, shelf),
            dtype,
            device,
            max_entries=max(1, max_memory // 2 // _BYTES_PER_ENTRY),
            frontier=frontier,
        )

    @property
    def work(self) -> Work:
        """All work done by this executor so far."""
        context = self._context
        store = context.store
        return Work(
            store.rows,
            store.passes,
            context.pairs,
            context.largest,
            store.read,
            context.foreseen,
        )

    def flush(self) -> None:
        """Write the rows that are to be kept for good."""
        self._context.store.flush()

    @contextmanager
    def within(self, budget: Budget | None) -> Iterator[None]:
        """Inside, rows that would exceed the budget raise OutOfBudget."""
        store = self._context.store
        outer, store.purse = store.purse, None if budget is None else Purse(budget)
        try:
            yield
        finally:
            store.purse = outer

    @property
    def crowded(self) -> bool:
        """Whether the last execution left out candidates because there were too many."""
        return self._context.crowded

    def execute(self, graph: ComputationGraph, depth: Depth = ALL) -> list[Value]:
        """The value of every output, each with a batch of one row.

        depth: which candidates of an ∃ are looked at. Where others leave a truth open the value is
        `Bounds`; all for exact truths.
        """
        context = self._context
        context.floor, context.crowded = depth.floor, False
        device = context.device
        uses, inner = _last_uses(graph), _inner(graph)
        values: dict[int, Value] = {}
        for i, node in enumerate(graph.nodes):
            inputs = [
                select(values[wire.node], torch.from_numpy(wire.rows).to(device))
                for wire in node.wires
            ]
            slots = torch.from_numpy(node.slots).to(device)
            # Bounds of all entities would make all of them candidates of the next ∃.
            context.crowd = None if i in inner else depth.crowd
            values[i] = self._apply(node.step, inputs, Frame(node.size, (), slots, ()))
            for done in [j for j in values if uses.get(j, -1) <= i]:
                del values[done]
        return [_row(values[node], row) for node, row in graph.outputs]

    def _run(self, block: Block, frame: Frame) -> Value:
        # What a block gives, another ∃ may depend on.
        self._context.crowd = None
        values: list[Value] = []
        for step in block.steps:
            values.append(self._apply(step, [values[i] for i in step.inputs], frame))
        return values[block.result]

    def _apply(self, step: Step, inputs: list[Value], frame: Frame) -> Value:
        context = self._context
        if step.kind in _BINDERS:
            value = _BINDERS[step.kind](context, step, inputs, frame, self._run)
        else:
            value = self._step(step, inputs, frame)
        for vector in (least(value), most(value)):
            if isinstance(vector, TruthVector):
                context.largest = max(context.largest, vector.entities.shape[0])
        return value

    def _step(self, step: Step, inputs: list[Value], frame: Frame) -> Value:
        """A step without a block: all of them are monotone, ¬ downwards and the others upwards."""
        apply, context = _STEPS[step.kind], self._context
        if not any(isinstance(value, Bounds) for value in inputs):
            return apply(context, step, inputs, frame)
        low = apply(context, step, [least(value) for value in inputs], frame)
        high = apply(context, step, [most(value) for value in inputs], frame)
        if step.kind is Kind.COMPLEMENT:
            low, high = high, low
        assert not isinstance(low, Table | Bounds)
        assert not isinstance(high, Table | Bounds)
        return Bounds(low, high)


def _last_uses(graph: ComputationGraph) -> dict[int, int]:
    last = {wire.node: i for i, node in enumerate(graph.nodes) for wire in node.wires}
    last.update({node: len(graph.nodes) for node, _ in graph.outputs})
    return last


def _inner(graph: ComputationGraph) -> set[int]:
    """Nodes that a binder's node takes in, at once or through others."""
    found: set[int] = set()
    for i, node in reversed(list(enumerate(graph.nodes))):
        if node.step.kind in BINDERS or i in found:
            found.update(wire.node for wire in node.wires)
    return found


def _row(value: Value, row: int) -> Value:
    """One instance of a batched value, as a batch of one."""
    return select(value, torch.tensor([row], device=_device(value)))


def _device(value: Value) -> torch.device:
    match value:
        case Bounds():
            return _device(value.lower)
        case Table():
            return value.owner.device
        case TruthVector():
            return value.background.device
        case _:
            return value.device
