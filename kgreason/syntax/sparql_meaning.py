"""What a part of a SPARQL pattern says, what it binds, and what it can see of the rest."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from kgreason.formula import Formula

Names = frozenset[str]
NONE: Names = frozenset()


@dataclass(frozen=True, slots=True)
class Scope:
    """What a part of a pattern can see of the rest.

    Variables named in `kept` are not quantified inside the part: something outside uses them.
    `given` are those whose value comes from outside, as inside EXISTS.
    """

    kept: Names
    given: Names = NONE

    def keep(self, names: Names) -> Scope:
        return Scope(self.kept | names, self.given)


@dataclass(frozen=True, slots=True)
class Meaning:
    """A conjunction, the variables each solution binds, and those only some solutions bind."""

    parts: tuple[Formula[str], ...]
    bound: Names
    unsure: Names = NONE


def names(node: Any) -> Names:
    """The variables a pattern can bind: in scope for what stands beside it."""
    match node.name:
        case "BGP":
            return frozenset(_variables(node.triples))
        case "Join" | "Union":
            return names(node.p1) | names(node.p2)
        case "Filter":
            return names(node.p)
        case "Minus":
            return names(node.p1)
        case "ToMultiSet" if node.p and node.p.name == "values":
            return frozenset(str(name) for row in node.p.res for name in row)
    return NONE


def mentioned(expression: Any) -> Names:
    """Every variable an expression holds, in its EXISTS groups too."""
    return frozenset(_variables(expression))


def _variables(node: Any) -> Iterator[str]:
    import rdflib

    if isinstance(node, rdflib.Variable):
        yield str(node)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key != "_vars":
                # rdflib puts the algebra of an EXISTS group into an attribute that hides the
                # entry; the entry itself is left without the group's filters.
                yield from _variables(getattr(node, "__dict__", {}).get(key, value))
    elif isinstance(node, list | tuple):
        for value in node:
            yield from _variables(value)
