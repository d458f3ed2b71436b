"""A graph of six entities and three relations, with questions about it bound to ids.

r: a→b a→c f→d    s: b→d b→e c→e d→a    t: c→f d→f e→f e→a
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from kgreason.binding import bind
from kgreason.explanation import naming
from kgreason.formula import Query
from kgreason.knowledge import KnowledgeGraph
from kgreason.normal import normalize
from kgreason.planning import Plan, Statistics, plan
from kgreason.predictors.protocol import RowPrice
from kgreason.settings import Semantics
from kgreason.syntax import parse
from kgreason.truth import PRODUCT, Logic

FACTS = "a r b,a r c,b s d,b s e,c s e,c t f,d t f,e t f,e t a,f r d,d s a"  # one fact per comma
GRAPH = KnowledgeGraph.from_triples(
    [(h, r, t) for h, r, t in (fact.split() for fact in FACTS.split(","))]
)
NAMES = naming(GRAPH.vocabulary)
STATISTICS = Statistics(GRAPH.entity_count, GRAPH.index(), RowPrice(1.0, 3.0, facts_only=True))


def bound(text: str) -> Query[int]:
    """A question in the names of the graph, in ids."""
    return bind(parse(text), GRAPH.vocabulary)


def planned(text: str, logic: Logic = PRODUCT, semantics: Semantics = "text") -> Plan:
    """The plan of a question over exact facts."""
    return plan(normalize(bound(text), logic, semantics).graph, logic, STATISTICS)


def entity(name: str) -> int:
    (found,) = GRAPH.vocabulary.find_entity(name)
    return found


def facts() -> NDArray[np.float64]:
    """The graph as a truth table: (directed relations, entities, entities)."""
    table = np.zeros((2 * GRAPH.relation_count, GRAPH.entity_count, GRAPH.entity_count))
    for head, relation, tail in GRAPH.facts().tolist():
        table[2 * relation, head, tail] = table[2 * relation + 1, tail, head] = 1.0
    return table


def symmetric(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """The table with every inverse relation the transpose of its base relation."""
    table = table.copy()
    table[1::2] = table[0::2].transpose(0, 2, 1)
    return table
