"""A plan: the operators that answer a question, the order of its columns, and its price."""

from __future__ import annotations

from dataclasses import dataclass

from kgreason.formula import Variable
from kgreason.normal import IDS, Naming, QueryGraph
from kgreason.planning.conjunction import Conjunction
from kgreason.planning.operators import Operator
from kgreason.planning.planner import Planner, check_nesting
from kgreason.planning.price import Price, Statistics, price
from kgreason.planning.tables import table
from kgreason.truth import Logic
from kgreason.walks import unwind

_BRANCH, _LAST = "├─ ", "└─ "
_MAX_INDENT = 100


@dataclass(frozen=True, slots=True)
class Plan:
    """How a question will be answered; `columns` are the answer variables in the result's order."""

    root: Operator
    columns: tuple[Variable, ...]
    price: Price

    def describe(self, naming: Naming) -> str:
        """The operators as a tree, under their price."""
        return "\n".join([f"price: {self.price}", *_tree(self.root, naming)])

    def __str__(self) -> str:
        return self.describe(IDS)


def plan(graph: QueryGraph, logic: Logic, statistics: Statistics) -> Plan:
    """Choose an elimination order for a normal form.

    Raises LimitError where the plan would be larger or nested deeper than it may be.
    """
    planner = Planner(logic.laws, statistics)
    part = planner.part(graph)
    if graph.free:
        # All answer variables but the last are enumerated inside each other.
        check_nesting(len(graph.free) - 1)
        root, columns = unwind(table(planner, graph.free, part))
    else:
        root, columns = unwind(planner.scalar(part)), ()
    return _priced(root, columns, statistics)


def plan_for(target: Variable, graph: QueryGraph, logic: Logic, statistics: Statistics) -> Plan:
    """Plan for one variable's truths, every other variable of the graph being quantified.

    Raises LimitError as `plan`.
    """
    rest = tuple(v for v in graph.free + graph.inner if v != target)
    planner = Planner(logic.laws, statistics)
    part = Conjunction(graph.members, rest).part(rest)
    return _priced(unwind(planner.vector(target, part)), (target,), statistics)


def _priced(root: Operator, columns: tuple[Variable, ...], statistics: Statistics) -> Plan:
    check_nesting(root.nesting)
    return Plan(root, columns, price(root, statistics))


def _tree(root: Operator, naming: Naming) -> list[str]:
    """The operators, a line each; of many levels the outermost are left out of the indentation."""
    lines: list[str] = []
    waiting: list[tuple[Operator, int, str, str]] = [(root, 0, "", "")]
    while waiting:
        operator, level, indent, branch = waiting.pop()
        outermost = f"(level {level}) " if level > _MAX_INDENT else ""
        lines.append(outermost + indent + branch + operator.title(naming))
        if branch:
            bar = "   " if branch == _LAST else "│  "
            indent = (indent + bar)[-len(bar) * (_MAX_INDENT - 1) :]
        below = [(part, level + 1, indent, _BRANCH) for part in operator.inputs]
        below[-1:] = [(*last[:3], _LAST) for last in below[-1:]]
        waiting.extend(reversed(below))
    return lines
