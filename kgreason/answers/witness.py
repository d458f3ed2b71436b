"""The best assignment of the inner variables, found by conditioning.

With the answer fixed, the truths of one inner variable's entities, all other variables quantified,
are the max-marginals of that variable: its best entity belongs to a best assignment. Fixing it and
going on with the next one reads out the whole assignment, the argmax pass of max-product (QTO, Bai
et al. 2023, section 3.3) for any query graph. Each round is one batched computation, and so are the
truths of all parts of all witnesses.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import reduce

import torch

from kgreason.answers.oracle import MarginalOracle
from kgreason.formula import Constant, Variable
from kgreason.normal import Alternatives, Edge, Member, NegatedGroup, Node, QueryGraph
from kgreason.truth import Logic

Values = dict[Variable, int]


@dataclass(frozen=True, slots=True)
class Leaf:
    """An edge without variables, or a negated group, whose own variables stay quantified."""

    member: Edge | NegatedGroup
    truth: float


@dataclass(frozen=True, slots=True)
class Either:
    """Those of some alternatives that together make the truth of their ∨, the truest first.

    An alternative that does not raise the truth is left out: under max all but the truest, and
    under every logic what is added to 1.
    """

    options: tuple[Ground, ...]
    truth: float


@dataclass(frozen=True, slots=True)
class Ground:
    """A conjunction with every variable filled in: the assignment made, and the parts.

    truth: of the question with the assignment filled in, computed from the parts. That is the truth
    of the answer where ∃ is a maximum; under a noisy-or it is the part of one instance, found
    variable by variable, each given the entity that adds most. The assignment holds the variables
    of the alternatives too; where two of them give one variable (in the disjunctive form) it is the
    entity of the truer one.
    """

    assignment: Values
    parts: tuple[Leaf | Either, ...]
    truth: float


@dataclass(frozen=True, slots=True)
class _Filled:
    """A query graph without open variables; `options` has those of its alternatives, in order."""

    graph: QueryGraph
    assignment: Values
    options: tuple[tuple[_Filled, ...], ...]


def ground(graphs: Sequence[QueryGraph], oracle: MarginalOracle) -> list[Ground]:
    """Witnesses of query graphs without free variables, all found side by side.

    Raises BudgetExceeded where the oracle's budget ends before they are found.
    """
    filled = _fill_all(graphs, oracle)
    leaves = list(dict.fromkeys(leaf for one in filled for leaf in _leaves(one)))
    truths = oracle.truths([QueryGraph((), (), (leaf,)) for leaf in leaves])
    known = dict(zip(leaves, truths, strict=True))
    return [_grounded(one, known, oracle.logic) for one in filled]


def _fill_all(graphs: Sequence[QueryGraph], oracle: MarginalOracle) -> list[_Filled]:
    """Fill the variables of every graph, round by round, then those of all their alternatives."""
    assigned: list[Values] = [{} for _ in graphs]
    current = list(graphs)
    while any(graph.inner for graph in current):
        open_ = [i for i, graph in enumerate(current) if graph.inner]
        asked = [(current[i].inner[0], current[i]) for i in open_]
        for i, (variable, _), entity in zip(open_, asked, oracle.best(asked), strict=True):
            assigned[i][variable] = entity
            current[i] = substitute(current[i], {variable: entity})
    choices = [_alternatives(graph) for graph in current]
    options = [option for graph in choices for choice in graph for option in choice]
    found = iter(_fill_all(options, oracle) if options else ())
    return [
        _Filled(graph, values, tuple(tuple(next(found) for _ in choice) for choice in own))
        for graph, values, own in zip(current, assigned, choices, strict=True)
    ]


def _alternatives(graph: QueryGraph) -> list[tuple[QueryGraph, ...]]:
    return [member.options for member in graph.members if isinstance(member, Alternatives)]


def _leaves(filled: _Filled) -> Iterator[Edge | NegatedGroup]:
    for member in filled.graph.members:
        if not isinstance(member, Alternatives):
            yield member
    for options in filled.options:
        for option in options:
            yield from _leaves(option)


def _grounded(filled: _Filled, truths: Mapping[Edge | NegatedGroup, float], logic: Logic) -> Ground:
    options = iter(filled.options)
    parts: list[Leaf | Either] = []
    assignment = dict(filled.assignment)
    for member in filled.graph.members:
        if isinstance(member, Alternatives):
            either = _either([_grounded(one, truths, logic) for one in next(options)], logic)
            for option in reversed(either.options):
                assignment.update(option.assignment)
            parts.append(either)
        else:
            parts.append(Leaf(member, truths[member]))
    combined = reduce(logic.conjoin, [_tensor(part.truth) for part in parts])
    return Ground(assignment, tuple(parts), float(combined))


def _either(options: Sequence[Ground], logic: Logic) -> Either:
    first, *others = sorted(options, key=lambda option: -option.truth)
    kept, truth = [first], _tensor(first.truth)
    for option in others:
        raised = logic.disjoin(truth, _tensor(option.truth))
        if raised > truth:
            kept.append(option)
            truth = raised
    return Either(tuple(kept), float(truth))


def _tensor(truth: float) -> torch.Tensor:
    return torch.tensor(truth, dtype=torch.float64)


def substitute(graph: QueryGraph, values: Values) -> QueryGraph:
    """Fill variables with entities; orientation and nesting stay as they are."""
    return QueryGraph(
        tuple(v for v in graph.free if v not in values),
        tuple(v for v in graph.inner if v not in values),
        tuple(_member(member, values) for member in graph.members),
    )


def _member(member: Member, values: Values) -> Member:
    match member:
        case Edge(_, source, target):
            return replace(member, source=_node(source, values), target=_node(target, values))
        case Alternatives(options):
            return Alternatives(tuple(substitute(option, values) for option in options))
        case NegatedGroup(body):
            return NegatedGroup(substitute(body, values))


def _node(node: Node, values: Values) -> Node:
    if isinstance(node, Variable) and node in values:
        return Constant(values[node])
    return node
