"""What a question costs, counted; what a small memory changes; what the executor may not know."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

import kgreason.execution
from kgreason.answers import MarginalOracle, rank, without
from kgreason.errors import LimitError
from kgreason.execution import BudgetMeter, Work, lower
from kgreason.formula import And, Atom, Constant, Exists, Query, Variable
from kgreason.normal import Edge, QueryGraph
from kgreason.settings import Settings
from kgreason.topk import Reasoner, Threshold, TopK, threshold
from kgreason.topk import reasoner as loop
from kgreason.truth import LOGICS, PRODUCT
from kgreason.truth.vector import TruthVector
from tests.agreement.generators import Features, random_query, random_table
from tests.agreement.table import BoundedTable, TablePredictor, answers, reasoner
from tests.agreement.test_engine import LOGICS as TREATED
from tests.small import bound, entity, facts

TWO_HOPS = "?y : exists x . r(a, x) & s(x, y)"


def asked(*texts: str) -> tuple[TablePredictor, Work]:
    """The rows that questions over exact facts ask for, and the work they do."""
    predictor = TablePredictor(facts(), crisp=True)
    engine = reasoner(predictor, PRODUCT)
    meter = BudgetMeter()
    answers(engine, [bound(text) for text in texts], meter)
    return predictor, meter.work


def test_two_hops_ask_for_one_row_and_one_per_neighbour() -> None:
    predictor, work = asked(TWO_HOPS)
    a, b, c = entity("a"), entity("b"), entity("c")
    assert sorted(predictor.asked) == sorted([(a, 0), (b, 2), (c, 2)])
    assert (work.rows, work.pairs) == (3, 2)
    assert str(work).startswith("3 rows scored in 2 passes, 2 bindings, largest intermediate ")


def test_only_heads_that_may_be_the_truest_are_asked_for() -> None:
    table = np.zeros((2, 40, 40))
    table[0, 0, 1:6] = 0.9
    table[0, 10:40, 2] = np.linspace(0.1, 0.3, 30)
    table[0, 7, 3] = 1.0
    question = Query(
        (Variable("y"),),
        And((Atom(0, Constant(0), Variable("y")), _some_link_to(Variable("y")))),
    )
    found = {}
    for head_bounds in (False, True):
        predictor = TablePredictor(table, head_bounds=head_bounds)
        engine = reasoner(predictor, PRODUCT)
        meter = BudgetMeter()
        found[head_bounds] = answers(engine, [question], meter)[0]
        work = meter.work
        assert (work.foreseen > 0) == head_bounds
    np.testing.assert_array_equal(found[True], found[False])
    assert work.rows < 10
    assert f"links to {work.foreseen} entities bounded" in str(work)


def test_a_witness_far_from_the_answer_costs_few_rows() -> None:
    table = np.zeros((2, 40, 40))
    table[0, 0, 2] = 0.9
    table[0, 10:40, 2] = np.linspace(0.01, 0.1, 30)
    target = QueryGraph((), (Variable("x"),), (Edge(0, Variable("x"), Constant(2)),))
    rows = {}
    for head_bounds in (False, True):
        engine = reasoner(TablePredictor(table, head_bounds=head_bounds), PRODUCT)
        meter = BudgetMeter()
        assert MarginalOracle(engine, meter).best([(Variable("x"), target)]) == [0]
        rows[head_bounds] = meter.rows
    assert rows[True] < rows[False] // 4


@pytest.mark.parametrize("neighbours", [20, 200])
def test_a_hub_costs_few_rows_where_its_best_answers_are_as_true_as_can_be(
    neighbours: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(threshold, "_MAX_CANDIDATES", (4, 64))
    monkeypatch.setattr(loop, "INITIAL", Threshold(1 / 4, 4))
    table = np.zeros((4, neighbours + 20, neighbours + 20))
    table[0, 0, 10 : 10 + neighbours] = 1.0
    table[2, 10 : 10 + neighbours, 1:9] = np.linspace(0.1, 0.8, 8)
    # The neighbour with most known links is looked at first.
    table[2, 12, -4:], table[2, 12, 1:4] = 1.0, 0.9
    question = Query(
        (Variable("y"),),
        Exists(
            (Variable("x"),),
            And((Atom(0, Constant(0), Variable("x")), Atom(1, Variable("x"), Variable("y")))),
        ),
    )
    known = TopK(3, torch.arange(neighbours + 16, neighbours + 20)[:, None])
    truths = {}
    for kind in (TablePredictor, BoundedTable):
        engine = reasoner(kind(table), PRODUCT)
        plan = engine.prepare(question)[1]
        meter = BudgetMeter()
        (value,) = engine.settle([plan], [known], meter)
        top = without(rank(lower(value), question.free, question.free), known.excluded)
        truths[kind] = top.truths[:3].tolist()
        assert meter.rows == 1 + (4 if kind is BoundedTable else neighbours)
    assert truths[BoundedTable] == truths[TablePredictor] == [0.9, 0.9, 0.9]


def _some_link_to(target: Variable) -> Exists[int]:
    return Exists((Variable("x"),), Atom(0, Variable("x"), target))


def test_no_row_is_asked_for_twice_in_a_batch() -> None:
    predictor, work = asked(
        TWO_HOPS,
        TWO_HOPS,
        "?y : s(b, y) & s(c, y)",
        "?y : s(b, y) & !s(c, y)",
        "?y : exists x . r(a, x) & s(x, y) & !(exists z . r(a, z) & t(z, y))",
        "ask : s(b, e)",
    )
    assert len(predictor.asked) == len(set(predictor.asked)) == work.rows
    assert set(predictor.asked) == {
        (entity(name), relation)
        for name, relation in (("a", 0), ("b", 2), ("c", 2), ("b", 4), ("c", 4))
    }


def test_a_link_between_two_entities_asks_for_one_row() -> None:
    predictor, work = asked("ask : s(b, e)", "ask : s(b, d)", "ask : s(b, a)")
    assert predictor.asked == [(entity("b"), 2)]
    assert work == Work(rows=1, passes=1, pairs=0, largest=0)


def test_a_second_question_is_warm() -> None:
    predictor = TablePredictor(facts(), crisp=True)
    engine = reasoner(predictor, PRODUCT)
    answers(engine, [bound(TWO_HOPS)])
    again = BudgetMeter()
    answers(engine, [bound(TWO_HOPS)], again)
    assert (again.rows, again.passes, again.pairs) == (0, 0, 2)


def test_equal_questions_are_bound_once() -> None:
    _, one = asked(TWO_HOPS)
    _, many = asked(*[TWO_HOPS] * 20)
    assert many == one


def test_identity_asks_for_nothing() -> None:
    predictor, _ = asked("?y : y = a", "ask : a = b")
    assert predictor.asked == []


@pytest.mark.parametrize("memory", [200, 5_000])
def test_a_small_memory_costs_passes_and_changes_no_value(memory: int) -> None:
    rng = Random(4)
    table = random_table(rng, 5, 2, "dense")
    small = Features(inner=2, parts=2)
    queries = [random_query(rng, 5, 2, rng.choice((1, 1, 0)), small) for _ in range(4)]
    for logic, _ in (TREATED[1], TREATED[-1]):
        roomy, tight = TablePredictor(table), TablePredictor(table)
        expected = answers(reasoner(roomy, logic), queries)
        found = answers(reasoner(tight, logic, max_memory=memory), queries)
        for one, other in zip(found, expected, strict=True):
            np.testing.assert_allclose(one, other, atol=1e-12)
        assert len(tight.asked) >= len(roomy.asked)
    if memory == 200:
        assert len(tight.asked) > len(roomy.asked), "nothing was scored again: it was not tight"


def test_a_table_of_too_many_tuples_is_refused() -> None:
    table = np.ones((2, 20, 20))
    y, z = Variable("y"), Variable("z")
    query = Query((y, z), Atom(0, y, z))
    assert answers(reasoner(TablePredictor(table), PRODUCT), [query])[0].sum() == 400
    with pytest.raises(LimitError, match="answer tuples, beyond the memory ceiling"):
        answers(reasoner(TablePredictor(table), PRODUCT, max_memory=96 * 2 * 10), [query])


# -- what the room may not know ------------------------------------------------------------------


def sources() -> list[tuple[str, ast.Module]]:
    folder = Path(kgreason.execution.__file__).parent
    return [
        (path.name, ast.parse(path.read_text(encoding="utf-8"))) for path in folder.glob("*.py")
    ]


def words(tree: ast.Module) -> set[str]:
    """Every identifier and every word of a string that is code, docstrings apart."""
    found: set[str] = set()
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.alias(name=name):
                found.add(name)
            case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                found.add(name)
            case ast.Constant(value=str() as text):
                found.update(re.findall(r"\w+", text))
    return {part.lower() for name in found for part in re.split(r"[._]", name)}


def test_no_logic_is_named_in_execution() -> None:
    names = {part for name in LOGICS for part in name.split("-")} - {"or", "product"}
    names |= {"product", "noisyor", "quantifier", "tnorm", "laws", "law"}
    for file, tree in sources():
        assert not words(tree) & names, file


def test_no_question_shape_is_named_in_execution() -> None:
    shape = re.compile(r"[1-5][pim]|p?i[pn]|[2-5]in|inp|pni|pin|[2-5]il|[2-5]u|up|[3-5]cm?")
    for file, tree in sources():
        named = {word for word in words(tree) if shape.fullmatch(word)} - {"in"}
        assert not named, f"{file} names {named}"


def beam(frontier: int | None, max_memory: int, texts: list[str]) -> list[list[float]]:
    """Dense truths of questions over a table in which a has three ways on."""
    table = 0.1 * facts()
    a, hops = entity("a"), {"b": 0.9, "c": 0.8, "d": 0.8}
    table[0, a] = 0
    for name, truth in hops.items():
        table[0, a, entity(name)] = truth
        table[2, entity(name)] = 0
    # Only c leads to e, only d to f, and b nearly to neither.
    for source, target, truth in (("b", "e", 0.1), ("c", "e", 1.0), ("d", "f", 1.0)):
        table[2, entity(source), entity(target)] = truth
    predictor = TablePredictor(table)
    plain = reasoner(predictor, PRODUCT)
    engine = Reasoner(
        predictor,
        plain.facts,
        Settings(dtype="float64", max_memory=max_memory, frontier=frontier),
    )
    values = engine.truths([engine.prepare(bound(text))[1] for text in texts])
    assert all(isinstance(value, TruthVector) for value in values)
    return [value.dense()[0].tolist() for value in values if isinstance(value, TruthVector)]


@pytest.mark.parametrize("max_memory", [1 << 24, 500])
def test_a_beam_keeps_the_truest_and_of_equals_the_first(max_memory: int) -> None:
    texts = [TWO_HOPS, "?y : r(a, y)"]
    assert entity("c") < entity("d")
    e, f = entity("e"), entity("f")
    for frontier, expected in ((1, (0.09, 0)), (2, (0.8, 0)), (3, (0.8, 0.8)), (None, (0.8, 0.8))):
        hops, links = beam(frontier, max_memory, texts)
        assert (hops[e], hops[f]) == pytest.approx(expected), frontier
        # Answers themselves are never cut.
        assert sum(truth > 0 for truth in links) == 3


def test_a_truth_has_the_same_bits_alone_and_in_any_batch() -> None:
    rng = np.random.default_rng(11)
    table = rng.random((6, 40, 40)) * (rng.random((6, 40, 40)) < 0.5)
    sources = rng.integers(0, 40, (60, 3)).tolist()
    y = Variable("y")
    questions = [
        Query((y,), And(tuple(Atom(k, Constant(a), y) for k, a in enumerate(row))))
        for row in sources
    ]
    predictor = TablePredictor(table)
    engine = Reasoner(predictor, reasoner(predictor, PRODUCT).facts)
    plans = [engine.prepare(question)[1] for question in questions]
    together = engine.truths(plans)
    for plan, value in zip(plans, together, strict=True):
        (alone,) = engine.truths([plan])
        assert isinstance(value, TruthVector)
        assert isinstance(alone, TruthVector)
        assert torch.equal(alone.entities, value.entities)
        assert torch.equal(alone.truths, value.truths)
