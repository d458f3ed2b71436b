"""Bounds against the outside judge: every truth lies between them, every certificate holds."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from random import Random

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from kgreason import reasoner as corridor
from kgreason.answers import top_is_certain
from kgreason.bench.runs.metrics import rank_bounds
from kgreason.execution import Bounds, Exact, Value, depth, least, most
from kgreason.metrics.ranking import filtered_ranks
from kgreason.truth import GODEL, PRODUCT, Logic
from kgreason.truth.vector import TruthVector
from tests.agreement import judge
from tests.agreement.generators import TABLE_KINDS, random_query, random_table
from tests.agreement.table import BoundedTable, TablePredictor, reasoner
from tests.agreement.test_engine import TREATMENTS

Tables = Callable[[NDArray[np.float64]], TablePredictor]

SLACK = 1e-9
SIZE, RELATIONS = 5, 2


def _dense(value: Exact) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    assert isinstance(value, TruthVector | torch.Tensor)
    found = value.dense() if isinstance(value, TruthVector) else value
    array: np.ndarray[tuple[int, ...], np.dtype[np.float64]] = found[0].numpy()
    return array


@pytest.fixture(params=["rows", "head bounds", "bounds"])
def tables(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Tables:
    """Predictors that know nothing before a row, or something, and then even two are a crowd."""
    if request.param == "bounds":
        monkeypatch.setattr(depth, "_CROWDS", (1, 2))
        monkeypatch.setattr(corridor, "FIRST", depth.Depth(1 / 4, 1))
        return BoundedTable
    return partial(TablePredictor, head_bounds=request.param == "head bounds")


@pytest.mark.parametrize("kind", TABLE_KINDS)
@pytest.mark.parametrize(("logic", "judged", "semantics"), TREATMENTS)
def test_every_truth_lies_between_its_bounds(
    logic: Logic, judged: judge.JudgeLogic, semantics: judge.Semantics, kind: str, tables: Tables
) -> None:
    rng = Random(f"bounds{logic}{semantics}{kind}")
    table = random_table(rng, SIZE, RELATIONS, kind)  # type: ignore[arg-type]
    queries = [random_query(rng, SIZE, RELATIONS, rng.choice((0, 1, 1))) for _ in range(12)]
    engine = reasoner(tables(table), logic, semantics)
    plans = [engine.prepare(query)[1] for query in queries]
    expected = [judge.evaluate(query, table, judged, semantics) for query in queries]
    seen = [0] * len(plans)

    def look(number: int, value: Value) -> float:
        seen[number] += 1
        assert (_dense(least(value)) <= expected[number] + SLACK).all()
        assert (expected[number] <= _dense(most(value)) + SLACK).all()
        return rng.choice((1.0, 0.3, 0.01))

    for value, wanted in zip(engine.settle(plans, look), expected, strict=True):
        assert not isinstance(value, Bounds)
        np.testing.assert_allclose(_dense(value), wanted, atol=SLACK)
    # Where truths are 0 or 1 none is below a floor and above nothing; other logics make few such.
    if logic in (GODEL, PRODUCT) and kind != "crisp":
        assert sum(seen)


@pytest.mark.parametrize(("logic", "judged", "semantics"), TREATMENTS)
def test_certificates_hold(
    logic: Logic, judged: judge.JudgeLogic, semantics: judge.Semantics, tables: Tables
) -> None:
    rng = Random(f"certificates{logic}{semantics}")
    table = random_table(rng, SIZE, RELATIONS, "sparse")
    queries = [random_query(rng, SIZE, RELATIONS, 1) for _ in range(40)]
    engine = reasoner(tables(table), logic, semantics)
    plans = [engine.prepare(query)[1] for query in queries]
    exact = engine.truths(plans)
    answers = np.array(rng.sample(range(SIZE), 3))
    easy, hard = np.sort(answers[:1]), np.sort(answers[1:])
    certified = 0

    def look(number: int, value: Bounds) -> float:
        nonlocal certified
        whole = exact[number]
        assert isinstance(whole, TruthVector)
        ranks = filtered_ranks(whole, easy, hard)
        best, worst = rank_bounds(value, easy, hard)
        assert (best <= ranks).all()
        assert (ranks <= worst).all()
        truths = _dense(whole)
        for count in (1, 2):
            if top_is_certain(value, count):
                certified += 1
                chosen = np.argsort(-_dense(least(value)), kind="stable")[:count]
                # Which of those as true as the last one are chosen is open.
                assert (truths[chosen] == -np.sort(-truths)[:count]).all()
                assert (_dense(least(value))[chosen] == truths[chosen]).all()
        return 1.0

    list(engine.settle(plans, look))
    assert certified or logic not in (GODEL, PRODUCT)
