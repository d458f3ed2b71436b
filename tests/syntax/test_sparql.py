"""SPARQL: each feature's meaning, judged by an independent SPARQL engine, and each refusal."""

from __future__ import annotations

import random
from itertools import product

import pyoxigraph
import pytest

from kgreason.errors import (
    KgreasonError,
    LimitError,
    Place,
    QuerySyntaxError,
    UnknownNameError,
    UnsupportedError,
)
from kgreason.formula import (
    And,
    Atom,
    Constant,
    Equals,
    Exists,
    Formula,
    Modifiers,
    Not,
    Or,
    Query,
    Slot,
    Variable,
    walk,
)
from kgreason.syntax import parse_efo, parse_sparql, to_text
from kgreason.syntax.names import literal

PREFIXES = {"ex": "http://e/"}
XSD = "http://www.w3.org/2001/XMLSchema#"
FIVE, HALF = literal("5", datatype=XSD + "integer"), literal(".5", datatype=XSD + "decimal")


def same(sparql: str, efo: str) -> None:
    parsed = parse_sparql(sparql, PREFIXES)
    expected = parse_efo(efo, PREFIXES)
    assert (parsed.free, parsed.formula) == (expected.free, expected.formula), to_text(parsed)


SAME = [
    ("SELECT ?y { ex:a ex:r ?y }", "?y : ex:r(ex:a, y)"),
    ("ASK { ex:a ex:r ex:b }", "ask : ex:r(ex:a, ex:b)"),
    ("ASK { ex:a ex:r ?x }", "ask : exists x . ex:r(ex:a, x)"),
    (
        "SELECT DISTINCT ?y WHERE { ex:a ex:r ?x . ?x ex:s ?y }",
        "?y : exists x . ex:r(ex:a, x) & ex:s(x, y)",
    ),
    ("SELECT ?y ?x { ?x ex:r ?y }", "?y ?x : ex:r(x, y)"),
    ("SELECT * { ?x ex:r ?y . ?y ex:s [] }", "?x ?y : exists x1 . ex:r(x, y) & ex:s(y, x1)"),
    ("SELECT ?y { ex:a ^ex:r ?y }", "?y : ^ex:r(ex:a, y)"),
    ("SELECT ?y { ex:a ex:r/^ex:s ?y }", "?y : exists x1 . ex:r(ex:a, x1) & ^ex:s(x1, y)"),
    ("SELECT ?y { ex:a ^(ex:r/ex:s) ?y }", "?y : exists x1 . ^ex:s(ex:a, x1) & ^ex:r(x1, y)"),
    (
        "SELECT ?y { ex:a ex:r|(ex:s/ex:t) ?y }",
        "?y : ex:r(ex:a, y) | (exists x1 . ex:s(ex:a, x1) & ex:t(x1, y))",
    ),
    (
        "SELECT ?y { { ex:a ex:r ?x . ?x ex:s ?y } UNION { ex:b ex:r ?y } }",
        "?y : (exists x . ex:r(ex:a, x) & ex:s(x, y)) | ex:r(ex:b, y)",
    ),
    (
        "SELECT ?y { { ex:a ex:r ?x } UNION { ex:b ex:s ?x } ?x ex:t ?y }",
        "?y : exists x . (ex:r(ex:a, x) | ex:s(ex:b, x)) & ex:t(x, y)",
    ),
    (
        "SELECT ?y { ?y ex:r ex:a FILTER NOT EXISTS { ?y ex:s ?z . ?z ex:t ex:b } }",
        "?y : ex:r(y, ex:a) & !(exists z . ex:s(y, z) & ex:t(z, ex:b))",
    ),
    (
        "SELECT ?y { ?y ex:r ?x FILTER EXISTS { ?y ex:s ?z } ?x ex:t ex:b }",
        "?y : exists x . ex:r(y, x) & (exists z . ex:s(y, z)) & ex:t(x, ex:b)",
    ),
    (
        "SELECT ?y { ?y ex:r ?x MINUS { ?x ex:s ?z } }",
        "?y : exists x . ex:r(y, x) & !(exists z . ex:s(x, z))",
    ),
    ("SELECT ?y { ?y ex:r ex:a MINUS { ?q ex:s ?z } }", "?y : ex:r(y, ex:a)"),
    (
        "SELECT ?y { ?y ex:r ex:a VALUES ?y { ex:a ex:b ex:a } }",
        "?y : ex:r(y, ex:a) & (y = ex:a | y = ex:b)",
    ),
    (
        "SELECT ?x ?y { ?x ex:r ?y } VALUES (?x ?y) { (ex:a ex:b) (ex:c 'd'@EN) }",
        '?x ?y : ex:r(x, y) & (x = ex:a & y = ex:b | x = ex:c & y = "d"@en)',
    ),
    (
        "SELECT ?y { ?y ex:r ?x FILTER(?x != ex:a && !(?y = ?x || sameTerm(?y, ex:b))) }",
        "?y : exists x . ex:r(y, x) & x != ex:a & !(y = x | y = ex:b)",
    ),
    (
        "SELECT ?y { ?y ex:r ex:c FILTER(?y IN (ex:a, ex:b)) FILTER(?y NOT IN (ex:c, ex:d)) }",
        "?y : ex:r(y, ex:c) & (y = ex:a | y = ex:b) & y != ex:c & y != ex:d",
    ),
    (
        "SELECT ?y { FILTER(?y != ex:a) ?y a ex:C }",
        f"?y : <{'http://www.w3.org/1999/02/22-rdf-syntax-ns#'}type>(y, ex:C) & y != ex:a",
    ),
    # Variables of the same name that SPARQL keeps apart.
    (
        "SELECT ?y { { ?y ex:r ex:a FILTER NOT EXISTS { ?y ex:s ?z } } ?y ex:t ?z }",
        "?y : exists z . ex:r(y, ex:a) & !(exists x1 . ex:s(y, x1)) & ex:t(y, z)",
    ),
    (
        "BASE <http://b/> PREFIX : <http://d/> SELECT ?y { <p> :r ?y }",
        "?y : <http://d/r>(<http://b/p>, y)",
    ),
]


