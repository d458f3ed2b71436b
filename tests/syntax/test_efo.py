"""EFO text: what each notation means, and what each mistake is told."""

from __future__ import annotations

import threading

import pytest

from kgreason.errors import (
    KgreasonError,
    LimitError,
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
    Not,
    Or,
    Slot,
    Variable,
    walk,
)
from kgreason.syntax import parse_efo

X, Y, Z = Variable("x"), Variable("y"), Variable("z")
INTEGER = "http://www.w3.org/2001/XMLSchema#integer"


def atom(relation: str, head: object, tail: object, inverse: bool = False) -> Atom[str]:
    ends = [Constant(end) if isinstance(end, str) else end for end in (head, tail)]
    return Atom(relation, ends[0], ends[1], inverse)  # type: ignore[arg-type]


def body(text: str) -> Formula[str]:
    return parse_efo(text).formula


def test_the_question_of_the_manual() -> None:
    text = "?y : exists x . friend(alice, x) & works_at(x, y) & !lives_in(alice, y)"
    query = parse_efo(text)
    assert query.free == (Y,)
    assert query.text == text
    assert query.formula == Exists(
        (X,),
        And(
            (
                atom("friend", "alice", X),
                atom("works_at", X, Y),
                Not(atom("lives_in", "alice", Y)),
            )
        ),
    )


@pytest.mark.parametrize(
    "text",
    [
        "?y:∃x.friend(alice,x)∧works_at(x,y)∧¬lives_in(alice,y)",
        "?y : EXISTS ?x . friend(alice, ?x) AND works_at(?x, ?y) And Not lives_in(alice, ?y)",
        "# a\n?y : (exists x . # b\n friend(alice, x) && (works_at(x, y) & ~lives_in(alice, y)))",
        '?y :\texists x.((friend(alice,x)&works_at(x,y))&!lives_in("alice",y))',
        "?y : exists x . friend(alice, x) &\u00a0works_at(x, y) & !lives_in(alice, y)",
    ],
)
def test_other_spellings_are_the_same_question(text: str) -> None:
    plain = "?y : exists x . friend(alice, x) & works_at(x, y) & !lives_in(alice, y)"
    assert parse_efo(text) == parse_efo(plain)


def test_precedence() -> None:
    r, s, t = atom("r", "a", Y), atom("s", "a", Y), atom("t", "a", Y)
    assert body("?y : r(a,y) | s(a,y) & !t(a,y)") == Or((r, And((s, Not(t)))))
    assert body("?y : (r(a,y) | s(a,y)) & t(a,y)") == And((Or((r, s)), t))
    assert body("?y : r(a,y) | s(a,y) or t(a,y)") == Or((r, s, t))
    assert body("?y : !!r(a,y)") == Not(Not(r))


def test_exists_reaches_to_the_end_of_its_bracket() -> None:
    inner = And((atom("r", X, Y), atom("s", X, Y)))
    assert body("?y : exists x . r(x,y) & s(x,y)") == Exists((X,), inner)
    assert body("?y : !exists x . r(x,y) & s(x,y)") == Not(Exists((X,), inner))
    assert body("?y : (exists x . r(x,y)) & s(a,y)") == And(
        (Exists((X,), atom("r", X, Y)), atom("s", "a", Y))
    )


@pytest.mark.parametrize("head", ["exists x, z .", "exists ?x ?z .", "∃x z.", "exists x.exists z."])
def test_several_quantified_variables(head: str) -> None:
    parts = And((atom("r", X, Z), atom("s", Z, Y)))
    assert body(f"?y : {head} r(x,z) & s(z,y)") == Exists((X, Z), parts)


def test_a_name_may_be_quantified_twice_side_by_side() -> None:
    one, two = Exists((X,), atom("r", X, Y)), Exists((X,), atom("s", X, Y))
    assert body("?y : (exists x . r(x,y)) | (exists x . s(x,y))") == Or((one, two))


@pytest.mark.parametrize("head", ["?x ?y :", "?x, ?y :"])
def test_several_answer_variables(head: str) -> None:
    assert parse_efo(f"{head} r(x, y)").free == (X, Y)


def test_yes_or_no() -> None:
    query = parse_efo("ask : friend(alice, bob)")
    assert query.free == ()
    assert query.formula == atom("friend", "alice", "bob")


