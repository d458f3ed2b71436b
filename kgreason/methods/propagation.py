"""Fuzzy sets moved along relations by a graph network (UltraQuery, Galkin et al., NeurIPS 2024).

As GNN-QE (Zhu et al., ICML 2022) does: each relation of a question takes one pass of the network,
from the whole fuzzy set of entities reached so far to the fuzzy set they lead to; ∧, ∨ and ¬ are
those of product logic. No entity's row is looked at, so a question costs as many passes as it has
relations, and what it gives are the network's guesses, not the truths of its links combined.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from kgreason.errors import UnsupportedError
from kgreason.formula import Constant, Query, Variable
from kgreason.knowledge import FactIndex
from kgreason.normal import EQUALS, normalize
from kgreason.planning import (
    Complement,
    Domain,
    Everything,
    Intersect,
    Operator,
    Project,
    Row,
    Statistics,
    Unite,
    plan,
)
from kgreason.predictors.checkpoints.format import read_checkpoint
from kgreason.predictors.gnn.ultra.checkpoint import ULTRA, restore_ultra
from kgreason.predictors.gnn.ultra.scorer import UltraScorer
from kgreason.predictors.gnn.ultra.zero_shot import between_entities
from kgreason.predictors.protocol import RowPrice
from kgreason.topk import StopCondition
from kgreason.truth import PRODUCT
from kgreason.truth.rows import TruthRows
from kgreason.truth.vector import TruthVector

if TYPE_CHECKING:
    from kgreason.knowledge import KnowledgeGraph

_REMEDY = "ask by another method, or without one: kgreason query -m MODEL"
_PRICE = RowPrice(flops=1e9, entries=100.0)


class Projector(Protocol):
    """Moves fuzzy sets along relations."""

    @property
    def entity_count(self) -> int:
        """Number of entities."""
        ...

    @property
    def device(self) -> torch.device:
        """Where it computes."""
        ...

    def project(self, members: Tensor, relation: int) -> Tensor:
        """members: (entities,) in [0, 1] -> (entities,) what the directed relation leads to."""
        ...


class Propagation:
    """Ranks the entities for questions with one answer variable; scores are in [0, 1].

    facts: the observed facts, for planning. Raises UnsupportedError for a question that is not a
    tree of relations: cycles, several links between two variables, equalities.
    """

    gives_truths = False

    def __init__(self, projector: Projector, facts: FactIndex) -> None:
        self._projector = projector
        self._statistics = Statistics(projector.entity_count, facts, _PRICE)

    def values(
        self, queries: Iterable[Query[int]], stops: Sequence[StopCondition] = ()
    ) -> Iterator[TruthVector]:
        """One (1, entities) vector of scores per question, whatever the stop conditions."""
        for query in queries:
            if len(query.free) != 1:
                raise UnsupportedError(
                    f"propagation ranks one answer variable, the question has {len(query.free)}",
                    remedy=_REMEDY,
                )
            found = plan(normalize(query, PRODUCT).graph, PRODUCT, self._statistics)
            scores = self._fuzzy(found.root, {})[None]
            yield TruthVector.from_rows(TruthRows.from_dense(scores), scores.shape[1])

    def close(self) -> None:
        """Nothing is kept."""

    def _fuzzy(self, operator: Operator, sets: Mapping[Variable, Tensor]) -> Tensor:
        """(entities,): the fuzzy set of an operator. sets: of the variables bound around it."""
        match operator:
            case Row(relation, source) if relation != EQUALS:
                return self._projector.project(self._members(source, sets), relation)
            case Project(variable, source, body) if _follows(body, variable):
                return self._fuzzy(body, {**sets, variable: self._fuzzy(source, sets)})
            case Intersect(parts):
                return reduce(PRODUCT.conjoin, [self._fuzzy(part, sets) for part in parts])
            case Unite(parts):
                return reduce(PRODUCT.disjoin, [self._fuzzy(part, sets) for part in parts])
            case Complement(part):
                return PRODUCT.negate(self._fuzzy(part, sets))
            case Domain() | Everything():
                # Whoever it is: the network has learned what leads on from any entity.
                return torch.ones(self._projector.entity_count, device=self._projector.device)
            case _:
                raise UnsupportedError(
                    "propagation takes questions that are trees of relations, this one needs "
                    f"{type(operator).__name__}",
                    remedy=_REMEDY,
                )

    def _members(self, source: object, sets: Mapping[Variable, Tensor]) -> Tensor:
        if isinstance(source, Variable):
            return sets[source]
        assert isinstance(source, Constant)
        members = torch.zeros(self._projector.entity_count, device=self._projector.device)
        members[source.name] = 1
        return members


def _follows(body: Operator, variable: Variable) -> bool:
    """Whether a body is one relation that leads on from the variable, or alternatives of such."""
    if isinstance(body, Unite):
        return all(_follows(part, variable) for part in body.parts)
    return isinstance(body, Row) and body.source == variable


def load_propagation(
    path: str | Path,
    graph: KnowledgeGraph,
    observed: Iterable[str],
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
) -> Propagation:
    """Propagation by an ULTRA checkpoint over the observed facts; UnsupportedError for another."""
    checkpoint = read_checkpoint(path)
    if checkpoint.info.model != ULTRA:
        raise UnsupportedError(
            f"propagation moves fuzzy sets by an ULTRA model, {path} holds {checkpoint.info.model}",
            remedy="kgreason model pull ultraquery, then -m ultraquery",
        )
    scorer = UltraScorer(
        restore_ultra(path, checkpoint),
        between_entities(graph, observed),
        graph.entity_count,
        graph.relation_count,
        device=device,
        dtype=dtype,
    )
    return Propagation(scorer, graph.index(observed))
