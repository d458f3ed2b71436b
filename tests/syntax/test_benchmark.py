"""BetaE's nested tuples and FIT's formula strings."""

from __future__ import annotations

import json
import pickle
from itertools import islice
from pathlib import Path
from typing import Any

import pytest

from kgreason.errors import DataError, KgreasonError, QuerySyntaxError, UnsupportedError
from kgreason.formula import (
    Constant,
    Formula,
    Query,
    rename_terms,
    slots,
    variables,
)
from kgreason.syntax import (
    BETAE_TYPES,
    from_formula_string,
    from_nested_tuple,
    parse_efo,
    structure_of,
    to_text,
)
from kgreason.syntax.benchmark import formula_template


def shown(query: Query[int]) -> str:
    """The question with entity 5 as e5 and relation 7 as r7, in EFO notation."""

    def term(value: Any) -> Any:
        return Constant(f"e{value.name}") if isinstance(value, Constant) else value

    def relation(name: Any, _: object) -> Any:
        return f"r{name}"

    formula: Formula[str] = rename_terms(query.formula, term, relation)
    return to_text(Query(query.free, formula))


# Directed relation 2k is rk, 2k + 1 is ^rk.
SHAPES = [
    ("1p", (17, (134,)), "?y : r67(e17, y)"),
    ("1p", (17, (135,)), "?y : ^r67(e17, y)"),
    ("2p", (1, (2, 5)), "?y : exists x1 . r1(e1, x1) & ^r2(x1, y)"),
    ("3p", (1, (2, 4, 6)), "?y : exists x1, x2 . r1(e1, x1) & r2(x1, x2) & r3(x2, y)"),
    ("2i", ((1, (2,)), (3, (4,))), "?y : r1(e1, y) & r2(e3, y)"),
    ("3i", ((1, (2,)), (3, (4,)), (5, (6,))), "?y : r1(e1, y) & r2(e3, y) & r3(e5, y)"),
    ("ip", (((1, (2,)), (3, (4,))), (6,)), "?y : exists x1 . r1(e1, x1) & r2(e3, x1) & r3(x1, y)"),
    ("pi", ((1, (2, 4)), (3, (6,))), "?y : exists x1 . r1(e1, x1) & r2(x1, y) & r3(e3, y)"),
    ("2in", ((1, (2,)), (3, (4, -2))), "?y : r1(e1, y) & !r2(e3, y)"),
    ("3in", ((1, (2,)), (3, (4,)), (5, (6, -2))), "?y : r1(e1, y) & r2(e3, y) & !r3(e5, y)"),
    (
        "inp",
        (((1, (2,)), (3, (4, -2))), (6,)),
        "?y : exists x1 . r1(e1, x1) & !r2(e3, x1) & r3(x1, y)",
    ),
    ("pin", ((1, (2, 4)), (3, (6, -2))), "?y : exists x1 . r1(e1, x1) & r2(x1, y) & !r3(e3, y)"),
    (
        "pni",
        ((1, (2, 4, -2)), (3, (6,))),
        "?y : !(exists x1 . r1(e1, x1) & r2(x1, y)) & r3(e3, y)",
    ),
    ("2u-DNF", ((1, (2,)), (3, (4,)), (-1,)), "?y : r1(e1, y) | r2(e3, y)"),
    (
        "up-DNF",
        (((1, (2,)), (3, (4,)), (-1,)), (6,)),
        "?y : exists x1 . (r1(e1, x1) | r2(e3, x1)) & r3(x1, y)",
    ),
    ("2u-DM", (((1, (2, -2)), (3, (4, -2))), (-2,)), "?y : !(!r1(e1, y) & !r2(e3, y))"),
    (
        "up-DM",
        (((1, (2, -2)), (3, (4, -2))), (-2, 6)),
        "?y : exists x1 . !(!r1(e1, x1) & !r2(e3, x1)) & r3(x1, y)",
    ),
    # Shapes that no table holds.
    (None, (1, (2, -2, 4)), "?y : exists x1 . !r1(e1, x1) & r2(x1, y)"),
    (None, (1, (-2, 4)), "?y : exists x1 . x1 != e1 & r2(x1, y)"),
    (
        None,
        ((1, (2, 4)), (3, (6, 8)), (-1,)),
        "?y : (exists x1 . r1(e1, x1) & r2(x1, y)) | (exists x2 . r3(e3, x2) & r4(x2, y))",
    ),
    (
        None,
        (((1, (2, 4)), (3, (6,))), (8, 10)),
        "?y : exists x1, x2, x3 . r1(e1, x1) & r2(x1, x2) & r3(e3, x2) & r4(x2, x3) & r5(x3, y)",
    ),
]


