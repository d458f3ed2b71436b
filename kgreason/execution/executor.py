"""The executor: one walk over the computation graph, generic over logic and predictor.

No logic, predictor or question shape is named in this room. A step of a kind is one function, found
in a table.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from kgreason.compute import BINDERS, Block, ComputationGraph, Kind, Step
from kgreason.execution import binders, reach, steps
from kgreason.execution.bindings import Run
from kgreason.execution.budget import BudgetMeter, Profile
from kgreason.execution.execution import Execution, Frame, Setting
from kgreason.execution.session import Session
from kgreason.execution.values import Bounds, Table, TableBounds, Value, lower, select, upper
from kgreason.truth.vector import TruthVector

_STEPS: dict[Kind, Callable[[Execution, Step, list[Value], Frame], Value]] = {
    Kind.ROW: steps.row,
    Kind.LINK: steps.link,
    Kind.REACH: reach.reach,
    Kind.COLUMN: reach.column,
    Kind.IDENTITY: steps.identity,
    Kind.EVERYTHING: steps.everything,
    Kind.DOMAIN: steps.domain,
    Kind.OUTER: steps.outer,
    Kind.INTERSECT: steps.intersect,
    Kind.UNITE: steps.unite,
    Kind.COMPLEMENT: steps.complement,
    Kind.SUPPORT: steps.support,
    Kind.SOME: steps.some,
}
_BINDERS: dict[Kind, Callable[[Execution, Step, list[Value], Frame, Run], Value]] = {
    Kind.PROJECT: binders.project,
    Kind.REFINE: binders.refine,
    Kind.TABULATE: binders.tabulate,
}


@dataclass(frozen=True, slots=True)
class Executor:
    """Evaluates computation graphs over a session's rows. Constant: threads may share it."""

    setting: Setting
    session: Session

    def begin(self, meter: BudgetMeter, profile: Profile | None = None) -> Execution:
        """The execution of one batch of questions; its work is counted in these two."""
        return Execution(self.setting, self.session, meter, profile)

    def execute(
        self,
        execution: Execution,
        graph: ComputationGraph,
        threshold: float = 0.0,
        max_candidates: int | None = None,
    ) -> list[Value]:
        """The value of every output, each with a batch of one row.

        threshold: candidates of an ∃ that are less true are left out. max_candidates: at most so
        many of the others are looked at where no other ∃ depends on them, None for all. A truth
        that this leaves open is `Bounds`; `execution.truncated` says whether there were more
        candidates. 0 and None give exact truths. BudgetExceeded where the meter ends the work.
        """
        with self.session.transaction(execution.meter):
            execution.threshold, execution.truncated = threshold, False
            if execution.profile is not None:
                execution.profile.begin(graph)
            return _walk(execution, graph, max_candidates)


def _walk(execution: Execution, graph: ComputationGraph, max_candidates: int | None) -> list[Value]:
    device = execution.device
    uses, inner = _last_uses(graph), _inner(graph)
    values: dict[int, Value] = {}
    for i, node in enumerate(graph.nodes):
        execution.meter.check()
        inputs = [
            select(values[wire.node], torch.from_numpy(wire.rows).to(device)) for wire in node.wires
        ]
        slots = torch.from_numpy(node.slots).to(device)
        # Bounds of all entities would make all of them candidates of the next ∃.
        execution.max_candidates = None if i in inner else max_candidates
        values[i] = _apply(execution, node.step, inputs, Frame(node.size, (), slots, ()))
        for done in [j for j in values if uses.get(j, -1) <= i]:
            del values[done]
    return [_row(values[node], row) for node, row in graph.outputs]


def _apply(execution: Execution, step: Step, inputs: list[Value], frame: Frame) -> Value:
    if execution.profile is None:
        return _applied(execution, step, inputs, frame)
    with execution.profile.measured(step, execution.meter) as work:
        value = _applied(execution, step, inputs, frame)
        work.entries += _entries(value)
    return value


def _applied(execution: Execution, step: Step, inputs: list[Value], frame: Frame) -> Value:
    if step.kind in _BINDERS:

        def run(block: Block, frame: Frame) -> Value:
            # Another ∃ may depend on what a block gives.
            execution.max_candidates = None
            values: list[Value] = []
            for inner in block.steps:
                values.append(_apply(execution, inner, [values[i] for i in inner.inputs], frame))
            return values[block.result]

        value = _BINDERS[step.kind](execution, step, inputs, frame, run)
    else:
        value = _step(execution, step, inputs, frame)
    for vector in (lower(value), upper(value)):
        if isinstance(vector, TruthVector):
            meter = execution.meter
            meter.largest = max(meter.largest, vector.entities.shape[0])
    return value


def _step(execution: Execution, step: Step, inputs: list[Value], frame: Frame) -> Value:
    """A step without a block. Every step is monotone; only ¬ is decreasing."""
    apply = _STEPS[step.kind]
    if not any(isinstance(value, Bounds) for value in inputs):
        return apply(execution, step, inputs, frame)
    low = apply(execution, step, [lower(value) for value in inputs], frame)
    high = apply(execution, step, [upper(value) for value in inputs], frame)
    if step.kind is Kind.COMPLEMENT:
        low, high = high, low
    assert isinstance(low, Tensor | TruthVector)
    assert isinstance(high, Tensor | TruthVector)
    return Bounds(low, high)


def _entries(value: Value) -> int:
    """Entries that a value holds: entities and tuples that are listed, or a scalar's instances."""
    held = upper(value)
    if isinstance(held, Table):
        return held.vector.entities.shape[0]
    return (held.entities if isinstance(held, TruthVector) else held).shape[0]


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
        case Bounds() | TableBounds():
            return _device(value.lower)
        case Table():
            return value.instance.device
        case TruthVector():
            return value.background.device
        case _:
            return value.device
