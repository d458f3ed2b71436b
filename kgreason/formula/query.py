"""A question: answer variables, a formula, and how the answers are to be presented."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Generic

from kgreason.errors import Place
from kgreason.formula.formulas import (
    Atom,
    Constant,
    Formula,
    Name,
    Slot,
    Term,
    Variable,
    rename_terms,
    terms,
    walk,
)


@dataclass(frozen=True, slots=True)
class Modifiers:
    """How the answers are to be presented, never what is true.

    `order` lists (variable name, descending); `truth_variable` is the name under which the truth is
    asked for (`score` in SPARQL's `?score`), which may also appear in `order`.
    """

    limit: int | None = None
    offset: int = 0
    order: tuple[tuple[str, bool], ...] = ()
    truth_variable: str | None = None


@dataclass(frozen=True, slots=True)
class Query(Generic[Name]):
    """Answer variables and a formula. No answer variable at all is a yes/no question."""

    free: tuple[Variable, ...]
    formula: Formula[Name]
    modifiers: Modifiers = Modifiers()
    text: str | None = field(default=None, compare=False, repr=False)


def slots(query: Query[Name]) -> tuple[str, ...]:
    """Names of the unfilled `$slots` of a template, in order of first occurrence."""
    found: dict[str, None] = {}
    for formula in walk(query.formula):
        if isinstance(formula, Atom) and isinstance(formula.relation, Slot):
            found[formula.relation.name] = None
        found.update({term.name: None for term in terms(formula) if isinstance(term, Slot)})
    return tuple(found)


def fill(query: Query[Name], values: Mapping[str, Name]) -> Query[Name]:
    """Replace every `$slot` that `values` names; the others stay slots."""

    def term(value: Term[Name]) -> Term[Name]:
        if isinstance(value, Slot) and value.name in values:
            return Constant(values[value.name], value.place)
        return value

    def relation(name: Name | Slot, _: Place | None) -> Name | Slot:
        return values.get(name.name, name) if isinstance(name, Slot) else name

    return replace(query, formula=rename_terms(query.formula, term, relation))
