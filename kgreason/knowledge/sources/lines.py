"""N-Triples and N-Quads: one statement per line, read in blocks of whole lines."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import IO

import pyoxigraph as ox

from kgreason.knowledge.interner import Collector
from kgreason.knowledge.sources.blocks import line_blocks, whole_lines
from kgreason.knowledge.sources.guard.brackets import TurtleScanner
from kgreason.knowledge.sources.statements import (
    CHUNK,
    RDF_FORMATS,
    Columns,
    columns,
    malformed,
)
from kgreason.knowledge.sources.streams import Source

# Canonical N-Triples lines whose terms need no decoding and whose IRIs are beyond doubt. All other
# lines, right or wrong, are the parser's.
_IRI = r"""<[A-Za-z][A-Za-z0-9+.\-]*:(?://[A-Za-z0-9.\-]+)?(?:[A-Za-z0-9_/?#=&;,.~+!*$'()@\-]|%[0-9A-F]{2})*>"""
_BLANK = r"_:[A-Za-z0-9]+"
_LITERAL = rf'"[^"\\\x00-\x1f\x7f\uFFFE\uFFFF]*"(?:@[a-z]{{2,8}}|\^\^{_IRI})?'
_PLAIN_LINE = rf"^(?:{_IRI}|{_BLANK}) {_IRI} (?:{_IRI}|{_BLANK}|{_LITERAL}) \.$"


class LineReader:
    """Reads line by line, so that a bad line never hides the next one."""

    def __init__(self, source: Source, kind: str, collector: Collector, lenient: bool) -> None:
        self._source = source
        self._kind = kind
        self._collector = collector
        self._lenient = lenient

    def read(self, stream: IO[bytes]) -> Iterator[Columns]:
        """Statements as columns of N-Triples terms."""
        for line, block in line_blocks(self._source, stream):
            plain, rest = canonical_lines(block) if self._kind == "ntriples" else (None, block)
            if plain is not None:
                yield plain
            if b"<<" in rest:
                self._check_depth(block, line)
            if self._lenient:
                yield from self._salvage(rest)
            else:
                yield from self._strict(rest, block, line - 1)

    def _check_depth(self, block: bytes, first: int) -> None:
        """Quoted triples nest, and the parser follows them by recursion."""
        label, limits = self._source.label, self._source.limits
        for number, line in enumerate(block.split(b"\n"), first):
            if line.count(b"<<") > limits.nesting:
                TurtleScanner(label, limits, number - 1).feed(line + b"\n")

    def _strict(self, rest: bytes, block: bytes, line: int) -> Iterator[Columns]:
        try:
            yield from self._parse(rest)
        except SyntaxError as error:
            # Only the whole block knows the number of the line.
            exact = _first_error(block, self._kind) or error
            raise malformed(self._source, exact, self._kind, line) from error

    def _parse(self, block: bytes) -> Iterator[Columns]:
        parser = ox.parse(block, format=RDF_FORMATS[self._kind])
        while quads := list(islice(parser, CHUNK)):
            yield columns(quads)

    def _salvage(self, block: bytes) -> Iterator[Columns]:
        """What can be read of a block, halving it around every bad line."""
        try:
            found = list(self._parse(block))
        except SyntaxError:
            middle = block.find(b"\n", len(block) // 2)
            if not 0 <= middle < len(block) - 1:
                middle = block.rfind(b"\n", 0, len(block) - 1)
            if middle < 0:
                self._collector.skipped += 1
                return
            yield from self._salvage(block[: middle + 1])
            yield from self._salvage(block[middle + 1 :])
        else:
            yield from found


def canonical_lines(block: bytes) -> tuple[Columns | None, bytes]:
    """Split a block's canonical N-Triples lines in bulk, several times faster than parsing them.

    Also gives the lines that are left to the parser.
    """
    lines = whole_lines(block)
    if lines is None:
        return None, block
    plain = lines.str.contains(_PLAIN_LINE)
    rest = "\n".join(lines.filter(~plain).to_list()).encode()
    if not plain.any():
        return None, rest
    terms = lines.filter(plain).str.strip_suffix(" .").str.splitn(" ", 3).struct.unnest()
    heads, relations, tails = terms.iter_columns()
    return (heads, relations, tails), rest


def _first_error(block: bytes, kind: str) -> SyntaxError | None:
    try:
        for _ in ox.parse(block, format=RDF_FORMATS[kind]):
            pass
    except SyntaxError as error:
        return error
    return None
