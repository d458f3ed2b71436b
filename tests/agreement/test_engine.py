"""The engine against the outside judge: every logic, one by one and batched, both semantics."""

from __future__ import annotations

from itertools import product
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgreason.errors import UsageError
from kgreason.truth import Godel, Hamacher, Logic, Lukasiewicz, NoisyOr, Product, Qto, Yager
from tests.agreement import judge
from tests.agreement.generators import TABLE_KINDS, cases, random_query, random_table
from tests.agreement.table import TablePredictor, answers, reasoner

LOGICS: list[tuple[Logic, judge.JudgeLogic]] = [
    (Godel(), judge.GODEL),
    (Product(), judge.PRODUCT),
    (Lukasiewicz(), judge.LUKASIEWICZ),
    (Hamacher(0.0), judge.hamacher(0)),
    (Hamacher(2.0), judge.hamacher(2)),
    (Yager(0.5), judge.yager(0.5)),
    (Yager(2.0), judge.yager(2)),
    (NoisyOr(), judge.NOISY_OR),
]
TOLERANCE = 1e-9
ROOM = 1 << 24
TIGHT = 40_000
"""Bytes of working memory that cut every binder into many chunks."""


TREATMENTS = [
    pytest.param(logic, judged, semantics, id=f"{logic}-{semantics}")
    for logic, judged in [*LOGICS, (Qto(3.0), judge.qto(3))]
    for semantics in ("text", "dnf")
    if not (semantics == "dnf" and judged.noisy)
]


@pytest.mark.parametrize("kind", TABLE_KINDS)
@pytest.mark.parametrize(("logic", "judged", "semantics"), TREATMENTS)
def test_random_questions(
    logic: Logic, judged: judge.JudgeLogic, semantics: judge.Semantics, kind: str
) -> None:
    rng = Random(f"{logic}{semantics}{kind}")
    size, relations = 4, 2
    table = random_table(rng, size, relations, kind)  # type: ignore[arg-type]
    queries = [random_query(rng, size, relations, rng.choice((0, 1, 1, 1, 2, 3))) for _ in range(8)]
    expected = [judge.evaluate(query, table, judged, semantics) for query in queries]
    for memory, head_bounds in product((ROOM, TIGHT), (False, True)):
        predictor = TablePredictor(table, head_bounds=head_bounds)
        engine = reasoner(predictor, logic, semantics, memory)
        for found, wanted in zip(answers(engine, queries), expected, strict=True):
            np.testing.assert_allclose(found, wanted, atol=TOLERANCE)
    for query, wanted in zip(queries, expected, strict=True):
        engine = reasoner(TablePredictor(table), logic, semantics)
        np.testing.assert_allclose(answers(engine, [query])[0], wanted, atol=TOLERANCE)


@settings(max_examples=60, deadline=None)
@given(cases(), st.sampled_from(LOGICS))
def test_any_question(
    case: tuple[object, np.ndarray[tuple[int, ...], np.dtype[np.float64]]],
    logics: tuple[Logic, judge.JudgeLogic],
) -> None:
    query, table = case
    logic, judged = logics
    expected = judge.evaluate(query, table, judged)  # type: ignore[arg-type]
    for head_bounds in (False, True):
        engine = reasoner(TablePredictor(table, head_bounds=head_bounds), logic)
        found = answers(engine, [query])[0]  # type: ignore[list-item]
        np.testing.assert_allclose(found, expected, atol=TOLERANCE)


def test_the_disjunctive_form_needs_a_maximum() -> None:
    rng = Random(3)
    engine = reasoner(TablePredictor(random_table(rng, 4, 2, "dense")), NoisyOr(), "dnf")
    with pytest.raises(UsageError, match="noisy-or"):
        engine.prepare(random_query(rng, 4, 2))


def test_each_row_is_asked_once_in_a_batch() -> None:
    rng = Random(7)
    table = random_table(rng, 5, 2, "dense")
    predictor = TablePredictor(table)
    queries = [random_query(rng, 5, 2) for _ in range(30)]
    answers(reasoner(predictor, Product()), queries)
    assert len(predictor.asked) == len(set(predictor.asked))
    assert len(predictor.asked) <= 5 * 4
