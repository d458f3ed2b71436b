"""Neural-symbolic message passing over query graphs (NSMP, Zhang et al. 2025), without training.

Every term keeps an embedding z and a fuzzy set s. Per layer each atom sends a message both ways: a
neural one, the softmax of the entities' scores against z composed with the relation, and a symbolic
one, s moved along the observed facts. A variable takes the normalised product of its messages. It
is a second executor over the same `QueryGraph`, with a meaning of its own: no fuzzy truth values.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kgreason.errors import UnsupportedError
from kgreason.formula import Constant, Query, Variable
from kgreason.knowledge import FactIndex
from kgreason.normal import EQUALS, Alternatives, Edge, Node, QueryGraph, normalize
from kgreason.predictors import ComplEx
from kgreason.truth import PRODUCT
from kgreason.truth.rows import TruthRows
from kgreason.truth.vector import TruthVector

_SMALLEST = 1e-14
_BATCH = 32

Shape = tuple[tuple[str, str, bool], ...]


@dataclass(frozen=True, slots=True)
class NsmpSettings:
    """What the paper tunes per graph.

    alpha: mass of the complement of a negated set. weight: λ, the share of the fuzzy set in the
    answer. pruning: whether a term that has received nothing stays silent.
    """

    alpha: float
    weight: float
    pruning: bool = True


FB15K237 = NsmpSettings(alpha=100, weight=0.3)
NELL995 = NsmpSettings(alpha=1000, weight=0.1)


@dataclass(frozen=True, slots=True)
class _State:
    """embedding: (batch, 2d); members: (batch, entities) fuzzy set; awake: (batch,) bool."""

    embedding: Tensor
    members: Tensor
    awake: Tensor


class Nsmp:
    """Ranks the entities for questions with one answer variable; scores are above 0, and no truths.

    facts: the observed facts. Questions are read as their disjunctive normal form; a score is the
    largest over the disjuncts.
    """

    def __init__(self, model: ComplEx, facts: FactIndex, settings: NsmpSettings) -> None:
        tensors = model.tensors
        self._entity = tensors["entity"].float()
        self._relation = tensors["relation"].float()
        self._direction = torch.nn.functional.normalize(self._entity, dim=1)
        self._facts = facts
        self._settings = settings
        self._links: dict[int, tuple[Tensor, Tensor]] = {}

    def vectors(self, queries: Sequence[Query[int]]) -> list[TruthVector]:
        """One (1, entities) vector of scores per question; those of one shape go side by side.

        Raises UnsupportedError for what has no messages: negated groups, equalities, a question
        that has not exactly one answer variable.
        """
        groups: dict[Shape, list[tuple[int, QueryGraph]]] = {}
        for i, query in enumerate(queries):
            for graph in _disjuncts(normalize(query, PRODUCT, "dnf").graph):
                groups.setdefault(_shape(graph), []).append((i, graph))
        best: dict[int, Tensor] = {}
        for group in groups.values():
            for start in range(0, len(group), _BATCH):
                part = group[start : start + _BATCH]
                found = self._scores([graph for _, graph in part])
                for (i, _), scores in zip(part, found, strict=True):
                    best[i] = torch.maximum(best[i], scores) if i in best else scores
        count = self._entity.shape[0]
        return [
            TruthVector.from_rows(TruthRows.from_dense(best[i][None]), count)
            for i in range(len(queries))
        ]

    def _scores(self, graphs: list[QueryGraph]) -> Tensor:
        """(batch, entities) scores of query graphs that differ in their ids only."""
        states = self._start(graphs)
        variables = [node for node in states if isinstance(node, Variable)]
        for _ in range(len(variables) + 1):
            states |= {v: self._update(v, states, graphs) for v in variables}
        answer = states[graphs[0].free[0]]
        direction = torch.nn.functional.normalize(answer.embedding, dim=1)
        alike = torch.softmax(direction @ self._direction.T, 1)
        weight = self._settings.weight
        return weight * answer.members + (1 - weight) * alike

    def _start(self, graphs: list[QueryGraph]) -> dict[Variable | int, _State]:
        """Constants are known, by position: 2 · edge + end; variables know nothing yet."""
        size, (count, width) = len(graphs), self._entity.shape
        states: dict[Variable | int, _State] = {}
        for i, edge in enumerate(_edges(graphs[0])):
            for end, node in enumerate((edge.source, edge.target)):
                if isinstance(node, Variable):
                    states[node] = _State(
                        torch.zeros(size, width),
                        torch.zeros(size, count),
                        torch.full((size,), not self._settings.pruning),
                    )
                    continue
                ids = torch.tensor([_constant(_edges(g)[i], end) for g in graphs])
                one_hot = torch.zeros(size, count).scatter_(1, ids[:, None], 1.0)
                awake = torch.ones(size, dtype=torch.bool)
                states[2 * i + end] = _State(self._entity[ids], one_hot, awake)
        return states

    def _update(
        self, variable: Variable, states: dict[Variable | int, _State], graphs: list[QueryGraph]
    ) -> _State:
        product = torch.ones(len(graphs), self._entity.shape[0])
        heard = torch.zeros(len(graphs), dtype=torch.bool)
        for i, edge in enumerate(_edges(graphs[0])):
            relations = [_edges(graph)[i].relation for graph in graphs]
            ends = (edge.source, edge.target)
            for end in (0, 1):
                if ends[1 - end] != variable:
                    continue
                sender = ends[end]
                state = states[sender if isinstance(sender, Variable) else 2 * i + end]
                message = self._message(state, relations, end == 0, edge.negated)
                product *= torch.where(state.awake[:, None], message, 1.0)
                heard |= state.awake
        members = _normalised(product) * heard[:, None]
        awake = members.any(1) if self._settings.pruning else heard
        return _State(members @ self._entity, members, awake)

    def _message(
        self, sender: _State, relations: list[int], forward: bool, negated: bool
    ) -> Tensor:
        """(batch, entities): what a sender at the source (forward) or target says of the other."""
        query = _compose(sender.embedding, self._relation[relations], conjugate=not forward)
        neural = torch.softmax((-query if negated else query) @ self._entity.T, 1)
        moved = torch.zeros_like(sender.members)
        for row, relation in enumerate(relations):
            sources, targets = self._along(relation if forward else relation ^ 1)
            moved[row].index_add_(0, targets, sender.members[row, sources])
        if negated:
            moved = self._settings.alpha / self._entity.shape[0] - moved
        return _normalised(neural + _normalised(moved))

    def _along(self, relation: int) -> tuple[Tensor, Tensor]:
        """(facts,) sources and targets of the facts under a directed relation."""
        if relation not in self._links:
            heads = self._facts.heads(relation)
            offsets, tails = self._facts.rows(heads, [relation] * len(heads))
            lengths = torch.from_numpy(offsets).diff()
            sources = torch.from_numpy(heads).long().repeat_interleave(lengths)
            self._links[relation] = sources, torch.from_numpy(tails).long()
        return self._links[relation]


def _compose(embedding: Tensor, relation: Tensor, *, conjugate: bool) -> Tensor:
    """Complex product of [real | imaginary] rows, with the relation or its conjugate."""
    real, imaginary = embedding.chunk(2, 1)
    r_real, r_imaginary = relation.chunk(2, 1)
    if conjugate:
        r_imaginary = -r_imaginary
    return torch.cat(
        (real * r_real - imaginary * r_imaginary, real * r_imaginary + imaginary * r_real), 1
    )


def _normalised(values: Tensor) -> Tensor:
    """Entries below 1e-14 dropped, then each row divided by its sum."""
    kept = torch.where(values < _SMALLEST, 0.0, values)
    return kept / kept.sum(1, keepdim=True).clamp(min=_SMALLEST)


def _disjuncts(graph: QueryGraph) -> Iterable[QueryGraph]:
    if len(graph.free) != 1:
        raise UnsupportedError(
            f"message passing ranks one answer variable, the question has {len(graph.free)}",
            remedy="ask with another method",
        )
    first = graph.members[0]
    if len(graph.members) == 1 and isinstance(first, Alternatives):
        return [part for option in first.options for part in _disjuncts(option)]
    return [graph]


def _edges(graph: QueryGraph) -> list[Edge]:
    edges = [m for m in graph.members if isinstance(m, Edge) and m.relation != EQUALS]
    if len(edges) < len(graph.members):
        raise UnsupportedError(
            "message passing knows atoms only, no negated group and no equality",
            remedy="ask with another method",
        )
    return edges


def _shape(graph: QueryGraph) -> Shape:
    """What questions must share to be computed side by side."""
    return tuple((_label(e.source), _label(e.target), e.negated) for e in _edges(graph))


def _label(node: Node) -> str:
    return f"?{node.name}" if isinstance(node, Variable) else "constant"


def _constant(edge: Edge, end: int) -> int:
    node = edge.target if end else edge.source
    assert isinstance(node, Constant)
    return node.name
