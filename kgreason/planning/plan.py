"""A plan: the operators that answer a question, the order of its columns, and its price."""

from __future__ import annotations

from dataclasses import dataclass

from kgreason.formula import Variable
from kgreason.normal import IDS, Naming, QueryGraph
from kgreason.planning.operators import Operator, inputs, title
from kgreason.planning.planner import Planner
from kgreason.planning.price import Price, Statistics, price
from kgreason.truth import Logic


@dataclass(frozen=True, slots=True)
class Plan:
    """How a question will be answered; `columns` are the answer variables in the result's order."""

    root: Operator
    columns: tuple[Variable, ...]
    price: Price

    def describe(self, naming: Naming) -> str:
        """The operators as a tree, under their price."""
        return "\n".join([f"price: {self.price}", *_tree(self.root, naming, "", "")])

    def __str__(self) -> str:
        return self.describe(IDS)


def plan(graph: QueryGraph, logic: Logic, statistics: Statistics) -> Plan:
    """Choose an elimination order for a normal form."""
    planner = Planner(logic.laws, statistics)
    members = list(graph.members)
    columns: tuple[Variable, ...] = ()
    if graph.free:
        root, columns = planner.table(graph.free, members, graph.inner)
    else:
        root = planner.scalar(members, graph.inner)
    return Plan(root, columns, price(root, statistics))


def plan_for(target: Variable, graph: QueryGraph, logic: Logic, statistics: Statistics) -> Plan:
    """Plan for one variable's truths, every other variable of the graph being quantified."""
    rest = tuple(v for v in graph.free + graph.inner if v != target)
    root = Planner(logic.laws, statistics).vector(target, graph.members, rest)
    return Plan(root, (target,), price(root, statistics))


def _tree(operator: Operator, naming: Naming, first: str, rest: str) -> list[str]:
    lines = [first + title(operator, naming)]
    below = inputs(operator)
    for i, part in enumerate(below):
        branch, bar = ("└─ ", "   ") if i == len(below) - 1 else ("├─ ", "│  ")
        lines += _tree(part, naming, rest + branch, rest + bar)
    return lines
