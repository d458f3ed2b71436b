"""Crisp answers of random SPARQL equal those of an independent SPARQL engine."""

from __future__ import annotations

from random import Random

import pytest

from kgreason.engine import Engine
from kgreason.errors import UnsupportedError
from kgreason.formula import Query
from kgreason.knowledge import KnowledgeGraph
from kgreason.syntax import parse_sparql
from tests.agreement.sparql_generators import (
    entity_name,
    pyoxigraph_answers,
    random_graph,
    random_sparql,
    relation_name,
)


def accepted(texts: list[str]) -> dict[str, Query[str]]:
    """Questions in the accepted fragment; what may leave a variable unbound is refused by name."""
    found, refused = {}, []
    for text in texts:
        try:
            found[text] = parse_sparql(text)
        except UnsupportedError as error:
            refused.append(error.message)
    assert all("without a value" in message for message in refused), refused
    return found


@pytest.mark.parametrize("seed", range(24))
def test_random_sparql(seed: int) -> None:
    rng = Random(seed)
    facts = random_graph(rng, 5, 3, rng.randint(15, 45))
    graph = KnowledgeGraph.from_triples(
        [(entity_name(h), relation_name(r), entity_name(t)) for h, r, t in sorted(facts)]
    )
    questions = accepted([random_sparql(rng, 5, 3) for _ in range(15)])
    assert len(questions) >= 8
    found = Engine(graph).ask_many(list(questions.values()), limit=None, witness=False)
    for text, answers in zip(questions, found, strict=True):
        expected = pyoxigraph_answers(facts, text)
        if answers.is_boolean:
            assert bool(answers) == bool(expected), text
        else:
            assert {answer.terms for answer in answers} == expected, text
            assert all(answer.truth == 1.0 and answer.known for answer in answers)