@pytest.mark.parametrize(("sparql", "efo"), SAME)
def test_sparql_means_the_efo_text(sparql: str, efo: str) -> None:
    same(sparql, efo)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ('"x"', literal("x")),
        ("'x'@en-GB", '"x"@en-gb'),
        ('"""a\n"b"""', literal('a\n"b')),
        ('"a\tb"', literal("a\tb")),
        (r'"\u00e9\t"', literal("é\t")),
        ("05", literal("05", datatype=XSD + "integer")),
        ("-05", literal("-05", datatype=XSD + "integer")),
        ("+1.50", literal("+1.50", datatype=XSD + "decimal")),
        ("1.0e5", literal("1.0e5", datatype=XSD + "double")),
        ("true", literal("true", datatype=XSD + "boolean")),
        ('"05"^^xsd:integer', literal("05", datatype=XSD + "integer")),
        ('"abc"^^xsd:integer', literal("abc", datatype=XSD + "integer")),
        ("1.e5", literal("1.e5", datatype=XSD + "double")),
        (".5", literal(".5", datatype=XSD + "decimal")),
        (".5E-1", literal(".5E-1", datatype=XSD + "double")),
        (r"ex:a\,b", "<http://e/a,b>"),
        ("ex:a\u00b7\u0301", "<http://e/a\u00b7\u0301>"),
        ("ex:a..b", "<http://e/a..b>"),
    ],
)
def test_terms_keep_their_spelling_and_their_place(written: str, name: str) -> None:
    text = f"SELECT ?y {{ ?y ex:r {written} }}"
    formula = parse_sparql(text, PREFIXES).formula
    assert isinstance(formula, Atom)
    assert isinstance(formula.tail, Constant)
    assert formula.tail.name == name
    if "\\u" not in written:
        place = formula.tail.place
        assert place is not None
        assert written.startswith(text[place.start : place.end])


@pytest.mark.parametrize(
    ("base", "iri", "expected"),
    [
        ("http://a/b/c/d;p?q", "g;x=1/../y", "http://a/b/c/y"),
        ("http://a/b/c/d;p?q", "../../../g", "http://a/g"),
        ("http://a/b/c/d;p?q", "./", "http://a/b/c/"),
        ("http://a/b/c/d;p?q", "?y", "http://a/b/c/d;p?y"),
        ("http://a/b/c/d;p?q#f", "", "http://a/b/c/d;p?q"),
        ("http://a/b/c/d;p?q", "#s", "http://a/b/c/d;p?q#s"),
        ("http://a/b/c/d;p?q", "g?", "http://a/b/c/g?"),
        ("http://a/b/c/d;p?q", "//g/h", "http://g/h"),
        ("http://a", "g", "http://a/g"),
        ("http://a/b", "http://a/x/../y", "http://a/x/../y"),
        ("kg://a/b/c", "../d", "kg://a/d"),
        ("urn:x:y", "z", "urn:z"),
        ("http://[a/", "b", "http://[a/b"),
    ],
)
def test_an_iri_is_relative_to_the_base_whatever_its_scheme(
    base: str, iri: str, expected: str
) -> None:
    formula = parse_sparql(f"BASE <{base}> SELECT ?y {{ ?y <http://e/r> <{iri}> }}").formula
    assert isinstance(formula, Atom)
    assert formula.tail == Constant(f"<{expected}>")


