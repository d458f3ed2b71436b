"""From a plan to a computation graph: ids become slots, and what does not vary moves outwards."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from kgreason.compute.graph import (
    Block,
    Bound,
    ComputationGraph,
    Kind,
    Node,
    Reference,
    Slot,
    Step,
    Wire,
)
from kgreason.formula import Variable
from kgreason.normal import EQUALS
from kgreason.normal import Node as Term
from kgreason.planning import Binder, Operator, Plan, Scan, Tabulate
from kgreason.walks import Walk, unwind


def lower(plan: Plan) -> ComputationGraph:
    """The computation of one plan; equal operators are one node."""
    nodes: list[Node] = []
    output = unwind(_place(plan.root, _Scope(None, -1, None, [], plan.price.of), nodes))
    return ComputationGraph(tuple(nodes), ((output, 0),))


@dataclass
class _Scope:
    """Where steps of one nesting level are collected: the top, or the block of a binder.

    slots: ids of the node that the block belongs to; the top has a list for each of its nodes.
    expected: entries of each operator. outside: which input of the block an index of the parent is.
    """

    variable: Variable | None
    depth: int
    parent: _Scope | None
    slots: list[int]
    expected: Mapping[Operator, float]
    steps: list[Step] = field(default_factory=list)
    known: dict[Operator, int] = field(default_factory=dict)
    outside: dict[int, int] = field(default_factory=dict)
    taken: dict[int, int] = field(default_factory=dict)

    def depth_of(self, variable: Variable) -> int:
        """How deep a variable is bound."""
        scope: _Scope | None = self
        while scope is not None and scope.variable != variable:
            scope = scope.parent
        assert scope is not None, f"{variable} is not bound"
        return scope.depth

    def take_in(self, index: int) -> int:
        """Index of the OUTER step that stands for a step of the parent."""
        if index not in self.taken:
            number = self.outside.setdefault(index, len(self.outside))
            self.steps.append(Step(Kind.OUTER, number=number))
            self.taken[index] = len(self.steps) - 1
        return self.taken[index]


def _place(operator: Operator, scope: _Scope, nodes: list[Node]) -> Walk[int]:
    """Index of the operator's step in the scope; of an OUTER step if it does not vary there."""
    passed: list[_Scope] = []
    while scope.parent is not None and scope.variable not in operator.references:
        passed.append(scope)
        scope = scope.parent
    if operator not in scope.known:
        slots: list[int] = scope.slots if scope.parent is not None else []
        bare: Step = yield _step(operator, scope, slots, nodes)
        step = replace(bare, expected=scope.expected[operator])
        if scope.parent is not None:
            scope.steps.append(step)
            scope.known[operator] = len(scope.steps) - 1
        else:
            wires = tuple(Wire(i, np.zeros(1, dtype=np.int64)) for i in step.inputs)
            row = np.array([slots], dtype=np.int64).reshape(1, len(slots))
            nodes.append(Node(step, wires, row, _axes(operator)))
            scope.known[operator] = len(nodes) - 1
    index = scope.known[operator]
    for inner in reversed(passed):
        index = inner.take_in(index)
    return index


def _axes(operator: Operator) -> tuple[str, ...]:
    if isinstance(operator, Tabulate):
        return ("pair", "entity")
    return ("instance",) if operator.is_scalar else ("instance", "entity")


def _step(operator: Operator, scope: _Scope, slots: list[int], nodes: list[Node]) -> Walk[Step]:
    """The step of an operator; a kind is called as its operator is."""
    kind = Kind(type(operator).__name__.lower())
    if isinstance(operator, Binder):
        source: int = yield _place(operator.source, scope, nodes)
        body = _Scope(operator.variable, scope.depth + 1, scope, slots, scope.expected)
        result: int = yield _place(operator.body, body, nodes)
        block = Block(tuple(body.steps), result)
        return Step(kind, (source, *body.outside), (), block, _columns(operator))
    if isinstance(operator, Scan):
        terms = tuple(_term(term, scope, slots) for term in operator.terms)
        if operator.relation == EQUALS:
            return Step(Kind.IDENTITY, references=terms)
        return Step(kind, references=(*terms, _slot(operator.relation, slots)))
    found: list[int] = []
    for part in operator.inputs:
        found.append((yield _place(part, scope, nodes)))
    return Step(kind, tuple(found))


def _columns(operator: Operator) -> int:
    """How many variables a table binds."""
    count = 0
    while isinstance(operator, Tabulate):
        operator, count = operator.body, count + 1
    return count


def _term(term: Term, scope: _Scope, slots: list[int]) -> Reference:
    if isinstance(term, Variable):
        return Bound(scope.depth_of(term))
    return _slot(term.name, slots)


def _slot(value: int, slots: list[int]) -> Slot:
    slots.append(value)
    return Slot(len(slots) - 1)
