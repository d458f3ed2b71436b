"""Every question prints as text that reads back as the same question."""

from __future__ import annotations

import pyoxigraph
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgreason.formula import (
    Atom,
    Constant,
    Equals,
    Formula,
    Not,
    Query,
    Slot,
    Term,
    Variable,
    conjunction,
    disjunction,
    exists,
)
from kgreason.syntax import parse_efo, to_text
from kgreason.syntax.names import literal, quoted, unquoted

VARIABLES = ["x", "y", "z", "x1", "not", "Exists", "5", "été", "a", "ask"]
NAMES = st.one_of(
    st.sampled_from(
        [
            *("a", "x", "y", "and", "NOT", "exists", "ask", "", ".", "a.", "a b", "/m/0x", "c:d"),
            *("<http://a>", "<a b>", '"', '"x"', '"x"@en', '"x"@EN', '"5"^^<http://t>', "_:b0"),
            *("#", "?x", "$s", "52.2,11.2", "^r", "'", "-", "don't", "\\", '"\\t"@en', "a\u00a0b"),
        ]
    ),
    st.text(max_size=6),
)


@st.composite
def formulas(draw: st.DrawFn, scope: tuple[str, ...], depth: int) -> Formula[str]:
    def term() -> Term[str]:
        choice = draw(st.integers(0, 5))
        if choice <= 2 and scope:
            return Variable(draw(st.sampled_from(scope)))
        return Slot("s") if choice == 3 else Constant(draw(NAMES))

    def atom() -> Formula[str]:
        relation = Slot("r") if draw(st.integers(0, 5)) == 0 else draw(NAMES)
        return Atom(relation, term(), term(), draw(st.booleans()))

    def part() -> Formula[str]:
        return draw(formulas(scope, depth - 1))

    kind = draw(st.integers(0, 6)) if depth else draw(st.integers(0, 2))
    unused = [name for name in VARIABLES if name not in scope]
    if kind <= 1:
        return atom()
    if kind == 2:
        return Equals(term(), term())
    if kind == 3:
        return Not(part())
    if kind in (4, 5):
        join = conjunction if kind == 4 else disjunction
        return join([part() for _ in range(draw(st.integers(2, 3)))])
    if not unused:
        return atom()
    name = draw(st.sampled_from(unused))
    inner = draw(formulas((*scope, name), depth - 1))
    use: Formula[str] = Atom("r", Variable(name), Constant("a"))
    return exists((Variable(name),), conjunction([use, inner]))


@st.composite
def questions(draw: st.DrawFn) -> Query[str]:
    free = tuple(draw(st.lists(st.sampled_from(VARIABLES), unique=True, max_size=2)))
    uses: list[Formula[str]] = [Atom("r", Variable(name), Constant("a")) for name in free]
    body = draw(formulas(free, depth=3))
    return Query(tuple(Variable(name) for name in free), conjunction([*uses, body]))


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(questions())
def test_round_trip(query: Query[str]) -> None:
    assert parse_efo(to_text(query)) == query


@pytest.mark.parametrize(
    "text",
    [
        "?y : exists x . friend(alice, x) & works_at(x, y) & !lives_in(alice, y)",
        "ask : ^r(a, b)",
        "?x ?y : (exists z . r(x, z) | $r(z, y)) & !(x = y & r(x, y)) & x != $s",
        '?y : "works at"("Barack Obama", y) & r("y", y) & s("and", y)',
        "?y : r(a, y) | s(a, y) & (t(a, y) | u(a, y))",
        "?y : !!r(a, y) & !(exists ?not . r(?not, y))",
        '?y : <http://e/r>("5"^^<http://t>, y) & r("x"@en, y)',
    ],
)
def test_text_in_its_usual_form_stays_as_it_is(text: str) -> None:
    assert to_text(parse_efo(text)) == text


@given(st.text())
def test_quotes_come_off_again(value: str) -> None:
    assert unquoted(quoted(value)) == value


def test_literals_are_written_as_pyoxigraph_writes_them() -> None:
    everything = "".join(map(chr, [*range(0x300), 0x2028, 0xFFFD, 0x1F600]))
    integer = "http://www.w3.org/2001/XMLSchema#integer"
    typed = pyoxigraph.Literal(everything, datatype=pyoxigraph.NamedNode(integer))
    assert literal(everything, datatype=integer) == str(typed)
    assert literal(everything, language="en-GB") == str(
        pyoxigraph.Literal(everything, language="en-GB")
    )
    assert literal("x") == '"x"^^<http://www.w3.org/2001/XMLSchema#string>'
