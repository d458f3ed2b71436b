"""The scanner for a parser that goes on after errors, so that no scanner knows where it is."""

from __future__ import annotations

from kgreason.knowledge.sources.guard.brackets import TURTLE_PREFIX
from kgreason.knowledge.sources.guard.limits import ReadingLimits
from kgreason.knowledge.sources.guard.scanner import Scanner

_PIECE_BYTES = 1 << 12
# The parser follows quoted triples by recursion; 16,000 fit in the usual 8 MiB of stack.
_MOST_QUOTED = 4_000


class StatementScanner(Scanner):
    """Turtle and TriG with errors: bounds what the parser is given between two statements."""

    _PREFIX_WORD = b"prefix"
    _PREFIX = TURTLE_PREFIX

    def __init__(self, label: str, limits: ReadingLimits) -> None:
        super().__init__(label, limits)
        self._given = 0
        self._quoted = 0

    @property
    def wanted(self) -> int:
        """Little at a time: what the parser holds in advance counts for the statement before."""
        return _PIECE_BYTES

    def statement(self) -> None:
        """The parser came to the end of a statement or to an error."""
        self._given = self._quoted = 0

    def _scan(self, text: bytes) -> int:
        self._given += len(text)
        self._quoted += text.count(b"<<")
        self.longest = max(self.longest, self._given)
        if self._given > self._limits.length:
            what = f"{self._limits.length:,} bytes without a statement"
            raise self._exceeded(text, len(text), what, "length")
        if self._quoted > _MOST_QUOTED:
            what = f"more than {_MOST_QUOTED:,} quoted triples before the end of a statement"
            raise self._exceeded(text, len(text), what, "nesting")
        return len(text)
