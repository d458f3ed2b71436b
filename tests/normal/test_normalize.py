"""From a bound question to its query graph: nesting, names, safety, growth."""

from __future__ import annotations

import time

import pytest

from kgreason.errors import LimitError, UnsafeQueryError, UsageError
from kgreason.formula import And, Atom, Constant, Exists, Or, Query, Variable
from kgreason.normal import (
    MAX_ATOMS,
    MAX_STATEMENTS,
    MAX_VARIABLES,
    Alternatives,
    Edge,
    NegatedGroup,
    edges,
    normalize,
)
from kgreason.truth import GODEL, LUKASIEWICZ, NOISY_OR, PRODUCT, Logic, Qto
from tests.small import NAMES, bound

Y = Variable("y")


def shown(text: str, logic: Logic = PRODUCT, semantics: str = "text") -> str:
    form = normalize(bound(text), logic, semantics)  # type: ignore[arg-type]
    return form.graph.describe(NAMES)


def test_a_graph_prints_its_nesting() -> None:
    text = "?y : exists x . (s(b, x) | t(c, x)) & t(x, y) & !(exists z . r(z, y) & !s(z, y))"
    assert shown(text).splitlines() == [
        "?y  ∃ x",
        "  one of",
        "    ?x",
        "      b ──s──▶ ?x",
        "    ?x",
        "      c ──t──▶ ?x",
        "  ?x ──t──▶ ?y",
        " ¬ group",
        "    ?y  ∃ z",
        "      ?z ──r──▶ ?y",
        "     ¬?z ──s──▶ ?y",
    ]


def test_a_negated_union_becomes_two_negated_edges() -> None:
    form = normalize(bound("?y : r(a, y) & !(s(b, y) | s(c, y))"), PRODUCT)
    assert "push-not-inward" in form.fired
    assert [type(member) for member in form.graph.members] == [Edge] * 3
    assert [edge.negated for edge in edges(form.graph)] == [False, True, True]


def test_a_negated_conjunction_with_a_variable_of_its_own_stays_a_group() -> None:
    form = normalize(bound("?y : s(b, y) & !(exists x . r(f, x) & s(x, y))"), PRODUCT)
    group = form.graph.members[1]
    assert isinstance(group, NegatedGroup)
    assert group.body.inner == (Variable("x"),)
    assert group.variables == (Y,)
    assert form.graph.inner == ()


def test_inner_variables_gather_in_one_block_only_where_the_law_holds() -> None:
    text = "?y : r(a, y) & (exists x . s(x, y)) & (exists z . t(z, y))"
    assert normalize(bound(text), PRODUCT).graph.inner == (Variable("x"), Variable("z"))
    kept = normalize(bound(text), NOISY_OR)
    assert kept.graph.inner == ()
    assert sum(isinstance(member, Alternatives) for member in kept.graph.members) == 2
    assert any(reason.startswith("widen-exists") for reason in kept.refused)


def test_equal_names_in_two_scopes_are_two_variables() -> None:
    text = "?y : (exists x . r(x, y)) & (exists x . s(x, y))"
    graph = normalize(bound(text), PRODUCT).graph
    assert len(set(graph.inner)) == 2
    assert len({edge.source for edge in edges(graph)}) == 2


def test_an_inner_variable_may_bear_the_name_of_an_answer() -> None:
    inside = Exists((Y,), And((Atom(0, Constant(1), Y), Atom(1, Y, Y))))
    graph = normalize(Query((Y,), And((Atom(0, Constant(0), Y), inside))), PRODUCT).graph
    (inner,) = graph.inner
    assert inner != Y
    assert [edge.variables for edge in edges(graph)] == [(Y,), (inner,), (inner,)]


@pytest.mark.parametrize(
    ("logic", "atoms"), [(GODEL, 1), (PRODUCT, 2), (LUKASIEWICZ, 2), (NOISY_OR, 2)]
)
def test_only_godel_logic_drops_what_is_said_twice(logic: Logic, atoms: int) -> None:
    assert len(edges(normalize(bound("?y : r(a, y) & r(a, y)"), logic).graph)) == atoms


@pytest.mark.parametrize(
    "text",
    [
        "?y : !r(a, y)",
        "?y : r(a, y) | !s(b, y)",
        "?y ?z : r(a, y) & !s(y, z)",
        "?y : r(a, b) & !s(b, y)",
        "?y : y != a",
        "?y ?z : r(a, y) | s(b, z)",
        "?y : r(a, b) & !(exists x . s(x, y))",
        "?y ?z : r(a, b) & y = z",
    ],
)
def test_an_answer_that_nothing_positive_binds_is_refused(text: str) -> None:
    with pytest.raises(UnsafeQueryError, match="bound by no positive atom"):
        normalize(bound(text), PRODUCT)