def test_equality_inverse_and_slots() -> None:
    assert body("?y : y = alice") == Equals(Y, Constant("alice"))
    assert body("?y : y != alice") == Not(Equals(Y, Constant("alice")))
    assert body("?y : y ≠ alice") == Not(Equals(Y, Constant("alice")))
    assert body("?y : ^r(alice, y)") == atom("r", "alice", Y, inverse=True)
    assert body("?y : $r($s, y)") == Atom(Slot("r"), Slot("s"), Y)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("/m/027rn", "/m/027rn"),
        ("concept_sportsteam_x", "concept_sportsteam_x"),
        ("5", "5"),
        ("-3.5", "-3.5"),
        ("O'Brien", "O'Brien"),
        ("日本", "日本"),
        ("_:b0", "_:b0"),
        ("ex:foo", "ex:foo"),
        ("<http://example.org/a#b>", "<http://example.org/a#b>"),
        ('"Barack Obama"', "Barack Obama"),
        ('"52.2166700000000,11.2666700000000"', "52.2166700000000,11.2666700000000"),
        (r'"a \"b\" \\ \n \u00e9 \U0001F600 #"', 'a "b" \\ \n é 😀 #'),
        ('"y"', "y"),
        ('"not"', "not"),
        ('"x"@en-GB', '"x"@en-gb'),
        ('"5"^^xsd:integer', f'"5"^^<{INTEGER}>'),
        (f'"5"^^<{INTEGER}>', f'"5"^^<{INTEGER}>'),
        ('"a^^<b"@en', '"a^^<b"@en'),
        (r'"\"^^<b"^^<http://t>', r'"\"^^<b"^^<http://t>'),
    ],
)
def test_names_of_entities(written: str, name: str) -> None:
    assert body(f"?y : r({written}, y)") == atom("r", name, Y)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("concept:teamplaysagainstteam", "concept:teamplaysagainstteam"),
        (
            "/award/award_nominee/award_nominations./award/award_nomination/award",
            "/award/award_nominee/award_nominations./award/award_nomination/award",
        ),
        ("+/tv/tv_program", "+/tv/tv_program"),
        ('"works at"', "works at"),
        ("<http://e/r>", "<http://e/r>"),
        ("x.y", "x.y"),
        ("y", "y"),
        ("android", "android"),
        ("nothing", "nothing"),
    ],
)
def test_names_of_relations(written: str, name: str) -> None:
    assert body(f"?y : exists x.{written}(x, y)") == Exists((X,), atom(name, X, Y))


def test_prefixes_from_the_caller_and_from_the_text() -> None:
    given = parse_efo("?y : ex:r(ex:a, y) & o:s(b, y)", prefixes={"ex": "http://e/"}).formula
    assert given == And((atom("<http://e/r>", "<http://e/a>", Y), atom("o:s", "b", Y)))
    told = body("prefix ex: <http://e/>\nPREFIX : <http://d/>\n?y : ex:r(:a, y)")
    assert told == atom("<http://e/r>", "<http://d/a>", Y)


def test_places_point_at_names() -> None:
    text = '?y : friend(alice, y) & $r("Bob B", y)'
    spots = {}
    for part in walk(parse_efo(text).formula):
        if isinstance(part, Atom):
            for named in (part, part.head, part.relation):
                place = getattr(named, "place", None)
                if place:
                    spots[text[place.start : place.end]] = True
    assert set(spots) == {"friend", "alice", "$r", '"Bob B"'}


MISTAKES = [
    ("", "the question is empty", None),
    ("  \n", "the question is empty", None),
    ("# only a comment", "expected an answer variable", None),
    ("?y : exsits x . r(x, y)", "expected '(' or '='", "did you mean 'exists' instead of 'exsits'"),
    ("?y : r(a, y) adn s(a, y)", "found 'adn'", "did you mean 'and'"),
    ("?y exists x . r(x, y)", "expected ':'", "a question starts with"),
    ("y : r(a, y)", "expected an answer variable", "a question starts with"),
    ("?y : (r(a, y) & s(a, y)", "this bracket is never closed", None),
    ("?y : r(a, y))", "this bracket closes nothing", None),
    ("?y : r(y)", "r has 1 argument; a relation links two", "write r(head, tail)"),
    ("?y : r(a, b, y)", "r has 3 arguments", None),
    ("?y : r()", "r has 0 arguments", None),
    ("?y : r(a, )", "expected an entity or a variable", None),
    ("?y : r(a b)", "expected ')'", None),
    ("?y : r(not, y)", "expected an entity", "stands in quotes"),
    ("?y : r(a, y) &", "the question ends here", None),
    ("?y : ", "the question ends here", None),
    ("?y : r(?z, y)", "?z is neither an answer variable nor quantified", "exists z ."),
    ("?y : exists y . r(y, y)", "?y is already a variable", "another name"),
    ("?y : exists x . r(x,y) & exists x . s(x,y)", "?x is already a variable", None),
    ("?y ?y : r(a, y)", "?y is already a variable", None),
    ("?y : exists z . r(a, y)", "?z is not used", "leave z out"),
    ("?y : exists z . r(a, y) & (exists x . s(x, y))", "?z is not used", None),
    ("?x ?y : r(a, y)", "?x does not occur", None),
    ("?y : exists x r(x, y)", "expected '.'", "write exists x ."),
    ("?y : ^a = y", "^ turns a relation around", None),
    ("?y : r('a', y)", "has no '''", "quoted like"),
    ('?y : r("a, y)', "has no '\"'", "ends on the same line"),
    ("?y : r(a\u200b, y)", "ZERO WIDTH SPACE", None),
    ("?y : { r(a, y) }", "has no '{'", "round brackets"),
    ('?y : r("\\q", y)', "is not an escape", r"\uXXXX"),
    ('?y : r("\\uD800", y)', "is not a character", None),
    ("?y : r(\ud800, y)", "U+D800", "UTF-8"),
    ("prefix ex: foo ?y : r(a, y)", "expected an IRI", None),
]


