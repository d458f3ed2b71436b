"""Which end of a link is asked: the reading direction of every atom.

A learned predictor may hold `r(a, b)` truer when asked from `a` than from `b`. The direction is a
property of the question, never of the plan: a link is read from the term farther from the answer
variables to the nearer one (constants are farthest), and as written between equals. On a tree this
is the direction in which messages flow.
"""

from __future__ import annotations

from collections import deque

from kgreason.formula import Atom, Constant, Formula, Variable, terms, walk
from kgreason.normal.query_graph import EQUALS, Edge, Node

Distances = dict[Variable, int]


def distances(formula: Formula[int], answers: tuple[Variable, ...]) -> Distances:
    """Atoms and equalities on a shortest path from each reachable variable to an answer variable.

    Expects variables renamed apart.
    """
    neighbours: dict[Variable, list[Variable]] = {}
    for part in walk(formula):
        ends = [term for term in terms(part) if isinstance(term, Variable)]
        if len(ends) == 2:
            neighbours.setdefault(ends[0], []).append(ends[1])
            neighbours.setdefault(ends[1], []).append(ends[0])
    found = dict.fromkeys(answers, 0)
    queue = deque(answers)
    while queue:
        here = queue.popleft()
        for there in neighbours.get(here, ()):
            if there not in found:
                found[there] = found[here] + 1
                queue.append(there)
    return found


def orient(atom: Atom[int], negated: bool, far: Distances) -> Edge:
    """The edge of an atom, read from its farther end to its nearer one."""
    assert isinstance(atom.relation, int)
    head, tail = _node(atom.head), _node(atom.tail)
    relation = 2 * atom.relation + atom.inverse
    if _remoteness(tail, far) > _remoteness(head, far):
        return Edge(relation ^ 1, tail, head, negated)
    return Edge(relation, head, tail, negated)


def identity(left: object, right: object, negated: bool) -> Edge:
    """The edge of an equality, from a constant if there is one; identity is symmetric."""
    ends = (_node(left), _node(right))
    source, target = ends if isinstance(ends[1], Variable) else (ends[1], ends[0])
    return Edge(EQUALS, source, target, negated)


def _remoteness(node: Node, far: Distances) -> float:
    if not isinstance(node, Variable):
        return float("inf")
    # Unreachable variables are farther than all reachable ones, yet nearer than constants.
    return far.get(node, 1 << 30)


def _node(term: object) -> Node:
    assert isinstance(term, Variable | Constant)
    return term
