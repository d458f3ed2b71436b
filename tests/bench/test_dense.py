"""The textbook evaluation gives what the engine gives, and says what it cannot do."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kgreason.bench.dense import DenseEvaluator, require_room
from kgreason.errors import LimitError, UnsupportedError
from kgreason.execution import RowStore
from kgreason.formula import Query
from kgreason.truth import PRODUCT
from tests.agreement.table import TablePredictor, answers, reasoner
from tests.small import GRAPH, bound

COUNT = GRAPH.entity_count
QUESTIONS = {
    "row": "?y : r(a, y)",
    "path": "?y : exists x, z . r(a, x) & s(x, z) & r(z, y)",
    "intersection": "?y : exists x . r(a, x) & s(x, y) & r(b, y)",
    "negated row": "?y : exists x . r(a, x) & s(x, y) & !r(b, y)",
    "negated link": "?y : exists x . r(a, x) & r(b, y) & !s(x, y)",
    "union": "?y : exists x . (r(a, x) | s(b, x)) & r(x, y)",
    "group": "?y : r(a, y) & !(exists x . s(b, x) & r(x, y))",
    "leaf": "?y : exists x . r(a, y) & s(x, y)",
    "two links": "?y : exists x . r(a, x) & s(x, y) & r(y, x)",
    "cycle": "?y : exists x, z . r(a, x) & s(x, z) & r(z, y) & s(x, y)",
    "alone": "?y : exists x . r(a, y) & s(b, x)",
}


def table(seed: int = 0) -> TablePredictor:
    """Random truths, the inverse of each relation its transpose, a third of them 0."""
    random = np.random.default_rng(seed)
    truth = random.random((2 * GRAPH.relation_count, COUNT, COUNT))
    truth[truth < 1 / 3] = 0
    truth[1::2] = truth[0::2].transpose(0, 2, 1)
    return TablePredictor(truth)


def question(text: str) -> Query[int]:
    return bound(text)


@pytest.mark.parametrize("memory", [1, 1 << 24])
@pytest.mark.parametrize("name", QUESTIONS)
def test_the_dense_truths_are_the_engines(name: str, memory: int) -> None:
    predictor = table()
    engine = reasoner(predictor, PRODUCT)
    asked = question(QUESTIONS[name])
    (expected,) = answers(engine, [asked])
    store = RowStore(predictor, torch.float64, torch.device("cpu"), 1 << 20)
    dense = DenseEvaluator(store, PRODUCT, memory, dtype=torch.float64)
    found = dense.truths(engine.prepare(asked)[0].graph)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)
    assert dense.seconds > 0


def test_what_has_no_rule_is_refused() -> None:
    predictor = table()
    engine = reasoner(predictor, PRODUCT)
    store = RowStore(predictor, torch.float64, torch.device("cpu"), 1 << 20)
    dense = DenseEvaluator(store, PRODUCT, 1 << 20, dtype=torch.float64)
    for text in ("?x ?y : r(x, y)", "?y : r(y, y)"):
        with pytest.raises(UnsupportedError, match="has no rule"):
            dense.truths(engine.prepare(question(text))[0].graph)


def test_matrices_that_cannot_fit_are_refused() -> None:
    require_room(1000)
    with pytest.raises(LimitError, match="dense matrices"):
        require_room(10_000_000)