def test_names_end_where_the_grammar_ends_them() -> None:
    same("SELECT ?y { ?y ex:r ex:.?y ex:s ex:a. }", "?y : ex:r(y, <http://e/>) & ex:s(y, ex:a)")
    same("SELECT ?y {?y ex:r 5.?y ex:s .5.}", f"?y : ex:r(y, {FIVE}) & ex:s(y, {HALF})")
    same("SELECT ?y #\r{ ?y ex:r ex:a }", "?y : ex:r(y, ex:a)")


def test_modifiers() -> None:
    query = parse_sparql(
        "SELECT ?x ?score ?y { ?x ex:r ?y } ORDER BY DESC(?score) ?y ASC(?x) LIMIT 5 OFFSET 2",
        PREFIXES,
    )
    assert query.free == (Variable("x"), Variable("y"))
    assert query.modifiers == Modifiers(
        limit=5,
        offset=2,
        order=(("score", True), ("y", False), ("x", False)),
        truth_variable="score",
    )
    assert parse_sparql("ASK { ex:a ex:r ?y }", PREFIXES).modifiers == Modifiers()
    assert parse_sparql("ASK { ex:a ex:r ?y } OFFSET 0 LIMIT 0", PREFIXES).modifiers.limit == 0
    endless = parse_sparql("SELECT ?y { ex:a ex:r ?y } LIMIT " + "9" * 5_000, PREFIXES).modifiers
    assert endless.limit is not None
    assert endless.limit >= 10**18
    padded = parse_sparql("SELECT ?y { ex:a ex:r ?y } LIMIT " + "0" * 5_000 + "7", PREFIXES)
    assert padded.modifiers.limit == 7


