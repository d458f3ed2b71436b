"""A name out of a few known ones: the nearest when it is not among them, and one way to say so.

Names of a graph's entities and relations are millions: see `kgreason.knowledge.suggest`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from typing import TypeVar

from kgreason.checks import shown
from kgreason.errors import KgreasonError, UsageError

_Value = TypeVar("_Value")
_Error = TypeVar("_Error", bound=KgreasonError)
_LIKE = 0.55
# Comparing costs the product of both lengths; nobody means a name by more.
_LONGEST = 100
_MOST_SHOWN = 40


def nearest(name: str, known: Iterable[str], count: int = 1) -> tuple[str, ...]:
    """Up to `count` known names like this one, the best first; letter case does not count."""
    by_lower = {one.lower(): one for one in known}
    found = get_close_matches(name[:_LONGEST].lower(), by_lower, count, _LIKE)
    return tuple(by_lower[one] for one in found)


def unknown(
    what: str, name: str, known: Iterable[str], error: type[_Error], owner: str | None = None
) -> _Error:
    """The error that says which names are known, the nearest first, as many as can be read.

    what: the kind of thing, such as "logic"; owner: what has no such thing, else nobody has.
    """
    names = list(known)
    near = nearest(name, names)
    listed = ", ".join(names[:_MOST_SHOWN]) + (", …" if len(names) > _MOST_SHOWN else "")
    remedy = f"known: {listed}" if names else "none is known"
    if near:
        remedy = f"nearest: {near[0]}; {remedy}"
    has = f"{owner} has" if owner else "there is"
    return error(f"{has} no {what} {shown(name)}", remedy=remedy)


def require(what: str, name: object, known: Iterable[str], owner: str | None = None) -> None:
    """UsageError unless `name` is one of the known names. See `unknown`."""
    names = tuple(known)
    if not isinstance(name, str):
        raise UsageError(
            f"a {what} is given by its name, not by {type(name).__name__}",
            remedy=f"known: {', '.join(names[:_MOST_SHOWN])}",
        )
    if name not in names:
        raise unknown(what, name, names, UsageError, owner)


def choose(what: str, name: object, table: Mapping[str, _Value]) -> _Value:
    """The value of that name; UsageError for a name that the table lacks. See `unknown`."""
    require(what, name, table)
    return table[str(name)]
