"""A witness is a best assignment: its evidence is exactly as true as the answer."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import pytest

from kgreason.answers import Either, Ground, Leaf, MarginalOracle, ground, substitute
from kgreason.execution import BudgetMeter
from kgreason.formula import Variable
from kgreason.normal import Edge, NegatedGroup, QueryGraph, normalize
from kgreason.topk import Reasoner
from kgreason.truth import GODEL, NOISY_OR, PRODUCT, Logic
from tests.agreement.generators import (
    CONJUNCTIVE,
    Features,
    random_query,
    random_table,
)
from tests.agreement.table import TablePredictor, answers, reasoner
from tests.small import bound, entity, facts

GROUPS = Features(disjunction=False)


def evidence(one: Ground) -> list[tuple[Edge | NegatedGroup, float]]:
    """Every leaf of a witness, in order."""
    found: list[tuple[Edge | NegatedGroup, float]] = []
    for part in one.parts:
        if isinstance(part, Leaf):
            found.append((part.member, part.truth))
        else:
            found.extend(leaf for option in part.options for leaf in evidence(option))
    return found


CASES = [
    pytest.param(logic, features, kind, id=f"{logic}-{name}-{kind}")
    for logic, name, features in (
        (PRODUCT, "conjunctive", CONJUNCTIVE),
        (PRODUCT, "groups", GROUPS),
        (GODEL, "conjunctive", CONJUNCTIVE),
        (GODEL, "groups", GROUPS),
        (GODEL, "everything", Features(inner=3)),
    )
    for kind in ("dense", "sparse")
]


@pytest.mark.parametrize(("logic", "features", "kind"), CASES)
def test_the_evidence_is_as_true_as_the_answer(logic: Logic, features: Features, kind: str) -> None:
    rng = Random(f"{logic}{features}{kind}")
    engine = reasoner(TablePredictor(random_table(rng, 4, 3, kind)), logic)  # type: ignore[arg-type]
    for _ in range(4):
        query = random_query(rng, 4, 3, 1, features)
        (truths,) = answers(engine, [query])
        best = int(truths.argmax())
        (answer,) = query.free
        graph = substitute(normalize(query, logic).graph, {answer: best})
        (one,) = ground([graph], oracle(engine))
        assert one.truth == pytest.approx(float(truths[best]), abs=1e-9)
        assert set(graph.inner) <= set(one.assignment)
        assert all(0 <= value < 4 for value in one.assignment.values())


def oracle(engine: Reasoner) -> MarginalOracle:
    return MarginalOracle(engine, BudgetMeter())


class Counting(MarginalOracle):
    """Counts how often it is asked for truths."""

    calls = 0

    def truths(self, graphs: Sequence[QueryGraph]) -> list[float]:
        self.calls += 1
        return super().truths(graphs)


def shown(text: str, **values: str) -> Ground:
    """The witness of one answer of a question over the facts."""
    engine = reasoner(TablePredictor(facts(), crisp=True), PRODUCT)
    graph = normalize(bound(text), PRODUCT).graph
    filled = substitute(graph, {Variable(v): entity(name) for v, name in values.items()})
    return ground([filled], oracle(engine))[0]


def test_every_variable_of_a_chain_is_named() -> None:
    one = shown("?y : exists x, z . r(a, x) & s(x, z) & t(z, y)", y="a")
    assert {v.name: e for v, e in one.assignment.items()} in (
        {"x": entity("b"), "z": entity("e")},
        {"x": entity("c"), "z": entity("e")},
    )
    assert [truth for _, truth in evidence(one)] == [1.0, 1.0, 1.0]


def test_a_negated_group_stays_whole() -> None:
    one = shown("?y : s(b, y) & !(exists x . r(f, x) & s(x, y))", y="e")
    kinds = [type(member) for member, _ in evidence(one)]
    assert kinds == [Edge, NegatedGroup]
    assert one.assignment == {}
    assert [truth for _, truth in evidence(one)] == [1.0, 1.0]


def test_of_alternatives_the_truest_is_shown() -> None:
    one = shown(
        "?y : t(e, y) & ((exists x . r(y, x) & s(b, x)) | (exists z . t(z, y) & s(c, z)))", y="f"
    )
    assert all(truth == 1.0 for _, truth in evidence(one))
    assert len(evidence(one)) == 3
    assert {v.name for v in one.assignment} in ({"x"}, {"z"})


def test_the_weaker_alternative_is_left_out() -> None:
    table = facts()
    table[0, entity("a"), entity("d")] = 0.4
    engine = reasoner(TablePredictor(table), PRODUCT)
    graph = normalize(bound("?y : r(a, y) | s(b, y)"), PRODUCT).graph
    (one,) = ground([substitute(graph, {Variable("y"): entity("d")})], oracle(engine))
    ((member, truth),) = evidence(one)
    assert isinstance(member, Edge)
    assert (member.relation, truth) == (2, 1.0)


def test_an_entity_that_nothing_lists_may_be_the_best() -> None:
    one = shown("ask : exists x . !r(a, x) & !r(f, x)")
    assert one.assignment == {Variable("x"): entity("a")}
    assert [truth for _, truth in evidence(one)] == [1.0, 1.0]


def test_many_witnesses_are_read_side_by_side() -> None:
    engine = reasoner(TablePredictor(facts(), crisp=True), PRODUCT)
    graph = normalize(bound("?y : exists x . r(a, x) & s(x, y)"), PRODUCT).graph
    graphs = [substitute(graph, {Variable("y"): entity(name)}) for name in ("d", "e", "d")]
    meter = BudgetMeter()
    found = ground(graphs, MarginalOracle(engine, meter))
    assert meter.passes <= 4
    assert found[0].assignment == {Variable("x"): entity("b")}
    assert found[0] == found[2]


def test_a_graph_without_variables_is_its_own_witness() -> None:
    one = shown("ask : r(a, b) & s(b, d)")
    assert one.assignment == {}
    assert len(evidence(one)) == 2


def test_filling_keeps_nesting() -> None:
    graph = normalize(bound("?y : s(b, y) & !(exists x . r(f, x) & s(x, y))"), PRODUCT).graph
    filled = substitute(graph, {Variable("y"): 3})
    assert filled.free == ()
    group = filled.members[1]
    assert isinstance(group, NegatedGroup)
    assert group.body.free == ()
    assert isinstance(group.body, QueryGraph)
    assert group.body.inner == (Variable("x"),)


def test_alternatives_that_add_up_are_all_shown() -> None:
    """r(a, d) = .5 and s(b, d) = .5 make .75; a third one, of truth 0, adds nothing."""
    table = facts()
    table[:, entity("a"), entity("d")] = table[:, entity("b"), entity("d")] = 0.5
    engine = reasoner(TablePredictor(table), PRODUCT)
    graph = normalize(bound("?y : r(a, y) | s(b, y) | t(c, y)"), PRODUCT).graph
    (one,) = ground([substitute(graph, {Variable("y"): entity("d")})], oracle(engine))
    (either,) = one.parts
    assert isinstance(either, Either)
    assert [option.truth for option in either.options] == [0.5, 0.5]
    assert one.truth == either.truth == 0.75


def test_under_a_noisy_or_the_best_single_assignment_is_shown() -> None:
    """r(a, x) ∧ s(x, d) = .5 · .5 by x = b and by x = c: 1 − .75² together, .25 by one."""
    table = facts()
    for middle in ("b", "c"):
        table[:, entity("a"), entity(middle)] = table[:, entity(middle), entity("d")] = 0.5
    engine = reasoner(TablePredictor(table), NOISY_OR)
    query = bound("?y : exists x . r(a, x) & s(x, y)")
    (truths,) = answers(engine, [query])
    assert truths[entity("d")] == pytest.approx(1 - 0.75**2)
    graph = substitute(normalize(query, NOISY_OR).graph, {Variable("y"): entity("d")})
    (one,) = ground([graph], oracle(engine))
    assert one.truth == 0.25
    assert one.assignment == {Variable("x"): entity("b")}


def test_parts_of_all_witnesses_are_computed_at_once() -> None:
    """One computation per variable and level of alternatives, and one for all parts."""
    engine = reasoner(TablePredictor(facts(), crisp=True), PRODUCT)
    text = "?y : t(e, y) & ((exists x . r(y, x) & s(b, x)) | (exists z . t(z, y) & s(c, z)))"
    graph = normalize(bound(text), PRODUCT).graph
    graphs = [substitute(graph, {Variable("y"): entity(name)}) for name in ("f", "a", "b", "c")]
    counting = Counting(engine, BudgetMeter())
    ground(graphs, counting)
    assert counting.calls == 1