@pytest.mark.parametrize(("kind", "nested", "text"), SHAPES)
def test_nested_tuples(kind: str | None, nested: object, text: str) -> None:
    query = from_nested_tuple(None, nested)
    assert parse_efo(shown(query)) == parse_efo(text)
    assert BETAE_TYPES.get(structure_of(nested)) == kind
    assert from_nested_tuple(structure_of(nested), nested) == query


def test_sixteen_structures_fourteen_names() -> None:
    assert len(BETAE_TYPES) == 16
    assert len({name.split("-")[0] for name in BETAE_TYPES.values()}) == 14


@pytest.mark.parametrize(
    "nested",
    [
        *(5, (), ((),), (1,), (1, 2), (-3, (1,)), (1, (-5,)), (1, (2, -1)), ((-1,),), "abc"),
        *((1, ()), ((1, (2,)), 5), (1.5, (2,)), None, ((1, 2), (3,)), [1, [2]], (True, (1,))),
    ],
)
def test_no_nested_question(nested: object) -> None:
    with pytest.raises(DataError):
        from_nested_tuple(None, nested)


def test_nested_without_end() -> None:
    nested: Any = (1, (2,))
    for _ in range(10_000):
        nested = (nested, (2,))
    with pytest.raises(DataError, match="deeper"):
        from_nested_tuple(None, nested)


def test_a_structure_that_is_not_the_questions() -> None:
    with pytest.raises(DataError, match="structure"):
        from_nested_tuple(("e", ("r", "r")), (1, (2,)))


def test_formula_string() -> None:
    values = {"r1": 2, "s1": 1, "r2": 5, "r3": 6, "s2": 3}
    query = from_formula_string("(r1(s1,e1))&((!(r2(e1,f1)))&(r3(s2,f1)))", values)
    assert shown(query) == "?f1 : exists e1 . r1(e1, e1) & !^r2(e1, f1) & r3(e3, f1)".replace(
        "r1(e1, e1)", 'r1("e1", e1)'
    )


def test_formula_string_with_two_answers_in_their_order() -> None:
    query = from_formula_string("(r1(f2,e1))&(r2(e1,f1))", {"r1": 0, "r2": 2})
    assert [v.name for v in query.free] == ["f1", "f2"]


def test_equal_strings_are_parsed_once() -> None:
    formula = "(r1(s1,f1))|(r2(s2,f1))"
    assert formula_template(formula) is formula_template(formula)
    assert slots(formula_template(formula)) == ("r1", "s1", "r2", "s2")


@pytest.mark.parametrize(
    ("formula", "values", "kind"),
    [
        ("(r1(s1,f1))", {"r1": 2}, DataError),
        ("(r1(s1,e1))", {"r1": 2, "s1": 3}, QuerySyntaxError),
        ("(r1(s1,f1)", {}, QuerySyntaxError),
        ("!((r1(s1,e1))&(r2(e1,f1)))", {}, UnsupportedError),
        ("friend(s1,f1)", {"s1": 1}, DataError),
    ],
)
def test_bad_formula_strings(
    formula: str, values: dict[str, int], kind: type[KgreasonError]
) -> None:
    with pytest.raises(kind):
        from_formula_string(formula, values)


@pytest.mark.data
@pytest.mark.parametrize("folder", ["FB15k-237-betae", "NELL-betae"])
def test_every_published_betae_question(data: Path, folder: str) -> None:
    with (data / folder / "test-queries.pkl").open("rb") as file:
        questions = pickle.load(file)
    for structure, group in questions.items():
        assert structure in BETAE_TYPES
        for nested in islice(group, 100):
            query = from_nested_tuple(structure, nested)
            assert [v.name for v in variables(query.formula)] == ["y"]


@pytest.mark.data
@pytest.mark.parametrize("folder", ["FB15k-237-EFO1", "NELL-EFO1"])
def test_every_published_formula_string(data: Path, folder: str) -> None:
    files = sorted((data / folder).glob("*.json"))
    assert files
    for path in files:
        for formula, instances in json.loads(path.read_text()).items():
            for values, *_ in instances[:20]:
                query = from_formula_string(formula, values)
                assert [v.name for v in variables(query.formula)] == ["f1"]
                assert not slots(query)


def test_equality_and_slots_are_ids() -> None:
    query = from_formula_string("(r1(s1,f1))&(f1!=s2)", {"r1": 0, "s1": 4, "s2": 5})
    assert shown(query) == "?f1 : r0(e4, f1) & f1 != e5"
