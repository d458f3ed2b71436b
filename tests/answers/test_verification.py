"""The brute-force check beside the engine: it passes right answers and refuses wrong ones."""

from __future__ import annotations

from dataclasses import replace
from random import Random

import pytest

from kgreason import Engine, KnowledgeGraph
from kgreason.answers import Answer, Answers
from kgreason.answers.verification import VerificationError, verify
from kgreason.truth import GODEL, NOISY_OR, PRODUCT, Logic
from tests.agreement.generators import random_query, random_table
from tests.agreement.table import TablePredictor

SIZE, RELATIONS = 5, 2


def engine(rng: Random, logic: Logic, kind: str = "sparse") -> Engine:
    names = [f"e{i}" for i in range(SIZE)]
    triples = [(names[i], f"r{i % RELATIONS}", names[(i + 1) % SIZE]) for i in range(SIZE)]
    graph = KnowledgeGraph.from_triples(triples)
    table = TablePredictor(random_table(rng, SIZE, RELATIONS, kind))  # type: ignore[arg-type]
    return Engine(graph, table, logic=logic)


def check(engine: Engine, answers: Answers, query: object) -> bool:
    prepared = engine.prepare(query)  # type: ignore[arg-type]
    return verify(prepared.form.graph, prepared.query.free, answers, engine.predictor, engine.logic)


@pytest.mark.parametrize("logic", [PRODUCT, GODEL, NOISY_OR])
@pytest.mark.parametrize("limit", [2, None])
def test_right_answers_pass(logic: Logic, limit: int | None) -> None:
    rng = Random(f"{logic}{limit}")
    asked = engine(rng, logic)
    compared = 0
    for _ in range(25):
        query = random_query(rng, SIZE, RELATIONS, rng.choice((0, 1, 1, 2)))
        compared += check(asked, asked.ask(query, limit=limit, witness=False), query)
    assert compared >= 20


def _raised(answer: Answer) -> Answer:
    return replace(answer, truth=answer.truth + 0.1)


def test_wrong_answers_are_refused() -> None:
    rng = Random(3)
    asked = engine(rng, PRODUCT, "dense")
    question = "?y : exists x . r0(e0, x) & r1(x, y)"
    answers = asked.ask(question, limit=None)
    assert len(answers) > 1
    assert check(asked, answers, question)
    spoiled = replace(answers, answers=(_raised(answers[0]), *answers[1:]))
    with pytest.raises(VerificationError, match="by brute force; the engine says"):
        check(asked, spoiled, question)
    with pytest.raises(VerificationError, match="that is not shown"):
        check(asked, replace(answers, answers=answers.answers[1:]), question)
    # A lower bound may be below the truth, never above it.
    low = replace(answers[0], truth=answers[0].truth / 2)
    open_ = replace(answers, answers=(low, *answers[1:]), certain=False)
    assert check(asked, open_, question)
    with pytest.raises(VerificationError, match="at least"):
        check(asked, replace(spoiled, certain=False), question)
