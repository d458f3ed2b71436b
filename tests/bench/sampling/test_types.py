from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from kgreason.bench.sampling.types import QuestionType, chosen_types, parse_types, read_types
from kgreason.bench.suites.efo1 import EFO1_TYPES
from kgreason.bench.suites.template import filled
from kgreason.errors import DataError, KgreasonError, QuerySyntaxError, UnsafeQueryError, UsageError
from kgreason.formula import Exists, Query, Variable, rename_terms, walk
from kgreason.syntax import BETAE_TYPES, from_formula_string, from_nested_tuple

TYPES = read_types()
BETAE = {
    name.removesuffix("-DNF"): shape for shape, name in BETAE_TYPES.items() if "-DM" not in name
}
OURS = {"pni": "pni-efo1"}


def test_all_types_of_the_literature_are_there() -> None:
    efo1 = {OURS.get(name, name) for name in EFO1_TYPES.values()}
    assert len(BETAE) == 14
    assert len(efo1) == 10
    assert set(TYPES) == set(BETAE) | efo1 | {"4p", "4i"}


@pytest.mark.parametrize("name", BETAE)
def test_betae_types_are_the_published_structures(name: str) -> None:
    relations, entities = itertools.count(1), itertools.count(1)

    def numbers(shape: Any) -> Any:
        if shape == "e":
            return next(entities)
        if shape == "r":
            # Odd and even ids: both directions.
            return next(relations) * 3
        if isinstance(shape, str):
            return {"n": -2, "u": -1}[shape]
        return tuple(numbers(part) for part in shape)

    published = from_nested_tuple(BETAE[name], numbers(BETAE[name]))
    assert same(published, with_numbers(TYPES[name]))


@pytest.mark.parametrize("formula", EFO1_TYPES)
def test_efo1_types_are_the_published_formulas(formula: str) -> None:
    name = EFO1_TYPES[formula]
    values = {f"r{i}": 3 * i for i in range(1, 7)} | {f"s{i}": i for i in range(1, 4)}
    published = from_formula_string(formula, values)
    assert same(published, with_numbers(TYPES[OURS.get(name, name)]))


def with_numbers(kind: QuestionType) -> Query[int]:
    relations = {slot: 3 * int(slot[1:]) for slot in kind.relation_slots}
    entities = {slot: int(slot[1:]) for slot in kind.entity_slots}
    return filled(kind.template, relations, entities)


def same(one: Query[int], other: Query[int]) -> bool:
    """Equal up to the names of variables."""
    return any(version == other for version in renamings(one, inner(other), other.free))


def inner(query: Query[int]) -> list[Variable]:
    return [v for part in walk(query.formula) if isinstance(part, Exists) for v in part.variables]


def renamings(query: Query[int], names: list[Variable], free: tuple[Variable, ...]) -> Any:
    for order in itertools.permutations(names):
        table = dict(zip((*query.free, *inner(query)), (*free, *order), strict=True))

        def quantified(part: Any, table: dict[Variable, Variable] = table) -> Any:
            if isinstance(part, Exists):
                bound = tuple(table[v] for v in part.variables)
                return Exists(bound, quantified(part.body))
            if hasattr(part, "parts"):
                return type(part)(tuple(map(quantified, part.parts)))
            return type(part)(quantified(part.body)) if hasattr(part, "body") else part

        renamed = rename_terms(query.formula, lambda t, n=table: n.get(t, t), lambda r, _: r)  # type: ignore[misc]
        yield Query(free, quantified(renamed))


def test_a_file_of_ones_own(tmp_path: Path) -> None:
    path = tmp_path / "mine.efo"
    path.write_text("# mine\n\n loop : ?y : $r1(y, y)   # to itself\nrev: ?y : ^$r1($s1, y)\n")
    types = read_types(path)
    assert list(types) == ["loop", "rev"]
    assert types["rev"].relation_slots == ("r1",)
    assert types["rev"].entity_slots == ("s1",)
    assert types["loop"].entity_slots == ()


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        ("1p: ?y : $r($s, y)\n\njust text", DataError, "line 3: no name"),
        ("a: ?y : $r($s, y)\na: ?y : $q($s, y)", DataError, "line 2: the type 'a' is already"),
        ("a: ?y : $r($s, y", QuerySyntaxError, "line 1: this bracket is never closed"),
        ("a: ?y : $r(alice, y)", DataError, "alice is a name"),
        ("a: ?y : likes($s, y)", DataError, "likes is a name"),
        ("a: ?x ?y : $r(x, y)", DataError, "2 answer variables"),
        ("a: ask : $r($s1, $s2)", DataError, "0 answer variables"),
        ("a: ?y : $r($r, y)", DataError, "$r stands for a relation and for an entity"),
        ("a: ?y : !$r($s, y)", UnsafeQueryError, "line 1: ?y is bound by no positive atom"),
        ("a: ?y : y = $s1", DataError, "without a relation"),
        ("all: ?y : $r($s, y)", DataError, "means every type"),
        ("# nothing", DataError, "no question types"),
    ],
)
def test_mistakes_name_the_line(content: str, error: type[KgreasonError], said: str) -> None:
    with pytest.raises(error) as raised:
        parse_types(content, "mine.efo")
    assert said in str(raised.value)
    assert str(raised.value).startswith("mine.efo")


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_types(tmp_path / "none.efo")
    (tmp_path / "binary.efo").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match="not UTF-8"):
        read_types(tmp_path / "binary.efo")


def test_choosing() -> None:
    assert chosen_types(TYPES, None) == chosen_types(TYPES, ["all"]) == TYPES
    assert list(chosen_types(TYPES, ["2in", "1p"])) == ["1p", "2in"]
    with pytest.raises(UsageError, match="no question type '9z'"):
        chosen_types(TYPES, ["9z"])
