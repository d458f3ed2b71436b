"""The executor: one walk over the computation graph, generic over logic and predictor.

No logic, predictor or question shape is named in this room. A step of a kind is one function, found
in a table.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from kgreason.compute import Block, ComputationGraph, Kind, Step
from kgreason.execution import binders, connectives, leaves
from kgreason.execution.context import Context, Frame
from kgreason.execution.row_store import RowStore, Work
from kgreason.execution.values import Table, Value, select
from kgreason.predictors.base import LinkPredictor
from kgreason.truth import Logic
from kgreason.truth.vector import TruthVector

# Bytes that an entry costs at the peak of a step: keys, gathered copies, scratch and the result.
_BYTES_PER_ENTRY = 96

_STEPS: dict[Kind, Callable[[Context, Step, list[Value], Frame], Value]] = {
    Kind.ROW: leaves.row,
    Kind.LINK: leaves.link,
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
_BINDERS: dict[Kind, Callable[[Context, Step, list[Value], Frame, binders.Run], Value]] = {
    Kind.PROJECT: binders.project,
    Kind.REFINE: binders.refine,
    Kind.TABULATE: binders.tabulate,
}


class Executor:
    """Evaluates computation graphs under one logic over one predictor.

    max_memory: bytes of working memory; half of it may hold rows, the rest intermediates.
    frontier: see `Context`.
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
    ) -> None:
        device = device or torch.device("cpu")
        self._context = Context(
            predictor,
            logic,
            RowStore(predictor, dtype, device, max_memory // 2),
            dtype,
            device,
            max_entries=max(1, max_memory // 2 // _BYTES_PER_ENTRY),
            frontier=frontier,
        )

    @property
    def work(self) -> Work:
        """All work done by this executor so far."""
        context = self._context
        return Work(context.store.rows, context.store.passes, context.pairs, context.largest)

    def execute(self, graph: ComputationGraph) -> list[Value]:
        """The value of every output, each with a batch of one row."""
        device = self._context.device
        uses = _last_uses(graph)
        values: dict[int, Value] = {}
        for i, node in enumerate(graph.nodes):
            inputs = [
                select(values[wire.node], torch.from_numpy(wire.rows).to(device))
                for wire in node.wires
            ]
            slots = torch.from_numpy(node.slots).to(device)
            values[i] = self._apply(node.step, inputs, Frame(node.size, (), slots, ()))
            for done in [j for j in values if uses.get(j, -1) <= i]:
                del values[done]
        return [_row(values[node], row) for node, row in graph.outputs]

    def _run(self, block: Block, frame: Frame) -> Value:
        values: list[Value] = []
        for step in block.steps:
            values.append(self._apply(step, [values[i] for i in step.inputs], frame))
        return values[block.result]

    def _apply(self, step: Step, inputs: list[Value], frame: Frame) -> Value:
        context = self._context
        if step.kind in _BINDERS:
            value = _BINDERS[step.kind](context, step, inputs, frame, self._run)
        else:
            value = _STEPS[step.kind](context, step, inputs, frame)
        if isinstance(value, TruthVector):
            context.largest = max(context.largest, value.entities.shape[0])
        return value


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
