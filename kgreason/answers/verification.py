"""Answers compared with a brute-force evaluation of the same query graph.

The evaluation is dense: a tensor with an axis per variable, one operation per member of the graph.
It shares no code with planning, computation graphs or execution. `KGREASON_VERIFY=1` runs it beside
the engine on graphs that are small enough.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from functools import reduce

import torch
from torch import Tensor

from kgreason.answers.answer import Answers
from kgreason.formula import Constant, Variable
from kgreason.normal import EQUALS, Alternatives, Edge, Member, NegatedGroup, QueryGraph
from kgreason.normal.query_graph import Node
from kgreason.predictors.protocol import LinkPredictor
from kgreason.truth import Logic, Quantifier

MAX_ENTITIES = 50
MAX_CELLS = 1 << 22
"""Entries of the largest tensor that the evaluation may make."""
TOLERANCE = 1e-5


class VerificationError(Exception):
    """The engine and the brute-force evaluation disagree: a bug, never the user's mistake."""


def is_wanted() -> bool:
    """Whether the environment asks for verification: `KGREASON_VERIFY` is 1."""
    return os.environ.get("KGREASON_VERIFY") == "1"


def verify(
    graph: QueryGraph,
    free: Sequence[Variable],
    answers: Answers,
    predictor: LinkPredictor,
    logic: Logic,
    *,
    ranked: bool = True,
) -> bool:
    """Whether the answers were compared: False for a graph or question that is too large.

    free: the answer variables, in the order of the answers' columns. ranked: whether the answers
    are the truest ones, so that a truth that is not shown is bounded too; not so after an OFFSET,
    under another order, or where known answers are left out. Raises VerificationError.
    """
    size = predictor.entity_count
    if size > MAX_ENTITIES or size ** _depth(graph, len(free)) > MAX_CELLS:
        return False
    truths = _Evaluation(predictor, logic).truths(graph, tuple(free))
    if answers.is_boolean:
        _compare(float(truths), float(answers.truth or 0.0), answers.certain, "the question")
        return True
    for answer in answers:
        what = f"({', '.join(answer.labels)})"
        _compare(float(truths[answer.entities]), answer.truth, answers.certain, what)
        truths[answer.entities] = 0.0
    if ranked and truths.numel():
        _compare_unseen(float(truths.max()), answers)
    return True


def _compare(expected: float, given: float, exact: bool, what: str) -> None:
    if given > expected + TOLERANCE or (exact and given < expected - TOLERANCE):
        raise VerificationError(
            f"{what} has truth {expected:.7g} by brute force; the engine says {given:.7g}"
            f"{'' if exact else ' at least'}"
        )


def _compare_unseen(greatest: float, answers: Answers) -> None:
    if not answers.certain:
        limit = max(answers.others, min((one.truth for one in answers), default=0.0))
    elif answers.complete and len(answers) == answers.total:
        limit = 0.0
    else:
        limit = min((one.truth for one in answers), default=1.0)
    if greatest > limit + TOLERANCE:
        raise VerificationError(
            f"an answer that is not shown has truth {greatest:.7g} by brute force; "
            f"the engine allows {limit:.7g}"
        )


def _depth(graph: QueryGraph, free: int) -> int:
    """The most variables that are in scope at once."""
    here = free + len(graph.inner)
    return max([here, *(_depth(part, here) for member in graph.members for part in _parts(member))])


def _parts(member: Member) -> tuple[QueryGraph, ...]:
    match member:
        case Alternatives(options):
            return options
        case NegatedGroup(body):
            return (body,)
        case Edge():
            return ()


class _Evaluation:
    """Truths of query graphs as dense tensors; each relation's table is read once."""

    def __init__(self, predictor: LinkPredictor, logic: Logic) -> None:
        self._predictor = predictor
        self._logic = logic
        self._tables: dict[int, Tensor] = {}

    def truths(self, graph: QueryGraph, scope: tuple[Variable, ...]) -> Tensor:
        """One axis per variable in scope, each of size 1 or the number of entities."""
        inside = (*scope, *graph.inner)
        parts = [self._member(member, inside) for member in graph.members]
        shape = (self._predictor.entity_count,) * len(inside)
        whole = reduce(self._logic.conjoin, parts) if parts else torch.ones((1,) * len(inside))
        if not graph.inner:
            return whole.double().expand(shape).clone()
        return self._exists(whole.expand(shape), len(graph.inner))

    def _member(self, member: Member, scope: tuple[Variable, ...]) -> Tensor:
        match member:
            case Edge():
                found = self._edge(member, scope)
                return self._logic.negate(found) if member.negated else found
            case NegatedGroup(body):
                return self._logic.negate(self.truths(body, scope))
            case Alternatives(options):
                return reduce(self._logic.disjoin, (self.truths(one, scope) for one in options))

    def _edge(self, edge: Edge, scope: tuple[Variable, ...]) -> Tensor:
        """The table of the relation, its ends put on the axes of their variables."""
        table, axes = self._table(edge.relation), [edge.source, edge.target]
        if edge.source == edge.target and isinstance(edge.source, Variable):
            table, axes = table.diagonal(), [edge.source]
        for axis in reversed(range(len(axes))):
            node = axes[axis]
            if isinstance(node, Constant):
                table = table.select(axis, node.name)
                del axes[axis]
        return _on_axes(table, axes, scope)

    def _exists(self, truths: Tensor, count: int) -> Tensor:
        """∃ over the last `count` axes."""
        flat = truths.flatten(truths.dim() - count)
        if self._logic.quantifier is Quantifier.MAX:
            return flat.amax(-1)
        return 1 - (1 - flat).prod(-1)

    def _table(self, relation: int) -> Tensor:
        """(heads, tails) float64 truths of a directed relation."""
        if relation not in self._tables:
            size = self._predictor.entity_count
            if relation == EQUALS:
                self._tables[relation] = torch.eye(size, dtype=torch.float64)
            else:
                rows = self._predictor.rows(torch.arange(size), torch.full((size,), relation))
                self._tables[relation] = rows.dense(size).cpu().double()
        return self._tables[relation]


def _on_axes(table: Tensor, nodes: list[Node], scope: tuple[Variable, ...]) -> Tensor:
    """A table with an axis per node, as a tensor that broadcasts over all axes of the scope."""
    order = sorted(range(len(nodes)), key=lambda axis: _axis(nodes[axis], scope))
    shape = [1] * len(scope)
    for axis in order:
        shape[_axis(nodes[axis], scope)] = table.shape[axis]
    return table.permute(order).reshape(shape)


def _axis(node: Node, scope: tuple[Variable, ...]) -> int:
    """The axis of a variable; an inner variable hides an outer one of the same name."""
    assert isinstance(node, Variable)
    return len(scope) - 1 - scope[::-1].index(node)
