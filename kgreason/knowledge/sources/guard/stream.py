"""A stream that a scanner watches."""

from __future__ import annotations

import io
from typing import IO

from kgreason.knowledge.sources.guard.brackets import JsonScanner, TurtleScanner
from kgreason.knowledge.sources.guard.limits import ReadingLimits
from kgreason.knowledge.sources.guard.scanner import Scanner
from kgreason.knowledge.sources.guard.statements import StatementScanner
from kgreason.knowledge.sources.guard.xml import XmlScanner


def scanner_for(kind: str, label: str, limits: ReadingLimits, lenient: bool) -> Scanner:
    """The scanner of an RDF format by its short name."""
    if kind == "rdfxml":
        return XmlScanner(label, limits)
    if kind == "jsonld":
        return JsonScanner(label, limits)
    return StatementScanner(label, limits) if lenient else TurtleScanner(label, limits)


class GuardedStream:
    """Hands on what a stream holds once a scanner has seen it; the scanner's errors come through.

    A parser's buffers grow with the longest token, its stack with the deepest bracket: neither
    gets to a parser beyond the limits.
    """

    def __init__(self, stream: IO[bytes], scanner: Scanner) -> None:
        self._stream = stream
        self._scanner = scanner
        self._ready = io.BytesIO()

    def read(self, size: int = -1) -> bytes:
        """At most `size` bytes; fewer need not mean the end, none does."""
        if found := self._ready.read(size):
            return found
        piece = self._stream.read(self._scanner.wanted)
        self._scanner.feed(piece)
        self._ready = io.BytesIO(piece)
        return self._ready.read(size)
