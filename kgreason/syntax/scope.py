"""Variables of one name in nested scopes, which SPARQL has and questions do not."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import cast

from kgreason.formula import (
    Exists,
    Formula,
    Term,
    Variable,
    children,
    rebuild,
    rename_terms,
)


def unshadowed(
    formula: Formula[str], free: Iterable[str], fresh: Callable[[], str]
) -> Formula[str]:
    """The same meaning with every variable that hides another one of its name renamed."""
    return _unshadowed(formula, frozenset(free), fresh)


def _unshadowed(
    formula: Formula[str], scope: frozenset[str], fresh: Callable[[], str]
) -> Formula[str]:
    if isinstance(formula, Exists):
        names = {v.name: fresh() for v in formula.variables if v.name in scope}
        if names:
            formula = cast("Exists[str]", _renamed(formula, names))
        scope |= {v.name for v in formula.variables}
    parts = tuple(_unshadowed(part, scope, fresh) for part in children(formula))
    return rebuild(formula, parts)


def _renamed(formula: Exists[str], names: dict[str, str]) -> Formula[str]:
    def term(value: Term[str]) -> Term[str]:
        if isinstance(value, Variable):
            return Variable(names.get(value.name, value.name))
        return value

    bound = tuple(Variable(names.get(v.name, v.name)) for v in formula.variables)
    return Exists(bound, rename_terms(formula.body, term, lambda name, _: name))
