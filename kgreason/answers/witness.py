"""The best assignment of the inner variables, found by conditioning.

With the answer fixed, the truths of one inner variable's entities, all other variables quantified,
are the max-marginals of that variable: its best entity belongs to a best assignment. Fixing it and
going on with the next one reads out the whole assignment, the argmax pass of max-product (QTO, Bai
et al. 2023, section 3.3) for any query graph. Each round is one batched computation.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from kgreason.answers.oracle import MarginalOracle
from kgreason.formula import Constant, Variable
from kgreason.normal import Alternatives, Edge, Member, NegatedGroup, Node, QueryGraph

Values = dict[Variable, int]


@dataclass(frozen=True, slots=True)
class Ground:
    """A query graph with every variable filled in: its members, and the assignment made.

    Of alternatives the truest is kept; a negated group stays whole, its own variables quantified.
    """

    assignment: Values
    members: tuple[tuple[Edge | NegatedGroup, float], ...]


def ground(graphs: Sequence[QueryGraph], oracle: MarginalOracle) -> list[Ground]:
    """Witnesses of query graphs without free variables, all found side by side."""
    assigned: list[Values] = [{} for _ in graphs]
    current = list(graphs)
    while any(graph.inner for graph in current):
        open_ = [i for i, graph in enumerate(current) if graph.inner]
        asked = [(current[i].inner[0], current[i]) for i in open_]
        for i, (variable, _), entity in zip(open_, asked, oracle.best(asked), strict=True):
            assigned[i][variable] = entity
            current[i] = substitute(current[i], {variable: entity})
    return _members(current, assigned, oracle)


def _members(
    current: list[QueryGraph], assigned: list[Values], oracle: MarginalOracle
) -> list[Ground]:
    """Truths of the members of graphs that have no variables left."""
    whole: list[tuple[int, Edge | NegatedGroup]] = [
        (i, member)
        for i, graph in enumerate(current)
        for member in graph.members
        if not isinstance(member, Alternatives)
    ]
    truths = oracle.truths([QueryGraph((), (), (member,)) for _, member in whole])
    found: list[list[tuple[Edge | NegatedGroup, float]]] = [[] for _ in current]
    for (i, one), truth in zip(whole, truths, strict=True):
        found[i].append((one, truth))
    options = [
        (i, member, chosen)
        for i, graph in enumerate(current)
        for member in graph.members
        if isinstance(member, Alternatives)
        for chosen in member.options
    ]
    if options:
        inside = ground([chosen for *_, chosen in options], oracle)
        worth = oracle.truths([chosen for *_, chosen in options])
        best: dict[tuple[int, int], tuple[float, Ground]] = {}
        for (i, member, _), truth, option in zip(options, worth, inside, strict=True):
            key = (i, id(member))
            if key not in best or truth > best[key][0]:
                best[key] = (truth, option)
        for (i, _), (_, option) in best.items():
            assigned[i].update(option.assignment)
            found[i].extend(option.members)
    return [Ground(a, tuple(m)) for a, m in zip(assigned, found, strict=True)]


def substitute(graph: QueryGraph, values: Values) -> QueryGraph:
    """Fill variables with entities; orientation and nesting stay as they are."""
    return QueryGraph(
        tuple(v for v in graph.free if v not in values),
        tuple(v for v in graph.inner if v not in values),
        tuple(_filled(member, values) for member in graph.members),
    )


def _filled(member: Member, values: Values) -> Member:
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
