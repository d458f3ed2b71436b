"""RDF syntaxes, streamed in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import IO, Protocol, cast

import pyoxigraph as ox

from kgreason.errors import LimitError
from kgreason.knowledge.interner import Collector
from kgreason.knowledge.sources.guard import GuardedStream, scanner_for
from kgreason.knowledge.sources.guard.limits import exceeded
from kgreason.knowledge.sources.guard.scanner import Scanner
from kgreason.knowledge.sources.lines import LineReader
from kgreason.knowledge.sources.statements import (
    CHUNK,
    LINE_FORMATS,
    RDF_FORMATS,
    RECOVERING,
    Columns,
    columns,
    malformed,
)
from kgreason.knowledge.sources.streams import Source

_BATCH_CHARACTERS = 8 << 20
# How many times the growth of names their copies may come to, one for each statement they are in.
_COPIES = 10

Progress = Callable[[int], None] | None


def read_rdf(
    source: Source, kind: str, collector: Collector, lenient: bool, progress: Progress
) -> None:
    """Collect all statements; named graphs are merged.

    Raises `DataError` at the first malformed statement, naming its line; when `lenient`, counts it
    in `collector.skipped` and goes on where the syntax allows that.
    """
    count = 0
    with source.open() as stream:
        if kind in LINE_FORMATS:
            reader: Reader = LineReader(source, kind, collector, lenient)
        else:
            reader = _DocumentReader(source, kind, collector, lenient)
        for heads, relations, tails in reader.read(stream):
            collector.add(heads, relations, tails)
            count += len(heads)
            if progress is not None:
                progress(count)


class Reader(Protocol):
    """A syntax: bytes in, columns of N-Triples terms out."""

    def read(self, stream: IO[bytes]) -> Iterator[Columns]:
        """Statements, a bounded number at a time."""
        ...


class _DocumentReader:
    """A syntax whose statements depend on what stands before them."""

    def __init__(self, source: Source, kind: str, collector: Collector, lenient: bool) -> None:
        self._source = source
        self._kind = kind
        self._collector = collector
        self._lenient = lenient

    def read(self, stream: IO[bytes]) -> Iterator[Columns]:
        """Statements as columns of N-Triples terms."""
        self._collector.entities.renames_invented = True
        label, limits = self._source.label, self._source.limits
        scanner = scanner_for(self._kind, label, limits, self._lenient)
        parser = ox.parse(
            cast("IO[bytes]", GuardedStream(stream, scanner)),
            format=RDF_FORMATS[self._kind],
            base_iri=self._source.base_iri,
        )
        statements = self._tolerant(parser, scanner) if self._lenient else iter(parser)
        names, copies = self._collector.name_bytes, 0
        while True:
            try:
                found = _batch(statements, scanner)
            except SyntaxError as error:
                raise malformed(self._source, error, self._kind) from error
            except MemoryError as error:
                raise LimitError(
                    f"{label}: a token longer than the parser can hold ({error})",
                    remedy="write the statement as N-Triples, or shorten it",
                ) from error
            if not found[0]:
                break
            yield found
            copies += sum(sum(map(len, column)) for column in found)
            self._check_growth(self._collector.name_bytes - names, copies, scanner)
        self._collector.add_prefixes(parser.prefixes)

    def _check_growth(self, name_bytes: int, copied: int, scanner: Scanner) -> None:
        """A prefix, a base IRI or a subject may be long, and what uses it short."""
        limits = self._source.limits
        most = limits.length + limits.growth * scanner.seen
        if name_bytes > most or copied > _COPIES * most:
            raise exceeded(
                self._source.label,
                f"its names come to more than {limits.growth:,} times the size of the document",
                "growth",
            )

    def _tolerant(self, parser: ox.QuadParser, scanner: Scanner) -> Iterator[ox.Quad]:
        while True:
            try:
                for quad in parser:
                    scanner.statement()
                    yield quad
            except SyntaxError as error:
                self._on_error(error)
                scanner.statement()
            else:
                return

    def _on_error(self, error: SyntaxError) -> None:
        fatal = (
            self._kind not in RECOVERING or "UTF-8" in str(error) or "Unexpected end" in str(error)
        )
        if fatal:
            raise error
        self._collector.skipped += 1


def _batch(statements: Iterator[ox.Quad], scanner: Scanner) -> Columns:
    """Columns of the next statements: `CHUNK` at most, fewer where their terms are long."""
    heads: list[str] = []
    relations: list[str] = []
    tails: list[str] = []
    size = 0
    while len(heads) < CHUNK and size < _BATCH_CHARACTERS:
        part = columns(_few(statements, scanner))
        if not part[0]:
            break
        for whole, more in zip((heads, relations, tails), part, strict=True):
            whole.extend(more)
            size += sum(map(len, more))
    return heads, relations, tails


def _few(statements: Iterator[ox.Quad], scanner: Scanner) -> list[ox.Quad]:
    """The next statements, which hold `_BATCH_CHARACTERS` or so together.

    Every statement has copies of its terms, even of a long subject that the file names once.
    """
    longest = scanner.longest
    most = max(1, _BATCH_CHARACTERS // (3 * longest))
    quads: list[ox.Quad] = []
    for quad in statements:
        quads.append(quad)
        if len(quads) == most or scanner.longest > longest:
            break
    return quads
