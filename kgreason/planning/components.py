"""Which members of a conjunction hang together through variables that are to be eliminated."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kgreason.formula import Variable
from kgreason.normal import Member


def mentioned(members: Sequence[Member], variables: Iterable[Variable]) -> tuple[Variable, ...]:
    """Those of the variables that some member mentions."""
    found = {v for member in members for v in member.variables}
    return tuple(v for v in variables if v in found)


def components(
    members: Sequence[Member], inner: Iterable[Variable]
) -> list[tuple[list[Member], tuple[Variable, ...]]]:
    """Groups of members connected through inner variables, each with those variables.

    Members that mention no inner variable are groups of their own.
    """
    inner = tuple(inner)
    groups: list[tuple[list[Member], set[Variable]]] = []
    for member in members:
        mine = {v for v in member.variables if v in inner}
        joined: list[Member] = []
        apart = []
        for group, variables in groups:
            if variables & mine:
                joined.extend(group)
                mine |= variables
            else:
                apart.append((group, variables))
        groups = [*apart, ([*joined, member], mine)]
    return [(group, tuple(v for v in inner if v in found)) for group, found in groups]