@pytest.mark.parametrize(
    "text",
    [
        "?y : !(!r(a, y))",
        "?y : !(!r(a, y) | s(b, y))",
        "?y : r(a, y) | s(b, y)",
        "?y : y = a",
        "?y ?z : r(a, y) & y = z",
        "?y : (r(a, y) | y = b) & !s(b, y)",
        "?y : exists x . r(x, y) & !s(x, y)",
        "ask : !r(a, b)",
    ],
)
def test_an_answer_that_something_positive_binds_is_allowed(text: str) -> None:
    assert normalize(bound(text), PRODUCT).graph.free == bound(text).free


def test_the_refusal_names_the_variable() -> None:
    with pytest.raises(UnsafeQueryError) as caught:
        normalize(bound("?y ?z : r(a, y) & !s(y, z)"), PRODUCT)
    assert caught.value.message.startswith("?z is bound")


def exploding(clauses: int) -> Query[int]:
    """(r(a, y) ∨ s(a, y)) ∧ …: 2ⁿ disjuncts."""
    pair = Or((Atom(0, Constant(0), Y), Atom(1, Constant(0), Y)))
    return Query((Y,), And((pair,) * clauses))


def test_a_form_that_would_explode_is_refused_before_it_is_built() -> None:
    begin = time.process_time()
    with pytest.raises(LimitError, match=f"would have {25 * 2**25:,} atoms"):
        normalize(exploding(25), PRODUCT, "dnf")
    form = normalize(exploding(25), PRODUCT, "text")
    assert time.process_time() - begin < 2
    assert len(form.graph.members) == 25


def test_the_largest_form_allowed_is_built() -> None:
    form = normalize(exploding(8), PRODUCT, "dnf")
    (alternatives,) = form.graph.members
    assert isinstance(alternatives, Alternatives)
    assert len(alternatives.options) == 2**8
    assert len(edges(form.graph)) == 8 * 2**8 <= MAX_ATOMS


def test_the_disjunctive_reading_needs_a_maximum() -> None:
    with pytest.raises(UsageError, match="no meaning under noisy-or"):
        normalize(bound("?y : r(a, y)"), NOISY_OR, "dnf")


def test_the_disjunctive_reading_distributes_whatever_the_laws() -> None:
    text = "?y : r(a, y) & (s(b, y) | s(c, y))"
    form = normalize(bound(text), PRODUCT, "dnf")
    assert "to-disjunctions" in form.fired
    assert shown(text, PRODUCT, "dnf").splitlines() == [
        "?y",
        "  one of",
        "    ?y",
        "      a ──r──▶ ?y",
        "      b ──s──▶ ?y",
        "    ?y",
        "      a ──r──▶ ?y",
        "      c ──s──▶ ?y",
    ]


def test_a_question_has_at_most_so_many_statements_and_variables() -> None:
    most = " & ".join(["r(a, y)"] * MAX_STATEMENTS)
    assert len(normalize(bound(f"?y : {most}"), PRODUCT).graph.members) == MAX_STATEMENTS
    with pytest.raises(LimitError, match="more than 16,000 statements") as caught:
        normalize(bound(f"?y : {most} & s(b, y)"), PRODUCT)
    # It points at the one that is too many.
    assert "& s(b, y)" in str(caught.value)
    groups = ["!(exists x . r(x, y))"] * (MAX_VARIABLES + 1)
    normalize(bound(f"?y : r(a, y) & {' & '.join(groups[1:])}"), PRODUCT)
    with pytest.raises(LimitError, match="more than 4,000 quantified variables"):
        normalize(bound(f"?y : r(a, y) & {' & '.join(groups)}"), PRODUCT)


def test_the_disjunctive_form_distributes_negation_under_every_logic() -> None:
    text = "?y : r(a, y) & !(r(y, a) & r(y, b))"
    lines = shown(text, Qto(3.0), "dnf").splitlines()
    assert lines == shown(text, GODEL, "dnf").splitlines()
    assert lines.count("  one of") == 1
    assert "group" not in "".join(lines)
    # A negated ∃ stays as it is, and so does what stands in it.
    inside = "?y : r(a, y) & !(exists x . r(y, x) & !(s(x, a) & s(x, b)))"
    assert shown(inside, Qto(3.0), "dnf") == shown(inside, Qto(3.0), "text")
