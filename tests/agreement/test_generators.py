"""The generators make what they promise: safe questions, every feature, answerable texts."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from random import Random

import numpy as np
import pytest
from hypothesis import given

from kgreason.formula import And, Atom, Constant, Equals, Exists, Formula, Not, Or, Query, Variable
from tests.agreement.generators import (
    CONJUNCTIVE,
    EFO1,
    EVERYTHING,
    TABLE_KINDS,
    Features,
    TableKind,
    free_variables,
    is_safe,
    queries,
    random_query,
    random_table,
)
from tests.agreement.sparql_generators import (
    facts_table,
    pyoxigraph_answers,
    random_graph,
    random_sparql,
)

X, Y, Z = (Variable(name) for name in "xyz")
E0 = Constant(0)
SHADOWING = Features(shadowing=True)


def parts(formula: Formula[int], inside: str = "") -> Iterator[tuple[str, Formula[int]]]:
    """Every subformula with the letters of what it stands in (n: ¬, o: ∨, e: ∃)."""
    yield inside, formula
    match formula:
        case Not(body):
            yield from parts(body, inside + "n")
        case Exists(_, body):
            yield from parts(body, inside + "e")
        case And(members):
            for member in members:
                yield from parts(member, inside)
        case Or(members):
            for member in members:
                yield from parts(member, inside + "o")


def marks(query: Query[int]) -> set[str]:
    """Names of the unusual things a question holds."""
    everything = list(parts(query.formula))
    atoms = [part for _, part in everything if isinstance(part, Atom)]
    terms = [term for atom in atoms for term in (atom.head, atom.tail)]
    ends = [frozenset((atom.head, atom.tail)) for atom in atoms]
    own = [v for _, part in everything if isinstance(part, Exists) for v in part.variables]
    holds = {
        "¬∃": any(isinstance(part, Exists) and at.endswith("n") for at, part in everything),
        "¬¬": any(isinstance(part, Not) and at.endswith("n") for at, part in everything),
        "∨ in ∨": any(isinstance(part, Or) and "o" in at for at, part in everything),
        "∃ in ∨": any(isinstance(part, Exists) and "o" in at for at, part in everything),
        "= in ∨": any(isinstance(part, Equals) and "o" in at for at, part in everything),
        "≠": any(isinstance(part, Equals) and at.endswith("n") for at, part in everything),
        "self-loop": any(len(end) == 1 for end in ends),
        "multi-edge": len(set(ends)) < len(ends),
        "no constant": not any(isinstance(term, Constant) for term in terms),
        "leaf": any(terms.count(variable) == 1 for variable in own),
        "same name twice": len(set(own)) < len(own),
        "four inner variables": len(own) == 4,
        "one atom": len(everything) == 1,
    }
    return {name for name, held in holds.items() if held}


def test_every_unusual_thing_is_frequent() -> None:
    rng = Random(0)
    counts: Counter[str] = Counter()
    for _ in range(400):
        counts.update(marks(random_query(rng, 4, 3)))
    assert len(counts) == 13, counts
    assert min(counts.values()) >= 12, counts


@pytest.mark.parametrize("features", [EVERYTHING, CONJUNCTIVE, EFO1, SHADOWING])
def test_questions_are_safe_and_within_their_bounds(features: Features) -> None:
    rng = Random(1)
    for _ in range(200):
        free_count = rng.randint(0, 3)
        query = random_query(rng, 3, 2, free_count, features)
        assert len(query.free) == free_count
        assert free_variables(query.formula) <= set(query.free)
        assert is_safe(query)
        for _, part in parts(query.formula):
            assert features.negation or not isinstance(part, Not)
            assert features.disjunction or not isinstance(part, Or)
            assert features.equality or not isinstance(part, Equals)
            assert features.groups or not (isinstance(part, Not) and isinstance(part.body, Exists))


def test_the_same_seed_makes_the_same_question() -> None:
    assert random_query(Random(7), 4, 3) == random_query(Random(7), 4, 3)


@given(queries(free_count=2))
def test_the_strategy_makes_safe_questions(query: Query[int]) -> None:
    assert is_safe(query)


@pytest.mark.parametrize(
    ("formula", "safe"),
    [
        (Atom(0, E0, Y), True),
        (Equals(Y, E0), True),
        (Equals(Y, Y), False),
        (Not(Atom(0, E0, Y)), False),
        (Not(Not(Atom(0, E0, Y))), False),
        (Or((Atom(0, E0, Y), Not(Atom(1, E0, Y)))), False),
        (Or((Atom(0, E0, Y), Equals(E0, Y))), True),
        (And((Atom(0, E0, Y), Or((Atom(0, E0, Z), Not(Atom(1, E0, Y)))))), True),
        (Exists((X,), And((Atom(0, X, Y), Not(Atom(1, X, Y))))), True),
        (Exists((Y,), Atom(0, E0, Y)), False),
        (Exists((X,), And((Atom(0, E0, X), Equals(X, Y)))), False),
    ],
)
def test_safety(formula: Formula[int], safe: bool) -> None:
    assert is_safe(Query((Y,), formula)) is safe


@pytest.mark.parametrize("kind", TABLE_KINDS)
def test_truth_tables(kind: TableKind) -> None:
    table = random_table(Random(2), 6, 3, kind)
    assert table.shape == (6, 6, 6)
    assert table.min() >= 0
    assert table.max() <= 1
    zeros = float((table == 0).mean())
    agree = np.array_equal(table[::2], table[1::2].transpose(0, 2, 1))
    if kind == "dense":
        assert zeros == 0
        assert not agree
    elif kind == "sparse":
        assert 0.6 < zeros < 0.95
        assert (table == 1).any()
        assert not agree
    else:
        assert set(np.unique(table)) == {0.0, 1.0}
        assert agree


def test_a_fact_set_names_everything_and_makes_a_crisp_table() -> None:
    facts = random_graph(Random(3), 5, 3, 20)
    assert len(set(facts)) == len(facts) == 20
    assert {e for head, _, tail in facts for e in (head, tail)} == set(range(5))
    assert {relation for _, relation, _ in facts} == {0, 1, 2}
    table = facts_table(facts, 5, 3)
    assert table.sum() == 2 * len(facts)
    head, relation, tail = facts[0]
    assert table[2 * relation, head, tail] == table[2 * relation + 1, tail, head] == 1


def test_random_sparql_is_answerable_and_uses_every_feature() -> None:
    rng = Random(4)
    words: tuple[str, ...] = (
        "UNION",
        "NOT EXISTS",
        "FILTER EXISTS",
        "MINUS",
        "VALUES ?",
        "VALUES (",
        "!=",
        " = ",
    )
    words += (" IN (", "NOT IN (", "&&", "||", "!(", "^", "|", "/<", "ASK", "PREFIX", "{ {")
    seen: Counter[str] = Counter()
    answered = 0
    for _ in range(250):
        facts = random_graph(rng, 5, 3, rng.randint(20, 45))
        text = random_sparql(rng, 5, 3)
        seen.update(word for word in words if word in text)
        answers = pyoxigraph_answers(facts, text)
        assert all(value.startswith("<http://x/e") for row in answers for value in row), text
        answered += bool(answers)
    assert set(seen) == set(words), set(words) - set(seen)
    assert 100 < answered < 240


def test_random_sparql_keeps_to_the_features_asked_for() -> None:
    rng = Random(5)
    for _ in range(50):
        text = random_sparql(rng, 5, 3, frozenset({"union"}))
        assert not any(word in text for word in ("FILTER", "MINUS", "VALUES", "ASK", "PREFIX", "^"))
