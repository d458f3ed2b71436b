"""Which language a text is in, one question in four notations, and texts that are no question."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kgreason.errors import KgreasonError, UsageError
from kgreason.formula import Constant, Query, rename_terms
from kgreason.syntax import (
    from_formula_string,
    from_nested_tuple,
    parse,
    parse_efo,
    parse_sparql,
)
from kgreason.syntax.language import detect

ENTITIES = {"<http://e/a>": 1, "<http://e/b>": 3}
RELATIONS = {"<http://e/r>": 0, "<http://e/s>": 1, "<http://e/t>": 2}


def as_ids(query: Query[str]) -> Query[int]:
    def term(value: Any) -> Any:
        return Constant(ENTITIES[value.name]) if isinstance(value, Constant) else value

    def relation(name: Any, _: object) -> Any:
        return RELATIONS[name]

    return Query(query.free, rename_terms(query.formula, term, relation))


P = "PREFIX ex: <http://e/> "
FOUR = [
    (
        "?y : exists x1 . ex:r(ex:a, x1) & ^ex:s(x1, y)",
        "SELECT ?y { ex:a ex:r/^ex:s ?y }",
        (1, (0, 3)),
        ("(r1(s1,x1))&(r2(x1,y))", {"r1": 0, "s1": 1, "r2": 3}),
    ),
    (
        "?y : ex:r(ex:a, y) & !^ex:s(ex:b, y)",
        "SELECT ?y { ex:a ex:r ?y FILTER NOT EXISTS { ex:b ^ex:s ?y } }",
        ((1, (0,)), (3, (3, -2))),
        ("(r1(s1,y))&(!(r2(s2,y)))", {"r1": 0, "s1": 1, "r2": 3, "s2": 3}),
    ),
    (
        "?y : exists x1 . (ex:r(ex:a, x1) | ex:s(ex:b, x1)) & ex:t(x1, y)",
        "SELECT ?y { { ex:a ex:r ?x1 } UNION { ex:b ex:s ?x1 } ?x1 ex:t ?y }",
        (((1, (0,)), (3, (2,)), (-1,)), (4,)),
        (
            "((r1(s1,x1))|(r2(s2,x1)))&(r3(x1,y))",
            {"r1": 0, "s1": 1, "r2": 2, "s2": 3, "r3": 4},
        ),
    ),
    (
        "?y : !(exists x1 . ex:r(ex:a, x1) & ex:s(x1, y)) & ex:t(ex:b, y)",
        "SELECT ?y { ex:b ex:t ?y FILTER NOT EXISTS { ex:a ex:r ?x1 . ?x1 ex:s ?y } }",
        ((1, (0, 2, -2)), (3, (4,))),
        None,
    ),
]


@pytest.mark.parametrize(("efo", "sparql", "nested", "string"), FOUR)
def test_one_question_in_four_notations(
    efo: str, sparql: str, nested: object, string: tuple[str, dict[str, int]] | None
) -> None:
    expected = from_nested_tuple(None, nested)
    assert as_ids(parse(efo, prefixes={"ex": "http://e/"})) == expected
    assert as_ids(parse(P + sparql)) == expected
    if string is not None:
        formula, values = string
        named = formula.replace("x1", "e1").replace("y", "f1")
        question = from_formula_string(named, values)
        text = (efo.replace("x1", "e1").replace("?y", "?f1").replace(" y", " f1"),)
        assert question == as_ids(parse_efo(text[0], {"ex": "http://e/"}))


@pytest.mark.parametrize(
    ("text", "language"),
    [
        ("?y : r(a, y)", "efo"),
        ("ask : r(a, b)", "efo"),
        ("ASK\n # c\n : r(a, b)", "efo"),
        ("# SELECT\n?y : r(a, y)", "efo"),
        ("prefix ex: <http://e/> ?y : ex:r(a, y)", "efo"),
        ("prefix ex: <http://e/> ask : ex:r(a, b)", "efo"),
        ("y : r(a, y)", "efo"),
        ("", "efo"),
        ("select(a, y)", "efo"),
        ("SELECT ?y { ?y a ex:b }", "sparql"),
        ("select*{?y a ex:b}", "sparql"),
        ("ASK { ?y a ex:b }", "sparql"),
        ("ask{?y a ex:b}", "sparql"),
        (
            "# c\n# d\nPREFIX ex: <http://e/> # c\nprefix : <http://d/>\n ASK { ?y a ex:b }",
            "sparql",
        ),
        ("BASE <http://e/> SELECT ?y { ?y a <b> }", "sparql"),
        ("DESCRIBE <http://e/>", "sparql"),
        ("insert data { <a> <b> <c> }", "sparql"),
        ("SELCT ?y { ?y a ex:b }", "sparql"),
    ],
)
def test_detect(text: str, language: str) -> None:
    assert detect(text) == language


@pytest.mark.parametrize(
    "text", ["#" * 50_000, " " * 50_000, "prefix a: <b> " * 3000, "\n#" * 9999]
)
def test_detection_is_quick(text: str) -> None:
    start = time.perf_counter()
    detect(text)
    assert time.perf_counter() - start < 2


def test_an_unknown_language() -> None:
    with pytest.raises(UsageError, match="cypher"):
        parse("MATCH (n) RETURN n", language="cypher")
    assert parse("ask : r(a, b)", language="efo") == parse("ask : r(a, b)")


VALID_EFO = [
    "?y : exists x . friend(alice, x) & works_at(x, y) & !lives_in(alice, y)",
    'prefix ex: <http://e/> ?x, ?y : (ex:r("a b", x) | ^r(x, y)) & x != $s # end',
    'ask : !(exists x, z . not r(x, z) and "5"^^xsd:integer = z or $r(x, "a"@en))',
]
VALID_SPARQL = [
    P + "SELECT ?y ?score { ex:a ex:r/^ex:s ?y FILTER(?y != ex:b) } ORDER BY DESC(?score) LIMIT 3",
    P + "ASK { { ?x a 'q'@en } UNION { ?x ex:r [ ex:s 5.0 ] } MINUS { ?x ex:t ?z } }",
    P + "SELECT * { VALUES (?x ?y) { (ex:a -3) } ?x ex:r|ex:s ?y FILTER NOT EXISTS { ?y a _:b } }",
]
PIECES = st.sampled_from(
    [
        *("(", ")", "{", "}", "[", "]", "!", "&", "|", ".", ",", ":", "?", "$", "^", '"', "'", "<"),
        *(">", "exists", "not", "=", "!=", "@", "#", "\\", "/", "*", "UNION", "FILTER", "a", "x"),
        *(" ", "\n", "VALUES", "UNDEF", "SELECT", "PREFIX", "5", "-", "+", ";", "\0", "é", "ex:"),
        *("_:b", "\ud800"),
    ]
)


@st.composite
def damaged(draw: st.DrawFn, valid: list[str]) -> str:
    text = draw(st.sampled_from(valid))
    for _ in range(draw(st.integers(1, 3))):
        start = draw(st.integers(0, len(text)))
        end = min(len(text), start + draw(st.integers(0, 6)))
        text = text[:start] + draw(st.one_of(PIECES, st.just(""))) + text[end:]
    return text


quick = settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def refusal(read: Callable[[str], Query[str]], text: str) -> KgreasonError | None:
    try:
        read(text)
    except KgreasonError as error:
        return error
    return None


@quick
@given(st.one_of(st.text(max_size=40), st.lists(PIECES, max_size=12).map(" ".join)))
def test_any_text_is_parsed_or_refused(text: str) -> None:
    for read in (parse, parse_efo, parse_sparql):
        error = refusal(read, text)
        assert error is None or str(error)


@quick
@given(damaged(VALID_EFO))
def test_a_damaged_efo_question_is_parsed_or_refused(text: str) -> None:
    error = refusal(parse_efo, text)
    assert error is None or error.place is not None or "\ud800" in text


@quick
@given(damaged(VALID_SPARQL))
def test_a_damaged_sparql_question_is_parsed_or_refused(text: str) -> None:
    error = refusal(parse_sparql, text)
    assert error is None or error.place is not None or "\ud800" in text
