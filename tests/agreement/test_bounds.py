"""Bounds against the outside judge: every truth lies between them, every certificate holds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from kgreason.bench.runs.metrics import rank_bounds
from kgreason.execution import (
    Bounds,
    Budget,
    BudgetMeter,
    Exact,
    Open,
    TableBounds,
    is_open,
    lower,
    upper,
)
from kgreason.formula import Variable
from kgreason.metrics.ranking import filtered_ranks
from kgreason.planning import Plan
from kgreason.topk import AllTruths, StopCondition, Threshold, threshold, top_is_proved
from kgreason.topk import reasoner as loop
from kgreason.truth import GODEL, PRODUCT, Logic
from kgreason.truth.vector import TruthVector
from tests.agreement import judge
from tests.agreement.generators import TABLE_KINDS, random_query, random_table
from tests.agreement.table import BoundedTable, TablePredictor, reasoner
from tests.agreement.test_engine import TREATMENTS

Tables = Callable[[NDArray[np.float64]], TablePredictor]

SLACK = 1e-9
SIZE, RELATIONS = 5, 2


Dense = np.ndarray[tuple[int, ...], np.dtype[np.float64]]


def _dense(value: Exact, plan: Plan, free: tuple[Variable, ...], unlisted: float = 0.0) -> Dense:
    """Truths of all tuples; unlisted: the truth of those that a table lacks."""
    if isinstance(value, torch.Tensor):
        return np.asarray(value[0].numpy())
    if isinstance(value, TruthVector):
        return np.asarray(value.dense()[0].numpy())
    dense = np.full((SIZE,) * len(free), unlisted)
    tuples, truths = value.columns[value.vector.row], value.vector.truths.numpy()
    whole = torch.cat([tuples, value.vector.entities.long()[:, None]], 1)
    order = [plan.columns.index(variable) for variable in free]
    dense[tuple(whole[:, i].numpy() for i in order)] = truths
    return dense


@dataclass(frozen=True)
class Watching(StopCondition):
    """Looks at every value that is open, and asks for more."""

    look: Callable[[Open], float]

    def unresolved(self, bounds: Open) -> float | None:
        return self.look(bounds)


@pytest.fixture(params=["rows", "head bounds", "bounds"])
def tables(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Tables:
    """Predictors that know nothing before a row, or something; then even two are too many."""
    if request.param == "bounds":
        monkeypatch.setattr(threshold, "_MAX_CANDIDATES", (1, 2))
        monkeypatch.setattr(loop, "INITIAL", Threshold(1 / 4, 1))
        return BoundedTable
    return partial(TablePredictor, head_bounds=request.param == "head bounds")


@pytest.mark.parametrize("kind", TABLE_KINDS)
@pytest.mark.parametrize(("logic", "judged", "semantics"), TREATMENTS)
def test_every_truth_lies_between_its_bounds(
    logic: Logic, judged: judge.JudgeLogic, semantics: judge.Semantics, kind: str, tables: Tables
) -> None:
    rng = Random(f"bounds{logic}{semantics}{kind}")
    table = random_table(rng, SIZE, RELATIONS, kind)  # type: ignore[arg-type]
    queries = [random_query(rng, SIZE, RELATIONS, rng.choice((0, 1, 1, 2))) for _ in range(12)]
    engine = reasoner(tables(table), logic, semantics)
    plans = [engine.prepare(query)[1] for query in queries]
    expected = [judge.evaluate(query, table, judged, semantics) for query in queries]
    seen = [0] * len(plans)

    def look(number: int, value: Open) -> float:
        seen[number] += 1
        asked, unseen = (plans[number], queries[number].free), 0.0
        if isinstance(value, TableBounds):
            unseen = float(value.unseen[0])
        assert (_dense(lower(value), *asked) <= expected[number] + SLACK).all()
        assert (expected[number] <= _dense(upper(value), *asked, unseen) + SLACK).all()
        return rng.choice((1.0, 0.3, 0.01))

    stops = [Watching(partial(look, number)) for number in range(len(plans))]
    values = engine.settle(plans, stops)
    for query, plan, value, wanted in zip(queries, plans, values, expected, strict=True):
        assert not is_open(value)
        np.testing.assert_allclose(_dense(lower(value), plan, query.free), wanted, atol=SLACK)
    # Where truths are 0 or 1, none is below a threshold and above 0; other logics make few such.
    if logic in (GODEL, PRODUCT) and kind != "crisp":
        assert sum(seen)


@pytest.mark.parametrize("rows", [0, 1, 3])
@pytest.mark.parametrize(("logic", "judged", "semantics"), TREATMENTS)
def test_what_a_budget_leaves_open_is_bounded(
    logic: Logic, judged: judge.JudgeLogic, semantics: judge.Semantics, rows: int
) -> None:
    rng = Random(f"budget{logic}{semantics}{rows}")
    table = random_table(rng, SIZE, RELATIONS, "sparse")
    open_ = 0
    for _ in range(12):
        query = random_query(rng, SIZE, RELATIONS, rng.choice((0, 1, 2, 2, 3)))
        engine = reasoner(TablePredictor(table), logic, semantics)
        plan = engine.prepare(query)[1]
        expected = judge.evaluate(query, table, judged, semantics)
        (value,) = engine.settle([plan], [AllTruths()], BudgetMeter(Budget(rows=rows)))
        open_ += is_open(value)
        unseen = float(value.unseen[0]) if isinstance(value, TableBounds) else 0.0
        low = _dense(lower(value), plan, query.free)
        high = _dense(upper(value), plan, query.free, unseen)
        assert (low <= expected + SLACK).all()
        assert (expected <= high + SLACK).all()
    assert open_


@pytest.mark.parametrize(("logic", "judged", "semantics"), TREATMENTS)
def test_certificates_hold(
    logic: Logic, judged: judge.JudgeLogic, semantics: judge.Semantics, tables: Tables
) -> None:
    rng = Random(f"certificates{logic}{semantics}")
    table = random_table(rng, SIZE, RELATIONS, "sparse")
    queries = [random_query(rng, SIZE, RELATIONS, rng.choice((1, 1, 2))) for _ in range(30)]
    engine = reasoner(tables(table), logic, semantics)
    plans = [engine.prepare(query)[1] for query in queries]
    exact = engine.truths(plans)
    answers = np.array(rng.sample(range(SIZE), 3))
    easy, hard = np.sort(answers[:1]), np.sort(answers[1:])
    certified = 0

    def look(number: int, value: Open) -> float:
        nonlocal certified
        whole, asked = exact[number], (plans[number], queries[number].free)
        if isinstance(value, Bounds) and isinstance(whole, TruthVector):
            ranks = filtered_ranks(whole, easy, hard)
            best, worst = rank_bounds(value, easy, hard)
            assert (best <= ranks).all()
            assert (ranks <= worst).all()
        truths, low = _dense(whole, *asked).ravel(), _dense(lower(value), *asked).ravel()
        for count in (1, 2):
            if top_is_proved(value, count):
                certified += 1
                chosen = np.argsort(-low, kind="stable")[:count]
                # Which of those as true as the last one are chosen is open.
                assert (truths[chosen] == -np.sort(-truths)[:count]).all()
                assert (low[chosen] == truths[chosen]).all()
        return 1.0

    list(engine.settle(plans, [Watching(partial(look, number)) for number in range(len(plans))]))
    assert certified or logic not in (GODEL, PRODUCT)
