"""What a program hands over: texts, paths and counts, each refused in one clear sentence."""

from __future__ import annotations

import os
from pathlib import Path

from kgreason.errors import UsageError

_SHOWN = 100


def shown(value: object) -> str:
    """A value as an error shows it: its `repr`, cut where it is long."""
    try:
        text = repr(value)
    except ValueError:
        # An integer of more digits than Python spells.
        text = f"{type(value).__name__} of many digits"
    return text if len(text) <= _SHOWN else text[:_SHOWN] + "…"


def check_text(given: object, what: str) -> None:
    """UsageError for what is no text, or none that can be written as UTF-8."""
    if not isinstance(given, str):
        raise UsageError(f"{what} is a text, not {type(given).__name__}", remedy="give a str")
    try:
        given.encode()
    except UnicodeEncodeError as error:
        raise UsageError(
            f"{what} has half of a surrogate pair at character {error.start}: it is no Unicode "
            "text",
            remedy="read it as UTF-8, without surrogateescape",
        ) from None


def check_path(given: object, what: str, remedy: str) -> str:
    """The text of a path, which need not exist. UsageError for what can be the name of no file."""
    if not isinstance(given, str | Path):
        raise UsageError(f"{what} is {shown(given)}", remedy=remedy)
    text = str(given)
    try:
        possible = b"\0" not in os.fsencode(text) and bool(text)
    except UnicodeEncodeError:
        possible = False
    if not possible:
        raise UsageError(f"{what} is {shown(text)}, which is no path", remedy=remedy)
    return text


def check_count(given: object, what: str, *, none: bool = False) -> None:
    """UsageError unless this is a whole number from 0 on, or None where that is allowed."""
    if given is None and none:
        return
    if not isinstance(given, int) or isinstance(given, bool) or given < 0:
        raise UsageError(
            f"{what} is {shown(given)}",
            remedy="give a whole number from 0 on" + (", or None for all" if none else ""),
        )
