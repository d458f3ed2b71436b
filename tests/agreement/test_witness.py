"""Every witness gives the truth it shows, whatever the question: judged from outside.

The question's formula is evaluated by enumeration with the assignment filled in, and so is every
part that the witness shows.
"""

from __future__ import annotations

import itertools
from random import Random

import numpy as np
import pytest
from numpy.typing import NDArray

from kgreason.answers import Ground, Leaf, MarginalOracle, ground, substitute
from kgreason.execution import BudgetMeter
from kgreason.formula import (
    Atom,
    Constant,
    Equals,
    Formula,
    Not,
    Query,
    Variable,
    conjunction,
    disjunction,
)
from kgreason.formula import exists as quantified
from kgreason.normal import EQUALS, Edge, Member, NegatedGroup, QueryGraph, normalize
from kgreason.truth import Logic, NoisyOr, Qto
from tests.agreement import judge
from tests.agreement.generators import TABLE_KINDS, Features, TableKind, random_query, random_table
from tests.agreement.table import TablePredictor, reasoner
from tests.agreement.test_engine import LOGICS, TREATMENTS

SIZE, RELATIONS = 4, 2
TOLERANCE = 1e-9
WITH_QTO = [*LOGICS, (Qto(3.0), judge.qto(3))]


def symmetric(rng: Random, kind: TableKind) -> NDArray[np.float64]:
    """A table whose directions agree, so that a link may be read from either end."""
    table = random_table(rng, SIZE, RELATIONS, kind)
    table[1::2] = table[0::2].transpose(0, 2, 1)
    return table


def question(rng: Random, free: int, depth: int = 3) -> Query[int]:
    """Every variable has a name of its own."""
    query = random_query(rng, SIZE, RELATIONS, free, Features(inner=4, depth=depth))
    formula = judge.rename_apart(query.formula, {v: v for v in query.free}, itertools.count())
    return Query(query.free, formula)


def answers_of(truth: NDArray[np.float64], rng: Random) -> list[tuple[int, ...]]:
    """The truest tuple, and one that is true at all."""
    every = [tuple(map(int, place)) for place in np.argwhere(truth > 0)]
    return [max(every, key=lambda place: truth[place]), rng.choice(every)] if every else []


def text_of(member: Member) -> Formula[int]:
    match member:
        case Edge(relation, source, target, negated):
            atom: Formula[int] = (
                Equals(source, target)
                if relation == EQUALS
                else Atom(relation // 2, source, target, bool(relation % 2))
            )
            return Not(atom) if negated else atom
        case NegatedGroup(body):
            return Not(graph_text(body))
        case _:
            return disjunction([graph_text(option) for option in member.options])


def graph_text(graph: QueryGraph) -> Formula[int]:
    return quantified(graph.inner, conjunction([text_of(member) for member in graph.members]))


def judged(one: Ground, table: NDArray[np.float64], logic: judge.JudgeLogic) -> float:
    """The truth of what a witness shows; asserts that each part has the truth it shows."""
    truths = []
    for part in one.parts:
        if isinstance(part, Leaf):
            truth = float(judge.evaluate(Query((), text_of(part.member)), table, logic))
        else:
            options = [np.asarray(judged(option, table, logic)) for option in part.options]
            truth = float(np.asarray(_fold(logic.either, options)))
        assert part.truth == pytest.approx(truth, abs=TOLERANCE)
        truths.append(np.asarray(truth))
    return float(_fold(logic.both, truths))


def _fold(combine: object, values: list[NDArray[np.float64]]) -> NDArray[np.float64]:
    whole = values[0]
    for value in values[1:]:
        whole = combine(whole, value)  # type: ignore[operator]
    return whole


@pytest.mark.parametrize("kind", TABLE_KINDS)
@pytest.mark.parametrize(("logic", "outside"), WITH_QTO, ids=str)
def test_the_assignment_gives_the_truth(
    logic: Logic, outside: judge.JudgeLogic, kind: TableKind
) -> None:
    rng = Random(f"witness{logic}{kind}")
    table = symmetric(rng, kind)
    engine = reasoner(TablePredictor(table), logic)
    for _ in range(25):
        query = question(rng, rng.choice((0, 1, 1, 2)))
        truth = judge.evaluate(query, table, outside)
        places = answers_of(truth, rng)
        graph = normalize(query, logic).graph
        filled = [substitute(graph, dict(zip(query.free, place, strict=True))) for place in places]
        for place, one in zip(
            places, ground(filled, MarginalOracle(engine, BudgetMeter())), strict=True
        ):
            assert judged(one, table, outside) == pytest.approx(one.truth, abs=TOLERANCE)
            values = {variable.name: entity for variable, entity in one.assignment.items()}
            again = judge.evaluate(query, table, outside, assignment=values)[place]
            assert again == pytest.approx(one.truth, abs=TOLERANCE), (query, values)
            if logic.quantifier is NoisyOr.quantifier:
                assert one.truth <= truth[place] + TOLERANCE
            else:
                assert one.truth == pytest.approx(truth[place], abs=TOLERANCE), query


@pytest.mark.parametrize(
    ("logic", "outside"),
    [case.values[:2] for case in TREATMENTS if case.values[2] == "dnf"],
    ids=str,
)
def test_the_parts_give_the_truth_of_the_disjunctive_form(
    logic: Logic, outside: judge.JudgeLogic
) -> None:
    rng = Random(f"dnf witness{logic}")
    table = symmetric(rng, "sparse")
    engine = reasoner(TablePredictor(table), logic, "dnf")
    for _ in range(25):
        query = question(rng, rng.choice((0, 1)), depth=1)
        truth = judge.evaluate(query, table, outside, "dnf")
        graph = normalize(query, logic, "dnf").graph
        for place in answers_of(truth, rng):
            filled = substitute(graph, dict(zip(query.free, place, strict=True)))
            (one,) = ground([filled], MarginalOracle(engine, BudgetMeter()))
            assert one.truth == pytest.approx(truth[place], abs=TOLERANCE)
            assert judged(one, table, outside) == pytest.approx(one.truth, abs=TOLERANCE)


def test_a_variable_is_chosen_for_all_alternatives_together() -> None:
    """p(a, b) ∨ ¬q(a, t), p = .875, q(a, ·) = .9, 1, .6: the third, and both alternatives."""
    table = np.zeros((4, 3, 3))
    table[0, 0, 1], table[2, 0] = 0.875, (0.9, 1.0, 0.6)
    t, a, b = Variable("t"), Constant(0), Constant(1)
    parts: list[Formula[int]] = [Atom(0, a, b), Not(Atom(1, a, t))]
    engine = reasoner(TablePredictor(table), LOGICS[1][0])
    graph = normalize(Query((), quantified((t,), disjunction(parts))), LOGICS[1][0]).graph
    (one,) = ground([graph], MarginalOracle(engine, BudgetMeter()))
    assert one.truth == pytest.approx(0.925)
    assert one.assignment == {t: 2}
    (either,) = one.parts
    assert not isinstance(either, Leaf)
    assert [option.truth for option in either.options] == [0.875, pytest.approx(0.4)]
