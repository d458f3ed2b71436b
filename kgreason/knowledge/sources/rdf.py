"""RDF syntaxes, streamed in chunks."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import IO, Protocol

import pyoxigraph as ox

from kgreason.knowledge.interner import Collector
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
        parser = ox.parse(stream, format=RDF_FORMATS[self._kind], base_iri=self._source.base_iri)
        while True:
            quads: list[ox.Quad] = []
            try:
                quads.extend(islice(_tolerant(parser, self._on_error), CHUNK))
            except SyntaxError as error:
                raise malformed(self._source, error, self._kind) from error
            if not quads:
                break
            yield columns(quads)
        self._collector.add_prefixes(parser.prefixes)

    def _on_error(self, error: SyntaxError) -> None:
        fatal = (
            self._kind not in RECOVERING or "UTF-8" in str(error) or "Unexpected end" in str(error)
        )
        if not self._lenient or fatal:
            raise error
        self._collector.skipped += 1


def _tolerant(parser: ox.QuadParser, on_error: Callable[[SyntaxError], None]) -> Iterator[ox.Quad]:
    while True:
        try:
            yield from parser
        except SyntaxError as error:
            on_error(error)
        else:
            return
