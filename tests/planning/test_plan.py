"""Plans: their shape, their price, and that neither touches the value."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import pytest
import torch

from kgreason.answers.witness import substitute
from kgreason.execution import Table, Value
from kgreason.formula import Constant, Variable
from kgreason.knowledge import FactIndex
from kgreason.normal import Alternatives, Member, NegatedGroup, QueryGraph, normalize
from kgreason.planning import (
    Plan,
    Project,
    Row,
    Statistics,
    Support,
    plan,
    plan_for,
)
from kgreason.planning.price import support
from kgreason.predictors.protocol import RowPrice
from kgreason.truth import GODEL, NOISY_OR, PRODUCT, Logic
from kgreason.truth.vector import TruthVector
from tests.agreement.generators import CONJUNCTIVE, random_query, random_table
from tests.agreement.table import TablePredictor, reasoner
from tests.small import GRAPH, NAMES, STATISTICS, bound, entity, planned
from tests.truth.vectors import Array


def golden() -> list[tuple[str, str, str]]:
    """(name, question, plan) of every block of the file, whose head explains the format."""
    text = (Path(__file__).parent / "plans.txt").read_text(encoding="utf-8")
    blocks = []
    for block in text.split("\n== ")[1:]:
        name, question, *tree = block.strip().splitlines()
        blocks.append((name, question, "\n".join(tree)))
    return blocks


@pytest.mark.parametrize(("name", "question", "tree"), golden(), ids=lambda part: part[:4])
def test_shape(name: str, question: str, tree: str) -> None:
    price, _, found = planned(question).describe(NAMES).partition("\n")
    assert found == tree, name
    assert price.startswith("price: about ")


def test_a_link_from_anywhere_is_a_test_where_bounds_are_to_be_had() -> None:
    statistics = replace(STATISTICS, row=RowPrice(1000.0, 2.0, head_bounds=1000.0))
    for question, tree in (
        ("?y : r(a, y) & (exists x . s(x, y))", ["Refine ?y", "├─ Row r of a", "└─ Reach ?y by s"]),
        ("?y : exists x . s(x, y)", ["Project ∃ ?x", "├─ Domain of s", "└─ Row s of ?x"]),
    ):
        graph = normalize(bound(question), PRODUCT, "text").graph
        found = plan(graph, PRODUCT, replace(statistics, entity_count=1000))
        assert found.describe(NAMES).splitlines()[1:] == tree


def test_a_link_away_from_an_unbounded_variable_is_read_from_its_far_end() -> None:
    statistics = replace(STATISTICS, row=RowPrice(1000.0, 2.0, head_bounds=1000.0))
    graph = normalize(bound("?y : exists x . r(a, y) & s(x, y)"), PRODUCT, "text").graph
    witness = substitute(graph, {Variable("y"): entity("b")})
    found = plan_for(Variable("x"), witness, PRODUCT, statistics)
    assert found.describe(NAMES).splitlines()[1:] == [
        "Intersect",
        "├─ Column s to b",
        "└─ Link r(a, b)",
    ]


def test_without_the_law_every_instance_of_the_conjunction_is_gathered() -> None:
    tree = planned("?y : exists x . r(a, x) & s(x, y)", NOISY_OR).describe(NAMES).splitlines()
    assert tree[1:] == [
        "Project ∃ ?x",
        "├─ Support",
        "│  └─ Row r of a",
        "└─ Intersect",
        "   ├─ Link r(a, ?x)",
        "   └─ Row s of ?x",
    ]


@pytest.mark.parametrize(
    ("one", "other", "chosen"), [("a", "e", "x"), ("e", "a", "z"), ("b", "e", "x")]
)
def test_a_cycle_is_cut_at_the_variable_with_the_smallest_support(
    one: str, other: str, chosen: str
) -> None:
    """Out-degrees under t: a 0, b 0, c 1, e 2; under r and s they are alike for both."""
    text = f"?y : exists x, z . t({one}, x) & t({other}, z) & s(x, y) & s(z, y) & r(x, z)"
    root = planned(text).root
    assert isinstance(root, Project)
    assert root.variable == Variable(chosen)
    (t,) = GRAPH.vocabulary.find_relation("t")
    known = [STATISTICS.row_support(Constant(entity(name)), 2 * t) for name in (one, other)]
    assert support(root.source, STATISTICS) == min(known)


def test_the_columns_of_a_table_are_the_answer_variables() -> None:
    found = planned("?y ?z ?w : r(a, y) & s(y, z) & t(z, w)")
    assert set(found.columns) == {Variable(name) for name in "yzw"}
    assert found.columns[0] == Variable("y"), "the variable at the constant has fewest entities"


def test_a_closed_plan_refers_to_no_outer_variable() -> None:
    rng = Random(5)
    for _ in range(80):
        query = random_query(rng, 4, 3, rng.choice((0, 1, 2, 3)))
        for logic in (PRODUCT, NOISY_OR):
            root = plan(normalize(query, logic).graph, logic, _statistics(rng)).root
            assert root.references == frozenset()
            assert root.is_scalar is (not query.free)


# -- price ---------------------------------------------------------------------------------------


def rows(text: str) -> float:
    return planned(text).price.rows


def test_two_hops_cost_one_row_and_one_per_known_neighbour() -> None:
    for name in ("a", "b", "c", "e"):
        relation = {"a": "r", "e": "t"}.get(name, "s")
        number = GRAPH.vocabulary.find_relation(relation)[0]
        degree = GRAPH.index().degrees([entity(name)], [2 * number])[0]
        assert rows(f"?y : exists x . {relation}({name}, x) & s(x, y)") == 1 + degree


def test_the_price_grows_with_the_question() -> None:
    chain = [
        rows("?y : r(a, y)"),
        rows("?y : exists x . r(a, x) & s(x, y)"),
        rows("?y : exists x, z . r(a, x) & s(x, z) & t(z, y)"),
    ]
    assert chain == sorted(set(chain))
    assert rows("?y : s(b, y) & s(c, y)") == 2
    assert rows("?y : s(b, y) & s(b, y)") == 1, "one row serves both"


def test_no_variable_asks_for_more_rows_than_there_are_entities() -> None:
    text = "?y : exists x, z, w, v . r(x, y) & s(z, x) & t(w, z) & r(v, w)"
    assert rows(text) <= 4 * GRAPH.entity_count


def test_flops_are_rows_at_the_predictors_price() -> None:
    dear = replace(STATISTICS, row=RowPrice(flops=1000.0, entries=3.0, facts_only=True))
    graph = normalize(bound("?y : exists x . r(a, x) & s(x, y)"), PRODUCT).graph
    price = plan(graph, PRODUCT, dear).price
    assert (price.rows, price.flops) == (3, 3000)
    assert str(price).startswith("about 3 rows, 3 k FLOPs, largest intermediate ")


def test_a_predictor_that_adds_links_raises_the_estimate() -> None:
    learned = replace(STATISTICS, row=RowPrice(1.0, 5.0))
    graph = normalize(bound("?y : exists x . r(a, x) & s(x, y)"), PRODUCT).graph
    assert plan(graph, PRODUCT, learned).price.rows == 1 + 5


def test_an_unknown_pair_over_facts_is_expected_to_be_empty() -> None:
    assert rows("?y : exists x . s(a, x) & t(x, y)") == 1


# -- the value does not depend on the plan -------------------------------------------------------


def _statistics(rng: Random, entities: int = 4, relations: int = 3) -> Statistics:
    """Statistics of some other graph: a planner misled by them still has to be right."""
    facts = [
        (rng.randrange(entities), rng.randrange(relations), rng.randrange(entities))
        for _ in range(rng.randrange(1, 20))
    ]
    index = FactIndex.from_facts(np.array(facts, dtype=np.int32), entities, relations)
    return Statistics(entities, index, RowPrice(1.0, rng.choice((0.5, 3.0)), rng.random() < 0.5))


def shuffled(graph: QueryGraph, rng: Random) -> QueryGraph:
    """The same graph, its members and inner variables in another order at every level."""
    inner, members = list(graph.inner), [_shuffled(member, rng) for member in graph.members]
    rng.shuffle(inner)
    rng.shuffle(members)
    return QueryGraph(graph.free, tuple(inner), tuple(members))


def _shuffled(member: Member, rng: Random) -> Member:
    match member:
        case NegatedGroup(body):
            return NegatedGroup(shuffled(body, rng))
        case Alternatives(options):
            mixed = [shuffled(option, rng) for option in options]
            rng.shuffle(mixed)
            return Alternatives(tuple(mixed))
        case _:
            return member


def dense(value: Value, found: Plan, free: tuple[Variable, ...]) -> Array:
    """Truths with one axis per answer variable."""
    if isinstance(value, TruthVector):
        return value.dense()[0].numpy()
    if isinstance(value, torch.Tensor):
        return value[0].numpy()
    assert isinstance(value, Table)
    count = value.vector.entity_count
    out = np.zeros((count,) * len(free))
    row, last, truth = value.vector.expand()
    columns = torch.cat([value.columns[row], last[:, None]], 1)
    order = [found.columns.index(variable) for variable in free]
    out[tuple(columns[:, i].numpy() for i in order)] = truth.numpy()
    return out


@pytest.mark.parametrize("logic", [PRODUCT, GODEL, NOISY_OR], ids=str)
def test_no_order_of_elimination_changes_a_value(logic: Logic) -> None:
    rng = Random(f"order {logic}")
    table = random_table(rng, 4, 3, "sparse")
    engine = reasoner(TablePredictor(table), logic)
    different = 0
    for _ in range(12):
        query = random_query(rng, 4, 3, rng.choice((0, 1, 1, 2, 3)))
        graph = normalize(query, logic).graph
        plans = [plan(graph, logic, engine.statistics)]
        plans += [plan(shuffled(graph, rng), logic, _statistics(rng)) for _ in range(2)]
        different += len({one.root for one in plans}) - 1
        first, *others = [
            dense(value, one, query.free)
            for one, value in zip(plans, engine.truths(plans), strict=True)
        ]
        for other in others:
            np.testing.assert_allclose(other, first, atol=1e-12)
    assert different > 2, "the misled planner never chose another order"


def test_the_plan_for_a_variable_gives_its_max_marginal() -> None:
    rng = Random(11)
    engine = reasoner(TablePredictor(random_table(rng, 4, 3, "dense")), PRODUCT)
    for _ in range(4):
        query = random_query(rng, 4, 3, 2, CONJUNCTIVE)
        graph = normalize(query, PRODUCT).graph
        whole = plan(graph, PRODUCT, engine.statistics)
        (value,) = engine.truths([whole])
        joint = dense(value, whole, query.free)
        for axis, variable in enumerate(query.free):
            (marginal,) = engine.truths([plan_for(variable, graph, PRODUCT, engine.statistics)])
            assert isinstance(marginal, TruthVector)
            np.testing.assert_allclose(marginal.dense()[0], joint.max(1 - axis), atol=1e-12)


def test_every_operator_of_a_plan_is_reached_through_its_inputs() -> None:
    root = planned("?y : exists x . r(a, x) & s(x, y) & !(exists z . t(y, z))").root
    waiting, found = [root], []
    while waiting:
        found.append(waiting.pop())
        waiting.extend(found[-1].inputs)
    assert sum(isinstance(one, Row) for one in found) == 3
    assert not any(isinstance(one, Support) for one in found)
