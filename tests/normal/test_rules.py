"""Each rewrite keeps every truth under a logic with its laws, and is refused under one without."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest

from kgreason.formula import And, Atom, Constant, Exists, Formula, Or, Query, Variable
from kgreason.normal import normalize
from kgreason.normal.normalize import rename_apart
from kgreason.normal.rules import RULES, Rule
from kgreason.truth import GODEL, LUKASIEWICZ, NOISY_OR, PRODUCT, Law, Logic
from tests.agreement import judge
from tests.agreement.generators import random_query, random_table
from tests.agreement.test_engine import LOGICS
from tests.small import symmetric
from tests.truth.vectors import Array

Y, X = Variable("y"), Variable("x")
A = Constant(0)
RULE = {rule.name: rule for rule in RULES}
KEPT = [
    pytest.param(rule, logic, judged, id=f"{rule.name}-{logic}")
    for rule in RULES
    for logic, judged in LOGICS
    if rule.needs <= logic.laws
]


def after(rule: Rule, query: Query[int]) -> Query[int]:
    return Query(query.free, rule.rewrite(query.formula))


@pytest.mark.parametrize(("rule", "logic", "judged"), KEPT)
def test_a_rule_keeps_every_truth_under_its_laws(
    rule: Rule, logic: Logic, judged: judge.JudgeLogic
) -> None:
    rng = Random(f"{rule.name}{logic}")
    for _ in range(12):
        question = random_query(rng, 3, 2, rng.choice((0, 1, 2)))
        query = Query(question.free, rename_apart(question.formula, question.free))
        table = symmetric(random_table(rng, 3, 2, "dense"))
        before = judge.evaluate(query, table, judged)
        np.testing.assert_allclose(judge.evaluate(after(rule, query), table, judged), before)


def test_every_rule_changes_some_question() -> None:
    rng = Random(0)
    idle = dict(RULE)
    for _ in range(400):
        question = random_query(rng, 3, 2, rng.choice((0, 1, 2)))
        formula = rename_apart(question.formula, question.free)
        nested = And((formula, Exists((Variable("loose"),), And((formula, formula)))))
        idle = {name: rule for name, rule in idle.items() if rule.rewrite(nested) == nested}
    assert not idle


def r(head: object, tail: object) -> Atom[int]:
    return Atom(0, head, tail)  # type: ignore[arg-type]


def s(head: object, tail: object) -> Atom[int]:
    return Atom(1, head, tail)  # type: ignore[arg-type]


HALF = np.full((4, 2, 2), 0.5)
CROSSED = np.zeros((4, 2, 2))
CROSSED[0:2, 0], CROSSED[2:4, 1] = 0.5, 0.5
"""r(0, ·) = ½ = s(1, ·), and nothing else."""

BREAKS: list[tuple[str, Logic, Formula[int], Array, float, float]] = [
    ("drop-unused", NOISY_OR, Exists((X,), r(A, Y)), HALF, 0.75, 0.5),
    ("widen-exists", NOISY_OR, And((r(A, Y), Exists((X,), s(X, Y)))), HALF, 0.375, 0.4375),
    ("to-disjunctions", PRODUCT, And((r(A, Y), Or((s(A, Y), r(Y, A))))), HALF, 0.375, 0.4375),
    ("to-disjunctions", LUKASIEWICZ, And((r(A, Y), Or((s(A, Y), r(Y, A))))), HALF, 0.5, 0.0),
    ("split-exists", PRODUCT, Exists((X,), Or((r(X, Y), s(X, Y)))), CROSSED, 0.5, 0.75),
    ("drop-repeated", PRODUCT, And((r(A, Y), r(A, Y))), HALF, 0.25, 0.5),
]


@pytest.mark.parametrize(("name", "logic", "formula", "table", "before", "value"), BREAKS)
def test_a_logic_without_the_law_refuses_what_would_change_the_value(
    name: str,
    logic: Logic,
    formula: Formula[int],
    table: Array,
    before: float,
    value: float,
) -> None:
    judged = dict(LOGICS)[logic]
    query, rule = Query((Y,), formula), RULE[name]
    assert judge.evaluate(query, table, judged).tolist() == [before] * 2
    assert judge.evaluate(after(rule, query), table, judged).tolist() == [value] * 2
    refused = normalize(query, logic).refused
    if rule.defines_dnf:
        assert not refused, "the reading as written never asks for it"
    else:
        missing = "; ".join(sorted(law.value for law in rule.needs - logic.laws))
        assert f"{name}: {logic} does not keep {missing}" in refused


@pytest.mark.parametrize("formula", [entry[2] for entry in BREAKS])
def test_godel_logic_allows_every_rewrite(formula: Formula[int]) -> None:
    for semantics in ("text", "dnf"):
        form = normalize(Query((Y,), formula), GODEL, semantics)
        assert form.refused == ()
    assert form.fired


def test_negations_move_inward_under_every_logic() -> None:
    for logic, _ in LOGICS:
        assert RULE["push-not-inward"].needs == {Law.INVOLUTION, Law.DE_MORGAN} <= logic.laws
