"""Files, compressed files and standard input as streams of bytes; formats by suffix."""

from __future__ import annotations

import bz2
import gzip
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from io import BufferedReader
from pathlib import Path
from typing import IO, cast
from zlib import error as ZlibError  # noqa: N812

from kgreason.choose import require
from kgreason.errors import DataError, UsageError

COMPRESSED = (".gz", ".bz2", ".zst")

_FORMATS = {
    ".nt": "ntriples",
    ".nq": "nquads",
    ".ttl": "turtle",
    ".trig": "trig",
    ".rdf": "rdfxml",
    ".owl": "rdfxml",
    ".xml": "rdfxml",
    ".jsonld": "jsonld",
    ".json": "jsonld",
    ".tsv": "tsv",
    ".txt": "tsv",
    ".csv": "csv",
}
_ALIASES = {
    "nt": "ntriples",
    "n-triples": "ntriples",
    "nq": "nquads",
    "n-quads": "nquads",
    "ttl": "turtle",
    "rdf": "rdfxml",
    "xml": "rdfxml",
    "rdf/xml": "rdfxml",
    "json-ld": "jsonld",
}


@dataclass(frozen=True, slots=True)
class Source:
    """A file, or `-` for standard input."""

    location: str

    @property
    def label(self) -> str:
        """What messages call it."""
        return "standard input" if self.location == "-" else self.location

    @property
    def base_iri(self) -> str | None:
        """What relative IRIs in the file are relative to."""
        return None if self.location == "-" else Path(self.location).resolve().as_uri()

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """A binary stream, decompressed; `DataError` when it cannot be read to its end."""
        try:
            with _open(self.location) as stream:
                yield stream
        except (EOFError, gzip.BadGzipFile, ZlibError) as error:
            raise DataError(
                f"{self.label}: damaged compressed data ({error})", remedy="fetch the file again"
            ) from error
        except OSError as error:
            reason = error.strerror or error
            raise DataError(f"{self.label}: {reason}", remedy="check the file") from error


@contextmanager
def _open(location: str) -> Iterator[IO[bytes]]:
    if location == "-":
        yield sys.stdin.buffer
        return
    path = Path(location)
    match path.suffix.lower():
        case ".gz":
            with gzip.open(path, "rb") as packed:
                yield cast("IO[bytes]", BufferedReader(packed, 1 << 20))
        case ".bz2":
            with bz2.open(path, "rb") as bzip:
                yield cast("IO[bytes]", bzip)
        case ".zst":
            with _open_zstd(path) as stream:
                yield stream
        case _:
            with path.open("rb") as plain:
                yield plain


@contextmanager
def _open_zstd(path: Path) -> Iterator[IO[bytes]]:
    try:
        if sys.version_info >= (3, 14):
            from compression import zstd
        else:
            from backports import zstd
    except ImportError as error:
        raise UsageError(
            f"{path}: reading .zst needs the package backports.zstd",
            remedy="pip install 'kgreason[zstd]', or decompress the file first",
        ) from error
    try:
        with zstd.open(path, "rb") as stream:
            yield cast("IO[bytes]", stream)
    except zstd.ZstdError as error:
        raise DataError(
            f"{path}: damaged compressed data ({error})", remedy="fetch the file again"
        ) from error


def format_of(location: str, wanted: str | None, known: Sequence[str]) -> str:
    """The format of a source: as asked for, else by its suffix before any compression."""
    offered = f"formats: {', '.join(known)}"
    if wanted is not None:
        name = _ALIASES.get(wanted.lower(), wanted.lower())
        require("input format", name, known)
        return name
    if location == "-":
        raise UsageError("standard input has no suffix to tell its format by", remedy=offered)
    path = Path(location)
    if path.suffix.lower() in COMPRESSED:
        path = path.with_suffix("")
    if path.suffix.lower() not in _FORMATS:
        raise UsageError(
            f"{location}: the suffix {path.suffix or '(none)'} tells no format",
            remedy=f"say which with --input-format; {offered}",
        )
    return _FORMATS[path.suffix.lower()]
