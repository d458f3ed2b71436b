"""The first and the last line of a file of mined rules.

The first line tells how many rules there are, and a SHA-256 of the lines up to the last one.
Damage anywhere leaves at least one of the two lines, and does not fit it. A file with neither was
written by hand and is not checked.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence

from kgreason.errors import DataError

_FIRST = re.compile(r"rules: (\d{1,12}) sha256 ([0-9a-f]{64})")
_LAST = "end of rules"
_AGAIN = (
    "mine the rules again, or get an undamaged copy; "
    "if you changed the file yourself, delete its first and its last line"
)


def sealed(lines: Sequence[str], count: int) -> list[str]:
    """Lines of a file that holds `count` rules, between a first and a last line."""
    return [f"rules: {count} sha256 {_digest(lines)}", *lines, _LAST]


def unsealed(lines: Sequence[str]) -> tuple[range, int | None]:
    """Which of these lines stand between the first and the last, and how many rules they hold.

    All lines and None for a file that was written by hand. DataError where lines are missing or
    are not those that were written.
    """
    firsts = [i for i, line in enumerate(lines) if _FIRST.fullmatch(line)]
    lasts = [i for i, line in enumerate(lines) if line == _LAST]
    if not firsts and not lasts:
        return range(len(lines)), None
    filled = [i for i, line in enumerate(lines) if line.strip()]
    if firsts != filled[:1]:
        raise DataError(
            "the file is damaged: it does not begin with the number and the hash of its rules",
            remedy=_AGAIN,
        )
    if lasts != filled[-1:]:
        raise DataError(f"the file is cut: it does not end with {_LAST!r}", remedy=_AGAIN)
    match = _FIRST.fullmatch(lines[firsts[0]])
    assert match is not None
    between = range(firsts[0] + 1, lasts[0])
    if match[2] != _digest([lines[i] for i in between]):
        raise DataError(
            "the file is damaged: its rules do not have the hash they were written with",
            remedy=_AGAIN,
        )
    return between, int(match[1])


def require_count(found: int, written: int | None) -> None:
    """DataError unless there are as many rules as were written."""
    if written is not None and found != written:
        raise DataError(
            f"the file is damaged: it holds {found:,} rules, and says that they are {written:,}",
            remedy=_AGAIN,
        )


def _digest(lines: Sequence[str]) -> str:
    return hashlib.sha256("\n".join(lines).encode("utf-8", "surrogatepass")).hexdigest()
