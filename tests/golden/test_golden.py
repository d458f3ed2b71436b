"""Golden pairs in plain text: what a question becomes, and what it is worth; both are run."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from kgreason.engine import Engine
from kgreason.explanation import naming
from kgreason.knowledge import KnowledgeGraph
from tests.agreement.table import TablePredictor

HERE = Path(__file__).parent


@dataclass(frozen=True)
class Golden:
    """One block of questions.txt."""

    name: str
    logic: str
    semantics: str
    question: str
    graph: list[str]
    answers: list[str]


def read() -> list[Golden]:
    text = (HERE / "questions.txt").read_text(encoding="utf-8")
    return [_block(block) for block in text.split("\n\n== ")[1:]]


def _block(block: str) -> Golden:
    title, question, *rest = block.strip("\n").splitlines()
    name, _, options = title.partition(" | ")
    logic, _, semantics = options.partition(" ")
    at = rest.index("--")
    return Golden(
        name, logic or "product", semantics or "text", question, rest[:at], rest[at + 1 :]
    )


def links() -> tuple[KnowledgeGraph, TablePredictor]:
    """links.tsv: the links of truth 1 are the graph, all of them the predictor."""
    lines = (HERE / "links.tsv").read_text(encoding="utf-8").splitlines()
    rows = [(h, r, t, float(truth)) for h, r, t, truth in (line.split("\t") for line in lines)]
    graph = KnowledgeGraph.from_triples([(h, r, t) for h, r, t, truth in rows if truth == 1])
    find, count = graph.vocabulary.find_entity, graph.entity_count
    table = np.zeros((2 * graph.relation_count, count, count))
    for head, relation, tail, truth in rows:
        (r,), (h,), (t,) = graph.vocabulary.find_relation(relation), find(head), find(tail)
        table[2 * r, h, t] = table[2 * r + 1, t, h] = truth
    return graph, TablePredictor(table)


GRAPH, PREDICTOR = links()


def found(golden: Golden) -> tuple[list[str], list[str]]:
    """The query graph and the answers, in the notation of the file."""
    engine = Engine(
        GRAPH,
        PREDICTOR,
        logic=golden.logic,
        semantics=golden.semantics,
        dtype="float64",
    )
    prepared = engine.prepare(golden.question)
    answers = engine.ask(golden.question, limit=None)
    if answers.is_boolean:
        lines = [f"{answers.truth:.4g}"]
    else:
        lines = [f"{one.truth:.4g} {' '.join(one.terms)}" for one in answers]
    return prepared.form.graph.describe(naming(GRAPH.vocabulary)).splitlines(), lines


@pytest.mark.parametrize("golden", read(), ids=lambda golden: golden.name)
def test_golden(golden: Golden) -> None:
    graph, answers = found(golden)
    assert graph == golden.graph
    assert answers == golden.answers


def test_names_are_unique() -> None:
    names = [golden.name for golden in read()]
    assert len(names) == len(set(names)) >= 25
