"""Follows the tokens of a document while it streams by, without parsing it."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod

from kgreason.errors import LimitError
from kgreason.knowledge.sources.guard.limits import ReadingLimits, exceeded

PIECE_BYTES = 1 << 16


class Scanner(ABC):
    """Sees every byte before a parser does; `LimitError` as soon as a limit is exceeded.

    Holds no more than one unfinished token, `limits.length` bytes at most.
    """

    # What declares a prefix, in lower case, and a pattern whose first group is its name.
    _PREFIX_WORD = b""
    _PREFIX = re.compile(b"")

    def __init__(self, label: str, limits: ReadingLimits, line: int = 0) -> None:
        """`label` names the source in messages; `line` counts the lines before this text.

        `seen` counts the bytes fed; no token so far is longer than `longest` bytes.
        """
        self._label = label
        self._limits = limits
        self._line = line
        self._depth = 0
        self._rest = b""
        self._prefixes: set[bytes] = set()
        self.seen = 0
        self.longest = PIECE_BYTES

    @property
    def wanted(self) -> int:
        """How many bytes to feed at most, so that no token longer than the limit is complete."""
        held = len(self._rest)
        # Unfinished tokens are scanned again: doubling keeps the work linear.
        return min(max(PIECE_BYTES, held), self._limits.length - held)

    def feed(self, piece: bytes) -> None:
        """Look at the next bytes."""
        self.seen += len(piece)
        text = self._rest + piece
        self.longest = max(self.longest, len(text))
        end = self._scan(text)
        self._count_prefixes(text[:end])
        if len(text) - end >= self._limits.length:
            what = f"{_start(text[end:])} goes on for more than {self._limits.length:,} bytes"
            raise self._exceeded(text, end, what, "length")
        self._line += text.count(b"\n", 0, end)
        self._rest = text[end:]

    def statement(self) -> None:  # noqa: B027
        """The parser came to the end of a statement or to an error."""

    @abstractmethod
    def _scan(self, text: bytes) -> int:
        """Count what is whole in `text`; where the unfinished token at its end begins."""

    def _deeper(self, text: bytes, position: int) -> None:
        self._depth += 1
        if self._depth > self._limits.nesting:
            what = f"nested more than {self._limits.nesting:,} deep"
            raise self._exceeded(text, position, what, "nesting")

    def _count_prefixes(self, text: bytes) -> None:
        if not self._PREFIX_WORD or self._PREFIX_WORD not in text.lower():
            return
        self._prefixes.update(found[1] for found in self._PREFIX.finditer(text))
        if len(self._prefixes) > self._limits.prefixes:
            what = f"more than {self._limits.prefixes:,} prefixes"
            raise self._exceeded(text, len(text), what, "prefixes")

    def _exceeded(self, text: bytes, position: int, what: str, limit: str) -> LimitError:
        return exceeded(self._line_of(text, position), what, limit)

    def _line_of(self, text: bytes, position: int) -> str:
        line = self._line + text.count(b"\n", 0, position) + 1
        return f"{self._label}, line {line}"


def _start(token: bytes) -> str:
    return repr(token[:24].decode("utf-8", "replace").strip()[:20] + "…")
