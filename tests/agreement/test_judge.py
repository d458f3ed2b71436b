"""The judge against values worked out by hand, and against pyoxigraph on crisp truths."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given, settings

from kgreason.formula import And, Atom, Constant, Equals, Exists, Formula, Not, Or, Query, Variable
from tests.agreement.generators import cases, random_query, random_table
from tests.agreement.judge import (
    GODEL,
    LOGICS,
    LUKASIEWICZ,
    NOISY_OR,
    PRODUCT,
    JudgeLogic,
    Truth,
    evaluate,
    hamacher,
    yager,
)
from tests.agreement.sparql_generators import (
    entity_name,
    facts_table,
    pyoxigraph_answers,
    random_graph,
    relation_name,
)

X, Y, Z, U = (Variable(name) for name in "xyzu")
E0, E1, E2 = (Constant(entity) for entity in range(3))


def question(free: tuple[Variable, ...], formula: Formula[int]) -> Query[int]:
    return Query(free, formula)


def table(relations: int, entities: int, links: dict[tuple[int, int, int], float]) -> Truth:
    """Zero but for `links`: (directed relation, head, tail) -> truth."""
    truth = np.zeros((2 * relations, entities, entities))
    for place, value in links.items():
        truth[place] = value
    return truth


def symmetric(relations: int, entities: int, links: dict[tuple[int, int, int], float]) -> Truth:
    """As `table`, (base relation, head, tail) -> truth, the same in both directions."""
    both = {(2 * r, h, t): value for (r, h, t), value in links.items()}
    both |= {(2 * r + 1, t, h): value for (r, h, t), value in links.items()}
    return table(relations, entities, both)


def ask(formula: Formula[int], truth: Truth, logic: JudgeLogic = PRODUCT) -> float:
    return float(evaluate(Query((), formula), truth, logic))


# ∨, then a step: (r0(e0, x) ∨ r1(e1, x)) ∧ r2(x, y) has one witness, x = e2, every link at 0.5.
UP = question((Y,), Exists((X,), And((Or((Atom(0, E0, X), Atom(1, E1, X))), Atom(2, X, Y)))))
UP_TRUTH = symmetric(3, 4, {(0, 0, 2): 0.5, (1, 1, 2): 0.5, (2, 2, 3): 0.5})


@pytest.mark.parametrize(
    ("logic", "text", "dnf"),
    [(PRODUCT, 0.375, 0.4375), (GODEL, 0.5, 0.5), (LUKASIEWICZ, 0.5, 0.0)],
)
def test_the_text_of_a_union_is_not_its_dnf(logic: JudgeLogic, text: float, dnf: float) -> None:
    np.testing.assert_allclose(evaluate(UP, UP_TRUTH, logic), [0, 0, 0, text])
    np.testing.assert_allclose(evaluate(UP, UP_TRUTH, logic, "dnf"), [0, 0, 0, dnf])


def test_negated_conjunction_inside_a_group_is_left_to_the_text() -> None:
    # ¬∃x (a ∧ (b ∨ c)): its inside keeps the text's value, outside De Morgan applies.
    truth = symmetric(3, 2, {(0, 0, 1): 0.5, (1, 0, 1): 0.5, (2, 0, 1): 0.5})
    a, b, c = (Atom(k, E0, X) for k in range(3))
    group = Exists((X,), And((a, Or((b, c)))))
    assert float(evaluate(Query((), Not(group)), truth, PRODUCT, "dnf")) == 1 - 0.5 * 0.75
    assert float(evaluate(Query((), Not(Not(group))), truth, PRODUCT, "dnf")) == 1 - 0.75**2


def test_dnf_distributes_negation_and_keeps_duplicates() -> None:
    truth = symmetric(3, 2, {(0, 0, 1): 0.5, (1, 0, 1): 0.5, (2, 0, 1): 0.5})
    a, b, c = (Atom(k, E0, E1) for k in range(3))
    formula = And((a, Not(And((b, c)))))
    # (a ∧ ¬b) ∨ (a ∧ ¬c) against a ∧ (1 − bc).
    assert ask(formula, truth) == 0.5 * 0.75
    assert float(evaluate(Query((), formula), truth, PRODUCT, "dnf")) == 1 - 0.75**2
    # ¬(a ∨ (b ∧ c)) becomes (¬a ∧ ¬b) ∨ (¬a ∧ ¬c).
    either = Not(Or((a, And((b, c)))))
    assert float(evaluate(Query((), either), truth, PRODUCT, "dnf")) == 1 - 0.75**2
    assert float(evaluate(Query((), Or((a, a))), truth, PRODUCT, "dnf")) == 0.75


def test_dnf_drops_the_variables_a_disjunct_does_not_use() -> None:
    truth = symmetric(2, 2, {(0, 0, 1): 0.5, (1, 0, 1): 0.25})
    formula = Exists((X,), Or((Atom(0, E0, X), Atom(1, E0, Y))))
    np.testing.assert_allclose(
        evaluate(Query((Y,), formula), truth, GODEL, "dnf"),
        evaluate(Query((Y,), formula), truth, GODEL),
    )
    with pytest.raises(ValueError, match="DNF"):
        evaluate(Query((Y,), formula), truth, NOISY_OR, "dnf")


A, B = np.meshgrid(np.linspace(0, 1, 11), np.linspace(0, 1, 11))


@pytest.mark.parametrize("logic", LOGICS, ids=lambda logic: logic.name)
def test_every_conjunction_is_a_t_norm(logic: JudgeLogic) -> None:
    both = logic.both(A, B)
    assert both.min() >= 0
    assert both.max() <= 1
    np.testing.assert_allclose(both, logic.both(B, A))
    np.testing.assert_allclose(logic.both(A, np.ones_like(A)), A, atol=1e-12)
    np.testing.assert_allclose(logic.both(A, np.zeros_like(A)), 0, atol=1e-12)
    c = np.full_like(A, 0.7)
    np.testing.assert_allclose(logic.both(both, c), logic.both(A, logic.both(B, c)), atol=1e-12)
    assert (np.diff(both, axis=0) >= -1e-12).all()
    assert (both <= np.minimum(A, B) + 1e-12).all()


def test_families_meet_their_special_cases() -> None:
    np.testing.assert_allclose(hamacher(1).both(A, B), A * B)
    np.testing.assert_allclose(hamacher(2).both(A, B), A * B / (2 - (A + B - A * B)))
    np.testing.assert_allclose(yager(1).both(A, B), LUKASIEWICZ.both(A, B), atol=1e-12)
    np.testing.assert_allclose(yager(200).both(A, B), np.minimum(A, B), atol=0.01)
    half = np.array(0.5)
    assert hamacher(0).both(half, half) == pytest.approx(1 / 3)
    assert hamacher(0).both(half * 0, half * 0) == 0
    assert yager(2).both(half, half) == pytest.approx(1 - 0.5**0.5)
    assert PRODUCT.either(half, half) == 0.75
    assert LUKASIEWICZ.either(half, half) == 1.0


# Every directed entry has a value of its own, so a value says which entry was read.
DISTINCT = np.random.default_rng(3).permutation(36).reshape(4, 3, 3) / 100


@pytest.mark.parametrize(
    ("atom", "value"),
    [
        (Atom(0, E0, Y), DISTINCT[0, 0, :]),  # constant → variable, as written
        (Atom(0, Y, E0), DISTINCT[1, 0, :]),  # the inverse link, asked from the constant
        (Atom(1, E2, Y, inverse=True), DISTINCT[3, 2, :]),
        (Atom(1, Y, E2, inverse=True), DISTINCT[2, 2, :]),
        (Atom(0, Y, Y), DISTINCT[0].diagonal()),  # equally far: as written
        (Atom(0, Y, Y, inverse=True), DISTINCT[1].diagonal()),
        (Atom(1, E0, E1), np.full(3, DISTINCT[2, 0, 1])),
        (Atom(1, E0, E1, inverse=True), np.full(3, DISTINCT[3, 0, 1])),
    ],
)
def test_orientation_of_one_atom(atom: Atom[int], value: Truth) -> None:
    np.testing.assert_array_equal(evaluate(Query((Y,), atom), DISTINCT, GODEL), value)


def test_two_answer_variables_are_equally_far() -> None:
    query = question((Z, Y), Atom(0, Y, Z))
    np.testing.assert_array_equal(evaluate(query, DISTINCT, GODEL), DISTINCT[0].T)
    inverse = question((Z, Y), Atom(0, Y, Z, inverse=True))
    np.testing.assert_array_equal(evaluate(inverse, DISTINCT, GODEL), DISTINCT[1].T)


def test_the_nearer_variable_is_the_target() -> None:
    # r0(y, x): x is farther, so the inverse direction is read from x to y.
    query = question((Y,), Exists((X,), Atom(0, Y, X)))
    np.testing.assert_array_equal(evaluate(query, DISTINCT, GODEL), DISTINCT[1].max(axis=0))
    written = question((Y,), Exists((X,), Atom(0, X, Y)))
    np.testing.assert_array_equal(evaluate(written, DISTINCT, GODEL), DISTINCT[0].max(axis=0))


def test_a_shortcut_elsewhere_in_the_formula_turns_an_atom_round() -> None:
    # In the chain y – x – u every atom is read from its far end. Another path y – u, be it negated,
    # an equality or inside a disjunction, makes x and u equally far: read as written.
    true: Formula[int] = Equals(Y, Y)
    step, link = Atom(0, Y, X), Atom(1, X, U)
    first, far, written = DISTINCT[1].T[:, :, None], DISTINCT[3].T, DISTINCT[2]
    chain = question((Y,), Exists((X, U), And((step, link))))
    expected = np.minimum(first, far).max(axis=(1, 2))
    np.testing.assert_allclose(evaluate(chain, DISTINCT, GODEL), expected)
    turned = np.minimum(first, written).max(axis=(1, 2))
    assert (turned != expected).any()
    paths: list[Formula[int]] = [Not(Atom(0, Y, U)), Equals(U, Y), Exists((Z,), Atom(0, Y, U))]
    for path in paths:
        query = question((Y,), Exists((X, U), And((step, link, Or((true, path))))))
        np.testing.assert_allclose(evaluate(query, DISTINCT, GODEL), turned)


def test_a_constant_is_no_bridge() -> None:
    # y – e0 – x – u: were e0 a bridge, the last link would be read from u.
    last = Exists((X, U), And((Atom(0, E0, X), Atom(1, X, U))))
    query = question((Y,), And((Atom(0, E0, Y), last)))
    expected = DISTINCT[0, 0] * (DISTINCT[0, 0][:, None] * DISTINCT[2]).max()
    np.testing.assert_allclose(evaluate(query, DISTINCT, PRODUCT), expected)
    other = DISTINCT[0, 0] * (DISTINCT[0, 0][:, None] * DISTINCT[3].T).max()
    assert not np.allclose(other, expected)


def test_constants_do_not_connect_and_unreachable_variables_read_as_written() -> None:
    # y – e0 – x are joined by a constant only: x is out of reach, e0 farther still.
    query = question((Y,), And((Atom(0, E0, Y), Exists((X,), Atom(1, X, E0)))))
    expected = np.minimum(DISTINCT[0, 0], DISTINCT[3, 0].max())
    np.testing.assert_array_equal(evaluate(query, DISTINCT, GODEL), expected)
    apart = question((Y,), And((Atom(0, E0, Y), Exists((X, U), Atom(1, X, U)))))
    expected = np.minimum(DISTINCT[0, 0], DISTINCT[2].max())
    np.testing.assert_array_equal(evaluate(apart, DISTINCT, GODEL), expected)


def test_without_answer_variables_only_constants_turn_an_atom() -> None:
    assert ask(Exists((X,), Atom(0, X, E1)), DISTINCT) == DISTINCT[1, 1].max()
    assert ask(Exists((X, U), Atom(0, X, U, inverse=True)), DISTINCT) == DISTINCT[1].max()


def test_dnf_reads_the_directions_of_the_text() -> None:
    # The shortcut y – u stands in another disjunct, yet it decides how x – u is read.
    step, link, shortcut = Atom(0, Y, X), Atom(1, X, U), And((Atom(0, Y, U), Equals(E0, E1)))
    query = question((Y,), Exists((X, U), Or((And((step, link)), shortcut))))
    expected = np.minimum(DISTINCT[1].T[:, :, None], DISTINCT[2][None, :, :]).max(axis=(1, 2))
    np.testing.assert_allclose(evaluate(query, DISTINCT, GODEL, "dnf"), expected)
    np.testing.assert_allclose(evaluate(query, DISTINCT, GODEL), expected)


def test_pni_negates_the_whole_group() -> None:
    # r0(e0, y) ∧ ¬∃x (r1(e1, x) ∧ r2(x, y)); the best witness for y = e3 is 0.8 · 0.5.
    links = {(0, 0, 3): 1.0, (0, 0, 2): 0.5, (1, 1, 0): 0.8, (1, 1, 2): 0.3}
    truth = symmetric(3, 4, links | {(2, 0, 3): 0.5, (2, 2, 3): 1.0})
    group = Exists((X,), And((Atom(1, E1, X), Atom(2, X, Y))))
    query = question((Y,), And((Atom(0, E0, Y), Not(group))))
    np.testing.assert_allclose(evaluate(query, truth, PRODUCT), [0, 0, 0.5, 0.6])
    np.testing.assert_allclose(evaluate(query, truth, NOISY_OR), [0, 0, 0.5, 0.6 * 0.7])
    # The negation of one atom is another question.
    atom = question((Y,), Exists((X,), And((Atom(0, E0, Y), Atom(1, E1, X), Not(Atom(2, X, Y))))))
    np.testing.assert_allclose(evaluate(atom, truth, PRODUCT), [0, 0, 0.4, 0.4])


def test_a_cycle_needs_one_assignment_for_all_its_atoms() -> None:
    # Triangle y – x – u: x = e1, u = e2 has all three links, x = e2 the strongest but one only.
    links = {(0, 0, 1): 0.5, (0, 1, 2): 0.5, (0, 2, 0): 0.4, (0, 0, 2): 1.0}
    query = question((Y,), Exists((X, U), And((Atom(0, Y, X), Atom(0, X, U), Atom(0, U, Y)))))
    expected = np.full(3, 0.5 * 0.5 * 0.4)
    np.testing.assert_allclose(evaluate(query, symmetric(1, 3, links), PRODUCT), expected)


def test_two_answers_are_indexed_in_the_order_of_the_question() -> None:
    truth = symmetric(2, 3, {(0, 0, 1): 0.5, (1, 1, 2): 0.4})
    formula = And((Atom(0, E0, Y), Atom(1, Y, Z)))
    expected = np.zeros((3, 3))
    expected[1, 2] = 0.2
    np.testing.assert_allclose(evaluate(Query((Y, Z), formula), truth, PRODUCT), expected)
    np.testing.assert_allclose(evaluate(Query((Z, Y), formula), truth, PRODUCT), expected.T)


def test_equal_names_in_separate_groups_are_separate_variables() -> None:
    truth = symmetric(2, 3, {(0, 1, 0): 0.5, (1, 2, 1): 0.4, (1, 1, 0): 0.8})
    apart = And((Exists((X,), Atom(0, X, Y)), Exists((X,), Atom(1, E2, X))))
    together = Exists((X,), And((Atom(0, X, Y), Atom(1, X, Y))))
    np.testing.assert_allclose(evaluate(Query((Y,), apart), truth, PRODUCT), [0.2, 0, 0])
    np.testing.assert_allclose(evaluate(Query((Y,), together), truth, PRODUCT), [0.4, 0, 0])
    shadowed = And((Atom(0, E1, Y), Exists((Y,), Atom(1, E2, Y))))
    np.testing.assert_allclose(evaluate(Query((Y,), shadowed), truth, PRODUCT), [0.2, 0, 0])


def test_equality_is_identity() -> None:
    truth = symmetric(1, 3, {(0, 0, 1): 0.5, (0, 0, 2): 0.4})
    only = And((Atom(0, E0, Y), Equals(Y, E2)))
    other = And((Atom(0, E0, Y), Not(Equals(E2, Y))))
    np.testing.assert_allclose(evaluate(Query((Y,), only), truth, PRODUCT), [0, 0, 0.4])
    np.testing.assert_allclose(evaluate(Query((Y,), other), truth, PRODUCT), [0, 0.5, 0])


def test_a_variable_nothing_mentions_ranges_over_all_entities() -> None:
    truth = symmetric(1, 3, {(0, 0, 1): 0.5})
    assert ask(Exists((X,), Atom(0, E0, E1)), truth, GODEL) == 0.5
    assert ask(Exists((X,), Atom(0, E0, E1)), truth, NOISY_OR) == 1 - 0.5**3


@pytest.mark.parametrize(
    "query",
    [
        question((Y,), Atom(0, X, Y)),
        question((Y,), And((Exists((X,), Atom(0, X, Y)), Atom(0, X, Y)))),
        question((Y, Y), Atom(0, Y, Y)),
    ],
)
def test_a_question_with_stray_variables_is_refused(query: Query[int]) -> None:
    with pytest.raises(ValueError, match=r"\?x is neither|twice"):
        evaluate(query, DISTINCT, GODEL)


@settings(max_examples=40, deadline=None)
@given(cases())
def test_truths_lie_in_the_unit_interval_and_dnf_keeps_godel(
    case: tuple[Query[int], Truth],
) -> None:
    query, truth = case
    for logic in LOGICS:
        value = evaluate(query, truth, logic)
        assert value.shape == (truth.shape[1],) * len(query.free)
        assert value.min() >= 0
        assert value.max() <= 1 + 1e-12
    written, dnf = evaluate(query, truth, GODEL), evaluate(query, truth, GODEL, "dnf")
    np.testing.assert_allclose(written, dnf, atol=1e-12)


def test_all_logics_agree_on_crisp_truths() -> None:
    rng = Random(5)
    for _ in range(30):
        query = random_query(rng, 4, 2, rng.randint(0, 2))
        truth = random_table(rng, 4, 2, "crisp")
        expected = evaluate(query, truth, GODEL)
        assert set(np.unique(expected)) <= {0.0, 1.0}
        for logic in LOGICS:
            np.testing.assert_allclose(evaluate(query, truth, logic), expected, atol=1e-12)


DOMAIN = "<http://x/domain>"


def as_filter(formula: Formula[int]) -> str:
    """A formula as a SPARQL condition: every atom and every ∃ is an EXISTS of its own."""

    def term(value: object) -> str:
        if isinstance(value, Variable):
            return f"?{value.name}"
        assert isinstance(value, Constant)
        return entity_name(value.name)

    match formula:
        case Atom(int(relation), head, tail, inverse):
            head, tail = (tail, head) if inverse else (head, tail)
            return f"EXISTS {{ {term(head)} {relation_name(relation)} {term(tail)} }}"
        case Equals(left, right):
            return f"{term(left)} = {term(right)}"
        case Not(body):
            return f"!({as_filter(body)})"
        case And(parts):
            return " && ".join(f"({as_filter(part)})" for part in parts)
        case Or(parts):
            return " || ".join(f"({as_filter(part)})" for part in parts)
        case Exists(variables, body):
            ranges = " ".join(f"?{v.name} {DOMAIN} ?{v.name} ." for v in variables)
            return f"EXISTS {{ {ranges} FILTER({as_filter(body)}) }}"
    raise AssertionError(formula)


def test_crisp_truths_are_what_pyoxigraph_answers() -> None:
    rng = Random(11)
    found = 0
    for _ in range(150):
        facts = random_graph(rng, 4, 2, rng.randint(6, 16))
        query = random_query(rng, 4, 2, rng.randint(0, 2))
        ranges = " ".join(f"?{v.name} {DOMAIN} ?{v.name} ." for v in query.free)
        head = f"SELECT {' '.join(f'?{v.name}' for v in query.free)}" if query.free else "ASK"
        text = f"{head} {{ {ranges} FILTER({as_filter(query.formula)}) }}"
        domain = [f"{entity_name(e)} {DOMAIN} {entity_name(e)} ." for e in range(4)]
        answers = pyoxigraph_answers(facts, text, extra="\n".join(domain))
        truth = evaluate(query, facts_table(facts, 4, 2), GODEL)
        assert set(np.unique(truth)) <= {0.0, 1.0}
        expected = {tuple(entity_name(int(e)) for e in row) for row in np.argwhere(truth == 1)}
        assert answers == expected, text
        found += bool(answers)
    assert found > 30