REFUSED = [
    ("SELECT ?x { ?x a ex:b OPTIONAL { ?x ex:p ?y } }", "OPTIONAL", "OPTIONAL"),
    ("SELECT ?x { ?x a ex:b BIND(ex:a AS ?y) }", "BIND", "BIND"),
    ("SELECT ?x { GRAPH ?g { ?x a ex:b } }", "GRAPH", "GRAPH"),
    ("SELECT ?x { SERVICE ex:s { ?x a ex:b } }", "SERVICE", "SERVICE"),
    ("SELECT ?x FROM ex:g { ?x a ex:b }", "FROM", "FROM"),
    ("SELECT ?x { ?x a ex:b } GROUP BY ?x", "GROUP", "GROUP"),
    ("SELECT ?x { ?x a ex:b } HAVING (?x = ex:a)", "HAVING", "HAVING"),
    ("SELECT (COUNT(?x) AS ?n) { ?x a ex:b }", "COUNT", "COUNT"),
    ("SELECT (?x AS ?y) { ?x a ex:b }", "AS", "AS"),
    ("CONSTRUCT { ?x a ex:c } WHERE { ?x a ex:b }", "CONSTRUCT", "CONSTRUCT"),
    ("DESCRIBE ex:a", "DESCRIBE", "DESCRIBE"),
    ("INSERT DATA { ex:a a ex:b }", "INSERT", "INSERT"),
    ("DELETE WHERE { ex:a a ex:b }", "DELETE", "DELETE"),
    ("SELECT ?x { ?x a ex:b { SELECT ?y { ?y a ex:b } } }", "a subquery", "SELECT"),
    ("ASK { { SELECT ?y { ?y a ex:b } } }", "a subquery", "SELECT"),
    ("SELECT ?x { ?x a ex:b FILTER(?x < 5) }", "comparison <", "<"),
    ("SELECT ?x { ?x a ex:b FILTER(?x + 1 = 5) }", "arithmetic (+)", "+"),
    ("SELECT ?x { ?x a ex:b FILTER(?x -1 = 5) }", "arithmetic (-)", "-1"),
    ("SELECT ?x { ?x a ex:b FILTER(true-1 = 0) }", "arithmetic (-)", "-1"),
    ("SELECT ?x { ?x a ex:b FILTER(- ?x = 5) }", "arithmetic (-)", "-"),
    ("SELECT ?x { ?x a ex:b FILTER(?x = ?x/2) }", "arithmetic (/)", "/"),
    ("SELECT ?x { ?x a ex:b FILTER sameTerm(?x, ?x*2) }", "arithmetic (*)", "*"),
    ("SELECT ?x { ?x a ex:b FILTER sameTerm(?x, !?x) }", "not a comparison", "FILTER"),
    ("SELECT ?x { ?x a ex:b FILTER(?x<5&&?x>3) }", "comparison <", "<"),
    ("SELECT ?x { ?x a ex:b } ORDER BY (?x + 1)", "arithmetic (+)", "+"),
    ("SELECT ?x { ?x (ex:p/ex:q)+ ex:b }", "path of any length (+)", "+"),
    ("SELECT ?x { ?x ex:p/!(ex:q|^ex:r) ex:b }", "negated property set", "!"),
    ("SELECT ?x { ?x a ex:b FILTER regex(?x, 'a') }", "function regex", "regex"),
    ("SELECT ?x { ?x a ex:b FILTER(ISIRI(?x)) }", "function ISIRI", "ISIRI"),
    ("SELECT ?x { ?x a ex:b FILTER ex:f(?x) }", "function ex:f", "ex:f"),
    ("SELECT ?x { ?x a ex:b FILTER(?x) }", "not a comparison", "FILTER"),
    ("SELECT ?x { ?x ex:p+ ex:b }", "path of any length (+)", "+"),
    ("SELECT ?x { ?x ex:p* ex:b }", "path of any length (*)", "*"),
    ("SELECT ?x { ?x ex:p? ex:b }", "path of any length (?)", "?"),
    ("SELECT ?x { ?x !ex:p ex:b }", "negated property set", "!"),
    ("SELECT ?x { ?x ?p ex:b }", "variable as relation", "?p"),
    ("SELECT ?x { VALUES ?x { UNDEF } ?x a ex:b }", "UNDEF", "UNDEF"),
    ("SELECT ?x { VALUES ?x { } ?x a ex:b }", "VALUES without a row", "VALUES"),
    ("SELECT ?score { ?x a ?score }", "?score in the pattern", "?score"),
    ("SELECT ?x { ?x a ex:b } ORDER BY ?y", "ordering by the unselected ?y", "ORDER"),
    ("SELECT ?x { ?x a ex:b } ORDER BY xsd:integer(?x)", "the function xsd:integer", "xsd:integer"),
    ("ASK { ?x a ex:b } LIMIT 1 OFFSET 1", "OFFSET after ASK", "OFFSET"),
    ("SELECT ?z { ?x a ex:b }", "?z is selected", "?z"),
    ("SELECT ?z { { ?z a ex:b } UNION { ?x a ex:b } }", "a branch of UNION", "?z"),
    ("SELECT ?x { ?x a ex:b { FILTER(?x = ex:a) } }", "own group", "?x"),
    (
        "SELECT ?x { { ?x a ?z } UNION { ?x a ex:b } FILTER(?z = ex:a) }",
        "a branch of UNION",
        "?z",
    ),
    (
        "SELECT ?x { { ?x a ?z } UNION { ?x a ex:b } FILTER NOT EXISTS { ?z ex:p ?x } }",
        "a branch of UNION",
        "?z",
    ),
    ("SELECT ?x { { ?x a ?z } UNION { ?x a ex:b } MINUS { ?z ex:p ?x } }", "MINUS", "?z"),
    ("ASK { }", "a group that says nothing", "{"),
    (
        "ASK { { ?x a ?z } UNION { ?x a ex:b } FILTER NOT EXISTS { ?x ex:p ?y "
        "FILTER NOT EXISTS { ?y ex:p ?z } } }",
        "a branch of UNION",
        "?z",
    ),
    (
        "ASK { ?x a ?z FILTER EXISTS { ?x ex:p ?y MINUS { ?y ex:p ?w FILTER(?w != ?z) } } }",
        "from outside of EXISTS",
        "?z",
    ),
]


