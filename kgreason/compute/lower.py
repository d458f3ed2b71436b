"""From a plan to a computation graph: ids become slots, and what does not vary moves outwards."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

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
from kgreason.planning import (
    Column,
    Complement,
    Domain,
    Everything,
    Intersect,
    Link,
    Operator,
    Plan,
    Project,
    Reach,
    Refine,
    Row,
    Some,
    Support,
    Tabulate,
    Unite,
    inner,
    inputs,
    is_scalar,
    references,
)

_KINDS: dict[type, Kind] = {
    Link: Kind.LINK,
    Reach: Kind.REACH,
    Column: Kind.COLUMN,
    Everything: Kind.EVERYTHING,
    Domain: Kind.DOMAIN,
    Intersect: Kind.INTERSECT,
    Unite: Kind.UNITE,
    Complement: Kind.COMPLEMENT,
    Support: Kind.SUPPORT,
    Some: Kind.SOME,
    Project: Kind.PROJECT,
    Refine: Kind.REFINE,
    Tabulate: Kind.TABULATE,
}


def lower(plan: Plan) -> ComputationGraph:
    """The computation of one plan; equal operators are one node."""
    root = _Scope(None, None, [])
    nodes: list[Node] = []

    def visit(operator: Operator) -> int:
        if operator in root.known:
            return root.known[operator]
        slots: list[int] = []
        step = _step(operator, root, slots, visit)
        wires = tuple(Wire(i, np.zeros(1, dtype=np.int64)) for i in step.inputs)
        row = np.array([slots], dtype=np.int64).reshape(1, len(slots))
        nodes.append(Node(step, wires, row, _axes(operator)))
        root.known[operator] = len(nodes) - 1
        return len(nodes) - 1

    root.visit = visit
    output = visit(plan.root)
    return ComputationGraph(tuple(nodes), ((output, 0),))


def _axes(operator: Operator) -> tuple[str, ...]:
    if isinstance(operator, Tabulate):
        return ("pair", "entity")
    return ("instance",) if is_scalar(operator) else ("instance", "entity")


@dataclass
class _Scope:
    """Where steps of one nesting level are collected: the top, or the block of a binder."""

    variable: Variable | None
    parent: _Scope | None
    slots: list[int]
    steps: list[Step] = field(default_factory=list)
    known: dict[Operator, int] = field(default_factory=dict)
    outside: dict[int, int] = field(default_factory=dict)
    visit: Callable[[Operator], int] | None = None

    @property
    def depth(self) -> int:
        return -1 if self.parent is None else self.parent.depth + 1

    def depth_of(self, variable: Variable) -> int:
        if self.variable == variable:
            return self.depth
        assert self.parent is not None, f"{variable} is not bound"
        return self.parent.depth_of(variable)

    def place(self, operator: Operator) -> int:
        """Index of the operator's step here, or of an OUTER step if it does not vary with us."""
        if self.parent is None:
            assert self.visit is not None
            return self.visit(operator)
        if self.variable not in references(operator):
            return self._take_in(self.parent.place(operator))
        if operator not in self.known:
            step = _step(operator, self, self.slots, self.place)
            self.steps.append(step)
            self.known[operator] = len(self.steps) - 1
        return self.known[operator]

    def _take_in(self, index: int) -> int:
        number = self.outside.setdefault(index, len(self.outside))
        outer = Step(Kind.OUTER, number=number)
        if outer not in self.steps:
            self.steps.append(outer)
        return self.steps.index(outer)


def _step(
    operator: Operator, scope: _Scope, slots: list[int], place: Callable[[Operator], int]
) -> Step:
    if isinstance(operator, Project | Refine | Tabulate):
        source = place(operator.source)
        body = _Scope(operator.variable, scope, slots)
        result = body.place(inner(operator))
        block = Block(tuple(body.steps), result)
        kind = _KINDS[type(operator)]
        return Step(kind, (source, *body.outside), (), block, _columns(operator))
    if isinstance(operator, Row):
        source_reference = _term(operator.source, scope, slots)
        if operator.relation == EQUALS:
            return Step(Kind.IDENTITY, references=(source_reference,))
        return Step(Kind.ROW, references=(source_reference, _slot(operator.relation, slots)))
    if isinstance(operator, Link):
        ends = (_term(operator.source, scope, slots), _term(operator.target, scope, slots))
        if operator.relation == EQUALS:
            return Step(Kind.IDENTITY, references=ends)
        return Step(Kind.LINK, references=(*ends, _slot(operator.relation, slots)))
    if isinstance(operator, Reach | Column):
        ends = (_term(operator.target, scope, slots), _slot(operator.relation, slots))
        return Step(_KINDS[type(operator)], references=ends)
    if isinstance(operator, Domain):
        return Step(Kind.DOMAIN, references=(_slot(operator.relation, slots),))
    return Step(_KINDS[type(operator)], tuple(place(part) for part in inputs(operator)))


def _columns(operator: Operator) -> int:
    return 1 + _columns(operator.body) if isinstance(operator, Tabulate) else 0


def _term(term: Term, scope: _Scope, slots: list[int]) -> Reference:
    if isinstance(term, Variable):
        return Bound(scope.depth_of(term))
    return _slot(term.name, slots)


def _slot(value: int, slots: list[int]) -> Slot:
    slots.append(value)
    return Slot(len(slots) - 1)
