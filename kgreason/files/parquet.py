"""Parquet files: checked before they are parsed, and no trouble of the parser reaches the user.

A sealed file holds a SHA-256 of all its other bytes. It stands before the footer, where Parquet
leaves room and no reader looks: offsets count from the start, the footer is found from the end.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

import polars as pl

from kgreason.errors import DataError
from kgreason.files.checksums import Stamp, stamp

_MAGIC = b"PAR1"
_SEAL = b"kgreason sha256 "
_DIGEST = 32
_TAIL = 4 + len(_MAGIC)
"""The length of the footer and the magic end a file."""

# In a process of its own: some damage ends the process, or has the parser write to the terminal.
_TRIAL = """
import sys, polars
try:
    polars.read_parquet(sys.argv[1], glob=False)
except BaseException as error:
    text = str(error).strip() or type(error).__name__
    sys.stdout.buffer.write(text.splitlines()[0].encode("utf-8", "replace"))
    sys.exit(1)
"""


def seal_parquet(path: Path) -> None:
    """Write a checksum into a Parquet file that has none; OSError."""
    content = path.read_bytes()
    footer = _footer(content)
    if footer is None:
        raise ValueError(f"{path} is no Parquet file")
    digest = hashlib.sha256(content).digest()
    path.write_bytes(content[:footer] + _SEAL + digest + content[footer:])


def check_seal(path: Path, remedy: str) -> bool:
    """Whether a file has a checksum, which is then the right one.

    Raises DataError for a wrong checksum, for what is not a Parquet file, and for what cannot be
    read.
    """
    try:
        found = stamp(path)
        trouble = _trouble(path) if found is None else _remembered_trouble(path, found)
    except OSError as error:
        raise DataError(
            f"{path}: cannot be read ({error.strerror or error})", remedy="check the path"
        ) from error
    if trouble:
        raise DataError(f"{path}: cannot be read ({trouble})", remedy=remedy)
    return trouble is None


def read_parquet(path: Path, remedy: str) -> pl.DataFrame:
    """The table in a file from anywhere; DataError where there is none.

    A file without a checksum is first read by another process, which may die of it.
    """
    if not check_seal(path, remedy) and (trouble := _trouble_parsing(path)):
        raise DataError(f"{path}: cannot be read ({trouble})", remedy=remedy)
    return parse_parquet(path, remedy)


def parse_parquet(path: Path, remedy: str) -> pl.DataFrame:
    """The table in a file whose bytes were checked; DataError where the parser fails."""
    try:
        return pl.read_parquet(for_polars(path), glob=False)
    except (Exception, pl.exceptions.PanicException) as error:
        # Any byte string may raise anything in a parser.
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(f"{path}: cannot be read ({reason})", remedy=remedy) from error


def for_polars(path: Path) -> Path | bytes:
    """The path, or what is there: polars opens none with bytes that are no text. OSError."""
    try:
        str(path).encode()
    except UnicodeEncodeError:
        return path.read_bytes()
    return path


def with_columns(
    frame: pl.DataFrame, path: Path, columns: Mapping[str, pl.DataType], remedy: str
) -> pl.DataFrame:
    """The table with these columns of these types; DataError where it has others."""
    if missing := [name for name in columns if name not in frame.columns]:
        raise DataError(f"{path}: no column {missing[0]!r}", remedy=remedy)
    for name, kind in columns.items():
        try:
            frame = frame.with_columns(pl.col(name).cast(kind))
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException) as error:
            raise DataError(
                f"{path}: the column {name!r} holds {frame.schema[name]}, not {kind}", remedy=remedy
            ) from error
    return frame


def _footer(content: bytes) -> int | None:
    """Where the footer begins; None for what is no Parquet file."""
    size = int.from_bytes(content[-_TAIL : -len(_MAGIC)], "little")
    start = len(content) - _TAIL - size
    is_parquet = content.startswith(_MAGIC) and content.endswith(_MAGIC)
    return start if is_parquet and size > 0 and start >= len(_MAGIC) else None


def _trouble(path: Path) -> str | None:
    """What is wrong with a file; None for a right checksum, "" for a file without one."""
    content = path.read_bytes()
    footer = _footer(content)
    if footer is None:
        return "it is not a whole Parquet file"
    start = footer - len(_SEAL) - _DIGEST
    if start < 0 or content[start : start + len(_SEAL)] != _SEAL:
        return ""
    digest = hashlib.sha256(content[:start])
    digest.update(content[footer:])
    if digest.digest() == content[start + len(_SEAL) : footer]:
        return None
    return "it is damaged: its checksum is not that of its content"


@lru_cache(maxsize=256)
def _remembered_trouble(path: Path, _stamp: Stamp) -> str | None:
    return _trouble(path)


def _trouble_parsing(path: Path) -> str | None:
    """Why a file cannot be parsed; None where it can."""
    found = stamp(path)
    return _trial(path) if found is None else _remembered_trial(path, found)


@lru_cache(maxsize=256)
def _remembered_trial(path: Path, _stamp: Stamp) -> str | None:
    return _trial(path)


def _trial(path: Path) -> str | None:
    import subprocess

    command = [sys.executable, "-c", _TRIAL, str(path)]
    ended = subprocess.run(command, capture_output=True, check=False)  # noqa: S603
    if ended.returncode < 0:
        return "it ends the process that parses it"
    said = ended.stdout.decode("utf-8", "replace") or "its parser fails"
    return said if ended.returncode else None