@pytest.mark.parametrize(("text", "message", "remedy"), MISTAKES)
def test_mistakes(text: str, message: str, remedy: str | None) -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        parse_efo(text)
    assert message in caught.value.message
    assert remedy is None or remedy in (caught.value.remedy or "")
    assert caught.value.place is not None or "\ud800" in text or not text.strip()


def test_the_caret_stands_under_the_mistake() -> None:
    with pytest.raises(QuerySyntaxError) as caught:
        parse_efo("?y :\n  r(a, ?z) & s(a, y)")
    assert "    r(a, ?z) & s(a, y)\n         ^^\n" in str(caught.value)


def test_what_has_no_truth_is_unsupported() -> None:
    with pytest.raises(UnsupportedError, match="∀"):
        parse_efo("?y : ∀x . r(x, y)")
    with pytest.raises(UnsupportedError, match=r"the relation \?r is a variable"):
        parse_efo("?y : ?r(a, y)")


def test_an_unknown_datatype_prefix() -> None:
    with pytest.raises(UnknownNameError, match="no prefix 'xs'") as caught:
        parse_efo('?y : r("5"^^xs:integer, y)')
    assert "xsd" in str(caught.value)


DEEP = [
    "?y : " + "(" * 10_000 + "r(a, y)" + ")" * 10_000,
    "?y : " + "!" * 10_000 + "r(a, y)",
    "?y : " + "not " * 10_000 + "r(a, y)",
    "?y : " + "".join(f"exists x{i}." for i in range(10_000)) + "r(a, y)",
    "?y : " + "".join(f"exists x{i}.not(" for i in range(500)) + "r(a, y)" + ")" * 500,
    "?y : " + "".join(f"exists x{i} ! " for i in range(10_000)) + "r(a, y)",
]


@pytest.mark.parametrize("text", DEEP)
def test_too_deep(text: str) -> None:
    with pytest.raises(LimitError, match="100 levels"):
        parse_efo(text)


def test_deep_enough() -> None:
    deep = "(" * 98 + "!r(a, y)" + ")" * 98
    assert body("?y : " + deep) == Not(atom("r", "a", Y))
    names = [f"x{i}" for i in range(98)]
    nested = "".join(f"!exists {n} . " for n in names[:49])
    statements = " & ".join(f"r({n}, y)" for n in names[:49])
    assert isinstance(body(f"?y : {nested}{statements}"), Not)


def test_too_long() -> None:
    with pytest.raises(LimitError, match="1,000,000"):
        parse_efo("?y : r(a, y)" + " " * 10_000_000)


def test_threads_do_not_disturb_each_other() -> None:
    failures: list[BaseException] = []

    def work() -> None:
        try:
            for _ in range(5):
                parse_efo("?y : " + "(" * 90 + "r(a, y)" + ")" * 90)
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures


def test_every_error_has_its_exit_code() -> None:
    codes = {}
    for text in ["?y : r(y)", "?y : ?r(a, y)", DEEP[0], '?y : r("a"^^b:c, y)']:
        with pytest.raises(KgreasonError) as caught:
            parse_efo(text)
        codes[type(caught.value).__name__] = caught.value.exit_code
    assert codes == {
        "QuerySyntaxError": 2,
        "UnsupportedError": 4,
        "LimitError": 5,
        "UnknownNameError": 3,
    }
