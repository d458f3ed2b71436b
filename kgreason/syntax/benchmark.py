"""Benchmark questions over ids: BetaE's nested tuples and the formula strings of EFO_k and FIT.

Both count relations in both directions: 2k is base relation k, 2k + 1 is its inverse.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, cast

from kgreason.errors import DataError, QuerySyntaxError, UnsupportedError
from kgreason.formula import (
    Atom,
    Constant,
    Equals,
    Exists,
    Formula,
    Not,
    Query,
    Slot,
    Term,
    Variable,
    conjunction,
    disjunction,
    exists,
    fold,
    rebuild,
    walk,
)
from kgreason.syntax.efo import parse_efo

Structure = Any
"""`'e'`, `('r', 'n')`, or a tuple of structures: the shape of a nested tuple, as BetaE keys it."""

_1P: Structure = ("e", ("r",))
_2P: Structure = ("e", ("r", "r"))
_1N: Structure = ("e", ("r", "n"))

BETAE_TYPES: dict[Structure, str] = {
    _1P: "1p",
    _2P: "2p",
    ("e", ("r", "r", "r")): "3p",
    (_1P, _1P): "2i",
    (_1P, _1P, _1P): "3i",
    ((_1P, _1P), ("r",)): "ip",
    (_2P, _1P): "pi",
    (_1P, _1N): "2in",
    (_1P, _1P, _1N): "3in",
    ((_1P, _1N), ("r",)): "inp",
    (_2P, _1N): "pin",
    (("e", ("r", "r", "n")), _1P): "pni",
    (_1P, _1P, ("u",)): "2u-DNF",
    ((_1P, _1P, ("u",)), ("r",)): "up-DNF",
    ((_1N, _1N), ("n",)): "2u-DM",
    ((_1N, _1N), ("n", "r")): "up-DM",
}
"""The published name of every structure of the BetaE question sets."""

_UNION, _NEGATION = -1, -2
_DEPTH = 100


def structure_of(query: object) -> Structure:
    """The structure of a nested tuple: its key in BetaE's files.

    Errors:
        DataError: not a nested tuple of ids.
    """
    return _structure(query, depth=0)


def _structure(query: object, depth: int) -> Structure:
    if depth > _DEPTH:
        raise DataError(f"a nested question deeper than {_DEPTH} levels")
    if _is_id(query) and query >= 0:  # type: ignore[operator]
        return "e"
    if not isinstance(query, tuple) or not query:
        raise DataError(
            f"{query!r} stands where a nested question has an entity id or a tuple",
            remedy="a question looks like (17699, (134,)) or ((7664, (77,)), (10635, (110, -2)))",
        )
    if all(_is_id(step) for step in query):
        return tuple("n" if s == _NEGATION else "u" if s == _UNION else "r" for s in query)
    return tuple(_structure(part, depth + 1) for part in query)


def _is_id(value: object) -> bool:
    # Pickled questions hold Python ints, arrays hold NumPy's; a bool is neither.
    return hasattr(value, "__index__") and not isinstance(value, bool)


def from_nested_tuple(structure: Structure | None, query: object) -> Query[int]:
    """A BetaE nested tuple as a question about `y`, with inner variables x1, x2, … outwards.

    Source: Ren & Leskovec, NeurIPS 2020, `-1` for union and `-2` for negation of everything
    before it. Negation after several steps is a negated group: `(e, (r, s, -2))` is ¬∃x1. ….

    `structure` is the key the question is stored under, checked; None derives it.

    Errors:
        DataError: not a nested question, or not of that structure.
    """
    found = structure_of(query)
    if found == "e":
        raise DataError(f"{query!r} is an entity, not a question")
    if structure is not None and structure != found:
        raise DataError(f"the question {query!r} has the structure {found!r}, not {structure!r}")
    return Query((Variable("y"),), _Nested().meaning(query, Variable("y"), first=1))


class _Nested:
    """Reads a nested tuple: `meaning(q, t)` is the formula that `t` answers `q`."""

    def meaning(self, query: Any, target: Variable, first: int) -> Formula[int]:
        """Inner variables are numbered from `first`."""
        if self._is_path(query):
            return self._path(query[0], query[1], target, first)
        members = self._members(query)
        is_union = query[-1] == (_UNION,)
        parts: list[Formula[int]] = []
        for member in members:
            parts.append(self.meaning(member, target, first))
            first += self._inner(member)
        return disjunction(parts) if is_union else _hoisted(parts)

    def _path(self, source: Any, steps: Any, target: Variable, first: int) -> Formula[int]:
        ends = self._ends(source, steps, target, first)
        before = self._start(source, ends[0], first) if ends[0] is not None else None
        links: list[Formula[int]] = []
        middles: list[Variable] = []
        for step, start, end in zip(steps, ends, ends[1:], strict=False):
            if step == _NEGATION:
                before, links, middles = Not(_chain(before, links, middles)), [], []
                continue
            if step < 0:
                raise DataError(f"{step} stands among the relations {tuple(steps)!r} of a path")
            links.append(_link(step, start or Constant(int(source)), cast("Variable", end)))
            if start is not None:
                middles.append(start)
        return _chain(before, links, middles)

    def _start(self, source: Any, target: Variable, first: int) -> Formula[int]:
        """What a path begins with, about its first variable."""
        if _is_id(source):
            return Equals(target, Constant(int(source)))
        return self.meaning(source, target, first)

    def _ends(self, source: Any, steps: Any, target: Variable, first: int) -> list[Variable | None]:
        """The variable before each step and the target; None: the path begins at the entity."""
        number = first + self._inner_of_path(source, steps)
        ends: list[Variable | None] = [target]
        for place in range(len(steps) - 1, -1, -1):
            if steps[place] == _NEGATION:
                ends.append(ends[-1])
            elif place == 0 and _is_id(source):
                ends.append(None)
            else:
                number -= 1
                ends.append(Variable(f"x{number}"))
        return ends[::-1]

    def _inner(self, query: Any) -> int:
        """How many inner variables the question needs."""
        if self._is_path(query):
            return self._inner_of_path(query[0], query[1])
        return sum(self._inner(member) for member in self._members(query))

    def _inner_of_path(self, source: Any, steps: Any) -> int:
        relations = sum(int(step) != _NEGATION for step in steps)
        if not _is_id(source):
            return relations + self._inner(source)
        # The first relation starts at the entity itself, the others at a variable.
        return relations - bool(steps and int(steps[0]) != _NEGATION)

    @staticmethod
    def _is_path(query: Any) -> bool:
        return (
            isinstance(query, tuple)
            and len(query) == 2
            and isinstance(query[1], tuple)
            and all(_is_id(step) for step in query[1])
            and query[1] != (_UNION,)
        )

    def _members(self, query: Any) -> Any:
        members = query[:-1] if query[-1] == (_UNION,) else query
        for member in members:
            if not isinstance(member, tuple) or all(_is_id(step) for step in member):
                raise DataError(f"{member!r} is no question that {query!r} could combine")
        if not members:
            raise DataError(f"{query!r} is a union of nothing")
        return members


def _hoisted(parts: list[Formula[int]]) -> Formula[int]:
    """∧ with the quantifiers of its parts in front; their variables are all different."""
    bound = tuple(v for part in parts if isinstance(part, Exists) for v in part.variables)
    return exists(
        bound, conjunction([part.body if isinstance(part, Exists) else part for part in parts])
    )


def _chain(
    before: Formula[int] | None, links: list[Formula[int]], middles: list[Variable]
) -> Formula[int]:
    """The links of a path after what comes before them, the variables between quantified."""
    return exists(tuple(reversed(middles)), _hoisted([before, *links] if before else links))


def _link(directed: Any, head: Term[int], tail: Term[int]) -> Atom[int]:
    relation, inverse = divmod(int(directed), 2)
    return Atom(relation, head, tail, inverse=bool(inverse))


_NAMES = re.compile(r"\b([rsef])(\d+)\b")


def from_formula_string(formula: str, values: Mapping[str, int]) -> Query[int]:
    """`(r1(s1,e1))&(!(r2(e1,f1)))` with the ids of its r's and s's: a question about f1, f2, ….

    e's are existential, all of them in front, as in the formulas' source (Yin et al., ICLR 2024,
    and their EFO_k sets), which negates atoms only.

    Errors:
        QuerySyntaxError: not such a formula.
        UnsupportedError: a negated group, whose quantifiers the notation leaves open.
        DataError: an r or s without an id.
    """
    template = formula_template(formula)
    return Query(template.free, _filled(template.formula, formula, values), text=formula)


@lru_cache(maxsize=4096)
def formula_template(formula: str) -> Query[str]:
    """The formula string with its r's and s's as slots; the same string is parsed once."""
    names = sorted({(m[1], int(m[2])) for m in _NAMES.finditer(formula)})
    free = [f"?f{number}" for kind, number in names if kind == "f"]
    inner = [f"e{number}" for kind, number in names if kind == "e"]
    if not free:
        raise QuerySyntaxError(
            f"the formula {formula!r} has no free variable", remedy="answers are named f1, f2, …"
        )
    head = " ".join(free) + " : " + (f"exists {' '.join(inner)} . " if inner else "")
    body = _NAMES.sub(lambda m: f"${m[0]}" if m[1] in "rs" else m[0], formula)
    template = parse_efo(head + body)
    for part in walk(template.formula):
        if isinstance(part, Not) and not isinstance(part.body, Atom | Equals):
            raise UnsupportedError(
                f"a negated group in the formula string {formula!r}: it does not say "
                "whether its variables are quantified inside or outside",
                remedy="write the question as EFO text or SPARQL",
            )
    return template


def _filled(whole: Formula[str], formula: str, values: Mapping[str, int]) -> Formula[int]:
    def value(slot: object) -> int:
        if not isinstance(slot, Slot) or not _is_id(values.get(slot.name)):
            name = slot.name if isinstance(slot, Slot) else str(slot)
            raise DataError(f"no id for {name} of the formula {formula!r}")
        return int(values[slot.name])

    def term(given: Term[str]) -> Term[int]:
        return given if isinstance(given, Variable) else Constant(value(given))

    def filled(part: Formula[str], below: tuple[Formula[int], ...]) -> Formula[int]:
        match part:
            case Atom(relation, head, tail):
                return _link(value(relation), term(head), term(tail))
            case Equals(left, right):
                return Equals(term(left), term(right))
            case _:
                shape: Any = part
                return rebuild(shape, below)

    return fold(whole, filled)
