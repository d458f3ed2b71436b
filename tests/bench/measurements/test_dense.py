"""The textbook evaluation gives what the engine gives, and says what it cannot do."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from kgreason.bench.measurements import dense as dense_module
from kgreason.bench.measurements import dense_links
from kgreason.bench.measurements.dense import Dense, DenseEvaluator
from kgreason.bench.measurements.dense_links import DenseLinks, require_room
from kgreason.errors import LimitError, UnsupportedError
from kgreason.execution import RowStore
from kgreason.execution.memory import ROWS, Reservation
from kgreason.formula import Query, Variable
from kgreason.normal import Edge
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
    "two cycles": "?y : exists x, z, w . r(a, x) & s(x, z) & r(z, w) & s(x, w) & s(w, y) & s(y, x)",
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


@pytest.mark.parametrize(("memory", "whole"), [(1, False), (1 << 24, False), (1, True)])
@pytest.mark.parametrize("name", QUESTIONS)
def test_the_dense_truths_are_the_engines(name: str, memory: int, whole: bool) -> None:
    predictor = table()
    engine = reasoner(predictor, PRODUCT)
    asked = question(QUESTIONS[name])
    (expected,) = answers(engine, [asked])
    store = RowStore(predictor, torch.float64, torch.device("cpu"), Reservation(ROWS, 1 << 20))
    dense = DenseEvaluator(store, memory, whole=whole, dtype=torch.float64)
    found = dense.evaluate(engine.prepare(asked)[0].graph)
    assert found.truths is not None
    np.testing.assert_allclose(found.truths.numpy(), expected, rtol=1e-12)
    assert found.seconds > 0


class Counted:
    """Stands for time: how often a product was taken, and which matrices were filled."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.products = 0
        self.filled: list[tuple[int, str]] = []
        project, fill = DenseEvaluator._projected, DenseLinks._filled

        def projected(this: DenseEvaluator, *args: Any) -> torch.Tensor:
            found = project(this, *args)
            self.products += 1
            return found

        def filled(this: DenseLinks, link: Edge, leaf: Variable, sets: Any) -> torch.Tensor:
            self.filled.append((link.relation, leaf.name))
            return fill(this, link, leaf, sets)

        monkeypatch.setattr(DenseEvaluator, "_projected", projected)
        monkeypatch.setattr(DenseLinks, "_filled", filled)
        for module in (dense_module, dense_links):
            monkeypatch.setattr(module, "clock", lambda device: lambda: float(self.products))


@pytest.mark.parametrize("name", ["cycle", "two cycles"])
def test_a_matrix_is_filled_once_however_many_values_a_cycle_has(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted = Counted(monkeypatch)
    found = evaluated(QUESTIONS[name])
    assert found.truths is not None
    assert found.seconds == counted.products > len(counted.filled)
    assert len(set(counted.filled)) == len(counted.filled)


def test_values_left_out_take_the_mean_time_and_leave_truths_unknown(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counted = Counted(monkeypatch)
    text = QUESTIONS["cycle"]
    full = evaluated(text)
    assert full.truths is not None
    every, counted.products = counted.products, 0
    sampled = evaluated(text, values=2)
    assert counted.products == 2 < every
    assert sampled.truths is None
    assert sampled.seconds == full.seconds == every
    enough = evaluated(text, values=every)
    assert enough.truths is not None
    torch.testing.assert_close(enough.truths, full.truths, rtol=0, atol=0)


def test_a_sample_within_a_group_leaves_the_truths_unknown() -> None:
    cycle = "exists x, z . r(a, x) & s(x, z) & r(z, y) & s(x, y)"
    assert evaluated(f"?y : r(b, y) & !({cycle})", values=1).truths is None
    assert evaluated("?y : exists x . r(a, x) & s(x, y)", values=1).truths is not None


def evaluated(text: str, values: int | None = None) -> Dense:
    predictor = table()
    engine = reasoner(predictor, PRODUCT)
    store = RowStore(predictor, torch.float64, torch.device("cpu"), Reservation(ROWS, 1 << 20))
    dense = DenseEvaluator(store, 1 << 20, values=values, dtype=torch.float64)
    return dense.evaluate(engine.prepare(question(text))[0].graph)


def test_what_has_no_rule_is_refused() -> None:
    predictor = table()
    engine = reasoner(predictor, PRODUCT)
    store = RowStore(predictor, torch.float64, torch.device("cpu"), Reservation(ROWS, 1 << 20))
    dense = DenseEvaluator(store, 1 << 20, dtype=torch.float64)
    for text in ("?x ?y : r(x, y)", "?y : r(y, y)"):
        with pytest.raises(UnsupportedError, match="has no rule"):
            dense.evaluate(engine.prepare(question(text))[0].graph)


def test_matrices_that_cannot_fit_are_refused() -> None:
    require_room(1000)
    with pytest.raises(LimitError, match="dense matrices"):
        require_room(10_000_000)
