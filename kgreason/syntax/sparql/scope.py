"""Variables of one name in nested scopes, which SPARQL has and questions do not."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from kgreason.formula import (
    Exists,
    Formula,
    Term,
    Variable,
    children,
    rebuild,
    rename_terms,
)
from kgreason.walks import Walk, unwind


def unshadowed(
    formula: Formula[str], free: Iterable[str], fresh: Callable[[], str]
) -> Formula[str]:
    """The same meaning with every variable that hides another one of its name renamed."""
    return unwind(_Scopes(free, fresh).visit(formula))


class _Scopes:
    """Which names are taken where the walk is, and what they stand for there."""

    def __init__(self, free: Iterable[str], fresh: Callable[[], str]) -> None:
        self.fresh = fresh
        self.names = {Variable(name): Variable(name) for name in free}

    def visit(self, part: Formula[str]) -> Walk[Formula[str]]:
        if not children(part):
            return rename_terms(part, self._term, lambda name, _: name)
        outer = dict.fromkeys(part.variables) if isinstance(part, Exists) else {}
        for variable in outer:
            outer[variable] = self.names.get(variable)
            hides = variable in self.names
            self.names[variable] = Variable(self.fresh()) if hides else variable
        bound = tuple(self.names[variable] for variable in outer)
        below: list[Formula[str]] = []
        for child in children(part):
            below.append((yield self.visit(child)))
        for variable, before in outer.items():
            if before is None:
                del self.names[variable]
            else:
                self.names[variable] = before
        return Exists(bound, below[0]) if outer else rebuild(part, tuple(below))

    def _term(self, term: Term[str]) -> Term[str]:
        return self.names.get(term, term) if isinstance(term, Variable) else term