@pytest.mark.parametrize(("text", "name", "spot"), REFUSED)
def test_refused_by_name_and_place(text: str, name: str, spot: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        parse_sparql(text, PREFIXES)
    assert name in caught.value.message
    place = caught.value.place
    assert place is not None
    assert text[place.start : place.end] == spot
    assert caught.value.exit_code == 4


def test_words_in_strings_comments_and_names_are_not_keywords() -> None:
    text = "SELECT ?x { # OPTIONAL {\n ?x ex:BIND 'OPTIONAL {', <http://e/OPTIONAL#+> }"
    assert isinstance(parse_sparql(text, PREFIXES).formula, And)


MISTAKES = [
    ("SELCT ?x { ?x a ex:b }", "no word 'SELCT'", "SELCT"),
    ("SELECT ?x { ?x a ex:b ", "this { is never closed", "{"),
    ("SELECT ?x { ?x a ex:b } }", "this } closes nothing", "}"),
    ("SELECT ?x { ?x a (ex:b } )", "this } closes nothing", "}"),
    ("SELECT ?x { ?x a ex:b ex:c }", "'ex:c' cannot stand here", "ex:c"),
    ("SELECT ?x { ?x a }", "expected a term", "}"),
    ("SELECT ?x WHERE ?x a ex:b", "expected '{'", "?x"),
    ("SELECT { ?x a ex:b }", "found '{'", "{"),
    ("SELECT ?x { ?x a 'abc }", "string is never closed", "'"),
    ("SELECT ?x { ?x a ex:b FILTER ?x = ex:a }", "?x", "?x"),
    ("SELECT ?x { VALUES (?x ?y) { (ex:a) } }", "this row has 1 term", "("),
    ("SELECT ?x { VALUES () { (ex:a) } ?x a ex:b }", "1 term, and VALUES has 0", "("),
    ("SELECT ?x { VALUES (?x ?y ?x) { } }", "?x stands twice", "?x"),
    ("ASK { ?x a ex:b } LIMIT 1 LIMIT 2", "LIMIT stands twice", "LIMIT"),
    ("SELECT ?x { ?x a _:b . { ?x a _:b } }", "stands in two groups", "_:b"),
    ("SELECT ?x", "the question ends here", ""),
    ("SELECT ?x { ?x a ex:b } SELECT ?y { ?y a ex:b }", "'SELECT' cannot stand here", "SELECT"),
    ("SELECT ?x { ?x a 'a\\uD800' }", "not a character", "\\uD800"),
    ("?x a ex:b", "cannot stand here", "?x"),
    ("SELECT ?x { ?x a ex:b * }", "'*' cannot stand here", "*"),
    ("SELECT ?x { ?x a ex:b ! }", "'!' cannot stand here", "!"),
    ("SELECT ?x { ?x a ex:b FILTER !(?x = ex:a) }", "expected '('", "!"),
    ("SELECT ?x { ?x a ex:b FILTER ex:f }", "expected '('", "ex:f"),
    ("SELECT ?x { ?x a ex:b FILTER(?x = ex:a < ex:b) }", "expected ')'", "<"),
    ("SELECT ?x\u00a0{ ?x a ex:b }", "SPARQL has no", "\u00a0"),
    ("SELECT ?x { ?x a ex:b } LIMIT \u0661", "SPARQL has no", "\u0661"),
    ("SELECT ?\u00aa { ?x a ex:b }", "SPARQL has no", "\u00aa"),
    ("SELECT ?x { ?x a ex:-b }", "no word 'b'", "b"),
    ("PREFIX a. : <http://x/> SELECT ?x { ?x a ex:b }", "expected a prefix such as ex:", "a"),
]


@pytest.mark.parametrize(("text", "message", "spot"), MISTAKES)
def test_mistakes_are_pointed_at(text: str, message: str, spot: str) -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        parse_sparql(text, PREFIXES)
    assert message in caught.value.message
    place = caught.value.place
    assert place is not None
    assert text[place.start : place.end] == spot


def test_what_is_missing_is_pointed_at_behind_the_last_word() -> None:
    with pytest.raises(QuerySyntaxError, match="the question ends here") as caught:
        parse_sparql("SELECT ?x # nothing yet\n")
    assert caught.value.place == Place(9, 10)


def test_a_long_wrong_word_is_shown_by_its_beginning() -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        parse_sparql("ASK { ?x a " + "b" * 100_000 + " }")
    assert len(str(caught.value)) < 1_000


def test_an_undeclared_prefix_offers_the_nearest() -> None:
    with pytest.raises(UnknownNameError, match="no prefix 'fof'") as caught:
        parse_sparql("SELECT ?x { ?x a fof:Person }", {"foaf": "http://f/", "ex": "http://e/"})
    assert "nearest: foaf" in str(caught.value)
    assert "fof:Person" in str(caught.value)


def test_limits() -> None:
    assert parse_sparql("SELECT ?x " + "{" * 100 + "?x a ex:b" + "}" * 100, PREFIXES).free
    for text in ["ASK " + "{" * 10_000, "ASK { ?x a " + "(" * 10_000]:
        with pytest.raises(LimitError, match="100 levels"):
            parse_sparql(text)
    with pytest.raises(LimitError, match="1,000,000"):
        parse_sparql("ASK { ?x a ex:b }" + " " * 1_000_000)


@pytest.mark.parametrize(
    ("text", "statements"),
    [
        (" . ".join(["ex:a ex:r ?y"] * 2_000), 2_000),
        ("ex:a ex:r ?y FILTER (" + " && ".join(["?y != ex:b"] * 4_000) + ")", 4_001),
        ("?y ex:r " + ", ".join(f"ex:e{i}" for i in range(1_000)), 1_000),
        ("?y ex:r (" + " ".join(f"ex:e{i}" for i in range(1_000)) + ")", 2_001),
        ("ex:a " + "/".join(["ex:r"] * 400) + " ?y", 400),
    ],
    ids=["triples", "conditions", "objects", "list", "path"],
)
def test_long_texts_are_read_whole(text: str, statements: int) -> None:
    found = parse_sparql(f"SELECT ?y {{ {text} }}", PREFIXES)
    assert sum(isinstance(part, Atom | Equals) for part in walk(found.formula)) == statements


# --- an outside judge: pyoxigraph evaluates the text, a brute force the formula ---

NODES = ["<http://e/a>", "<http://e/b>", "<http://e/c>", "<http://e/d>", literal("l")]
JUDGED = [
    "SELECT ?y { ex:a ex:r/ex:s ?y }",
    "SELECT ?y { ex:a ^ex:r ?y }",
    "SELECT ?y { ?y ^(ex:r/ex:s)|ex:s ?z }",
    "SELECT ?x ?y { ?x ex:r ?y . ?y ex:s ?x }",
    "SELECT ?y { { ex:a ex:r ?x . ?x ex:s ?y } UNION { ?y ex:r ?y } }",
    "SELECT ?y { { ?y ex:r ?x } UNION { ?y ex:s ?z } ?y ex:s ?x }",
    "SELECT ?y { { ?y ex:r ?x } UNION { ?y ex:s ex:b } { ?x ex:r ex:a } UNION { ?y ex:r ?w } }",
    "SELECT ?y { ?y ex:r ?x FILTER NOT EXISTS { ?x ex:s ?z } }",
    "SELECT ?y { ?y ex:r ?x FILTER NOT EXISTS { ?x ex:s ?z } ?z ex:r ?y }",
    "SELECT ?y { { ?y ex:r ?x FILTER NOT EXISTS { ?x ex:s ?z } } ?z ex:s ?y }",
    "SELECT ?y { ?y ex:r ?x FILTER EXISTS { ?x ex:s ?z FILTER(?z != ?y) } }",
    "SELECT ?y { ?y ex:r ?x FILTER(?x = ex:a || NOT EXISTS { ?x ex:r ?y }) }",
    "SELECT ?y { ?y ex:r ?x FILTER NOT EXISTS { ?y ex:s ?z FILTER NOT EXISTS { ?z ex:r ?x } } }",
    "SELECT ?y { ?y ex:r ?x FILTER NOT EXISTS { { ?x ex:s ?z } UNION { ?y ex:s ?z } } }",
    "SELECT ?y { ?y ex:r ?x MINUS { ?x ex:s ?z } }",
    "SELECT ?y { ?y ex:r ?x MINUS { ?x ex:s ?z . ?z ex:r ?y } ?z ex:s ?y }",
    "SELECT ?y { ?y ex:r ?x MINUS { ?q ex:s ?z } }",
    "SELECT ?x ?y { ?x ex:r ?y FILTER(?x NOT IN (ex:a, 'l') && !(sameTerm(?y, ?x))) }",
    "SELECT ?y { VALUES (?x ?y) { (ex:a ex:b) (ex:c 'l') (ex:d ex:d) } ?x ex:r ?y }",
    "SELECT ?y { ?x ex:r ?y } VALUES ?x { ex:a ex:b }",
    "SELECT ?y { ?y ex:r _:n . _:n ex:s [ ex:r ?y ] }",
    "SELECT * { ?x ex:r ?y { ?y ex:s ?z } UNION { ?z ex:s ?y } FILTER(?x != ?z) }",
    "SELECT ?y { ?y ex:r ?x FILTER EXISTS { ?x ex:s ?z MINUS { ?x ex:r ?z . ?z ex:s ?w } } }",
    "SELECT ?y { { { ?y ex:r ?x } UNION { ?y ex:s ?x } } UNION { ?x ex:s ?y } ?x (ex:r|ex:s) ?x }",
    "ASK { ?x ex:r ?y . ?y ex:s ?z . ?z ex:r ?x }",
    "ASK { ?x ex:r ?x FILTER NOT EXISTS { ?x ex:s ?y } }",
]


def holds(formula: Formula[str], values: dict[str, str], facts: set[tuple[str, str, str]]) -> bool:
    def value(term: object) -> str:
        if isinstance(term, Variable):
            return values[term.name]
        assert isinstance(term, Constant)
        return str(term.name)

    match formula:
        case Atom(relation, head, tail, inverse):
            assert not isinstance(relation, Slot)
            ends = (value(tail), value(head)) if inverse else (value(head), value(tail))
            return (ends[0], relation, ends[1]) in facts
        case Equals(left, right):
            return value(left) == value(right)
        case Not(body):
            return not holds(body, values, facts)
        case And(parts):
            return all(holds(part, values, facts) for part in parts)
        case Or(parts):
            return any(holds(part, values, facts) for part in parts)
        case Exists(bound, body):
            return any(
                holds(body, values | dict(zip([v.name for v in bound], picked, strict=True)), facts)
                for picked in product(NODES, repeat=len(bound))
            )


def answers(query: Query[str], facts: set[tuple[str, str, str]]) -> set[tuple[str, ...]]:
    names = [variable.name for variable in query.free]
    return {
        picked
        for picked in product(NODES, repeat=len(names))
        if holds(query.formula, dict(zip(names, picked, strict=True)), facts)
    }


def judged(text: str, facts: set[tuple[str, str, str]]) -> set[tuple[str, ...]]:
    lines = " .\n".join(" ".join(fact) for fact in facts)
    store = pyoxigraph.Store()
    store.load(f"{lines} .".encode(), format=pyoxigraph.RdfFormat.N_TRIPLES)
    found = store.query(text, prefixes=PREFIXES)
    if isinstance(found, pyoxigraph.QueryBoolean):
        return {()} if found else set()
    assert isinstance(found, pyoxigraph.QuerySolutions)
    names = {literal("l"): literal("l"), '"l"': literal("l")}
    return {tuple(names.get(str(t), str(t)) for t in solution) for solution in found}


@pytest.mark.parametrize("text", JUDGED)
def test_answers_are_those_of_a_sparql_engine(text: str) -> None:
    query = parse_sparql(text, PREFIXES)
    chance = random.Random(text)
    sizes = set()
    for _ in range(8):
        facts = {
            (head, f"<http://e/{relation}>", tail)
            for head, relation, tail in product(NODES[:4], "rs", NODES)
            if chance.random() < 0.25
        }
        expected = judged(text, facts)
        assert answers(query, facts) == expected
        sizes.add(len(expected))
    assert sizes != {0}


def test_every_refusal_is_one_of_ours() -> None:
    for text in ["ASK { ?x <p> <q", "SELECT ?x { ?x <a b> ?y }", "PREFIX", "PREFIX ex: SELECT"]:
        with pytest.raises(KgreasonError):
            parse_sparql(text)


def test_a_filter_inside_exists_keeps_the_outer_variable() -> None:
    text = """PREFIX x: <http://x/>
    SELECT ?y { ?y x:r ?z . { ?y x:s ?w } UNION { ?y x:t ?w }
                FILTER NOT EXISTS { ?z x:r ?y . FILTER(?w != ?y) } }"""
    expected = """?y : exists z, w . <http://x/r>(y, z) & (<http://x/s>(y, w) | <http://x/t>(y, w))
                  & !(<http://x/r>(z, y) & w != y)"""
    assert parse_sparql(text) == parse_efo(expected)
