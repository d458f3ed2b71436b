"""Files, compressed files and standard input as streams of bytes; formats by suffix."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import sys
import zlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, TYPE_CHECKING, cast

from kgreason.choose import require
from kgreason.errors import DataError, LimitError, UsageError, remedy_for
from kgreason.knowledge.sources.guard import DEFAULT_LIMITS, ReadingLimits
from kgreason.knowledge.sources.guard.limits import exceeded

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

COMPRESSED = (".gz", ".bz2", ".xz", ".zst")
# What damaged data looks like to the decompressors; zstd's error belongs to an optional package.
_DAMAGED = (EOFError, gzip.BadGzipFile, lzma.LZMAError, zlib.error)
_BUFFER_BYTES = 1 << 20
# So much may be decompressed however small the file is.
_FREE_BYTES = 16 << 20

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
    """A file, or `-` for standard input, and the limits it is read under."""

    location: str
    limits: ReadingLimits = DEFAULT_LIMITS

    @property
    def label(self) -> str:
        """What messages call it."""
        return "standard input" if self.location == "-" else self.location

    @property
    def base_iri(self) -> str | None:
        """What relative IRIs in the file are relative to."""
        return None if self.location == "-" else Path(self.location).resolve().as_uri()

    def exceeded(self, line: int, what: str, limit: str) -> LimitError:
        """The error for a line that goes beyond the named field of `ReadingLimits`."""
        return exceeded(f"{self.label}, line {line}", what, limit)

    @contextmanager
    def open(self) -> Iterator[IO[bytes]]:
        """A binary stream, decompressed; `DataError` when it cannot be read to its end.

        Raises `LimitError` in the middle of reading when the data expands beyond the limits.
        """
        try:
            with self._opened() as stream:
                yield stream
        except _DAMAGED as error:
            raise DataError(
                f"{self.label}: damaged compressed data ({error})", remedy="fetch the file again"
            ) from error
        except OSError as error:
            reason = error.strerror or error
            raise DataError(f"{self.label}: {reason}", remedy=remedy_for(error)) from error

    @contextmanager
    def _opened(self) -> Iterator[IO[bytes]]:
        if self.location == "-":
            yield standard_input()
            return
        path = Path(self.location)
        if path.suffix.lower() not in COMPRESSED:
            with path.open("rb") as plain:
                yield plain
            return
        most = max(_FREE_BYTES, self.limits.expansion * path.stat().st_size)
        with _decompressed(path) as packed:
            metered = _Metered(packed, most, self)
            yield cast("IO[bytes]", io.BufferedReader(metered, _BUFFER_BYTES))


class _Metered(io.RawIOBase):
    """Decompressed data, up to a number of bytes."""

    def __init__(self, packed: IO[bytes], most: int, source: Source) -> None:
        self._packed = packed
        self._left = most
        self._source = source

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        """See `io.RawIOBase`; `LimitError` once there is more than is allowed."""
        count: int = self._packed.readinto(buffer)  # type: ignore[attr-defined]
        self._left -= count
        if self._left < 0:
            times = self._source.limits.expansion
            raise exceeded(
                self._source.label,
                f"expands to more than {times:,} times the size of the file",
                "expansion",
            )
        return count


def standard_input() -> IO[bytes]:
    """Standard input as bytes; `UsageError` when it is closed."""
    if sys.stdin is None or sys.stdin.closed:
        raise UsageError("standard input is closed", remedy="open it, or name a file")
    return sys.stdin.buffer


@contextmanager
def _decompressed(path: Path) -> Iterator[IO[bytes]]:
    match path.suffix.lower():
        case ".gz":
            with gzip.open(path, "rb") as stream:
                yield cast("IO[bytes]", stream)
        case ".bz2":
            with bz2.open(path, "rb") as stream:
                yield cast("IO[bytes]", stream)
        case ".xz":
            with lzma.open(path, "rb") as stream:
                yield cast("IO[bytes]", stream)
        case _:
            with _open_zstd(path) as stream:
                yield stream


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
