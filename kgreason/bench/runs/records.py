"""A run on disk: JSON Lines, a header that says what was run, then one record per question.

Every line ends in a checksum of itself and, through theirs, of all lines before it.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

from kgreason.errors import DataError, UsageError

Header = dict[str, Any]
Key = tuple[str, str, int]
Counts = dict[str, list[float]]
FORMAT = 3
FIGURES = ("MRR", "Hits@1", "Hits@3", "Hits@10")
_CHECKSUM = "sum"
_SEPARATOR = f', "{_CHECKSUM}": "'.encode()
_FREE = frozenset({"machine"})
"""Parts of a header that no figure depends on."""


@dataclass(frozen=True, slots=True)
class Record:
    """One question's figures.

    index: its place among the suite's questions of the type. question: as its file spells it.
    ranks: of its hard answers, in ascending order of their ids. seconds: its share of its batch.
    missing: how many links that are not observed each of them needs, where the suite says so.
    counts: numbers that add up over questions, see `thresholds`. slack: how far the mean reciprocal
    rank may be from the exact one, where a tolerance let the work end early.
    """

    suite: str
    type: str
    index: int
    question: str
    figures: dict[str, float]
    ranks: list[float]
    seconds: float
    missing: list[int] | None = None
    counts: Counts = field(default_factory=dict)
    slack: float = 0.0

    @property
    def key(self) -> Key:
        """What a question is known by."""
        return self.suite, self.type, self.index


@dataclass(frozen=True, slots=True)
class Run:
    """A run that was read: records in the header's order of suites and types, then by index."""

    path: Path
    header: Header
    records: tuple[Record, ...]

    @property
    def label(self) -> str:
        """What to call the run in a table."""
        return f"{self.path.stem} ({self.header['method']['name']})"

    @property
    def suites(self) -> dict[str, Header]:
        """What the header says of each suite, by the suite's name."""
        return {suite["name"]: suite for suite in self.header["suites"]}

    @property
    def asked(self) -> int:
        """How many questions the run is to answer in all."""
        return sum(sum(suite["types"].values()) for suite in self.header["suites"])

    def by_type(self, suite: str) -> dict[str, list[Record]]:
        """Records of one suite."""
        found: dict[str, list[Record]] = {}
        for record in self.records:
            if record.suite == suite:
                found.setdefault(record.type, []).append(record)
        return found


def read_run(path: Path) -> Run:
    """Read a run, finished or not; a torn last line does not count. DataError if it is damaged."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(f"cannot read {path}: {error.strerror or error}") from error
    found = _parse(path, content)
    if found.header is None:
        raise DataError(f"{path}: holds no run", remedy="give a file of `kgreason bench run`")
    return Run(path, found.header, _ordered(found.header, found.records))


class RunFile:
    """A run being written: only ever appended to, and on the disk after every batch.

    Opening a file that is there goes on with it. UsageError when it is of another run.
    """

    def __init__(self, path: Path, header: Header) -> None:
        self.path = path
        self.header: Header = json.loads(json.dumps(header))
        self._records: dict[Key, Record] = {}
        found = _Parsed()
        try:
            if path.exists():
                found = _parse(path, path.read_bytes())
                self._records = {record.key: record for record in found.records}
            if found.header is not None:
                _require_same(path, found.header, self.header)
            self._checksum = found.checksum
            self._file: BinaryIO = path.open("r+b" if path.exists() else "xb")
            # Whatever stands after the last whole line was being written when the run was ended.
            self._file.truncate(found.end)
            self._file.seek(found.end)
            if found.header is None:
                self._write([self.header])
        except OSError as error:
            raise UsageError(f"cannot write {path}: {error.strerror or error}") from error

    def __enter__(self) -> RunFile:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._file.close()

    def __contains__(self, key: Key) -> bool:
        return key in self._records

    def __len__(self) -> int:
        return len(self._records)

    @property
    def run(self) -> Run:
        """What has been written so far."""
        return Run(self.path, self.header, _ordered(self.header, self._records.values()))

    def append(self, records: Sequence[Record]) -> None:
        """Write records through to the disk."""
        self._write([asdict(record) for record in records])
        self._records.update({record.key: record for record in records})

    def _write(self, lines: Sequence[Mapping[str, Any]]) -> None:
        for line in lines:
            text, self._checksum = _with_checksum(line, self._checksum)
            self._file.write(text)
        self._file.flush()
        os.fsync(self._file.fileno())


@dataclass(frozen=True, slots=True)
class _Parsed:
    """What the whole lines of a file hold; end: their length. checksum: that of the last one."""

    header: Header | None = None
    records: tuple[Record, ...] = ()
    end: int = 0
    checksum: bytes = b""


def _parse(path: Path, content: bytes) -> _Parsed:
    """Read the whole lines. DataError names the first that is damaged."""
    whole = content[: content.rfind(b"\n") + 1]
    header: Header | None = None
    records: list[Record] = []
    checksum = b""
    for number, line in enumerate(whole.split(b"\n")[:-1], 1):
        try:
            _require_format(line, number)
            checksum = _checked(line, checksum)
            value = json.loads(line)
            del value[_CHECKSUM]
            if number == 1:
                header = _header(value)
            else:
                records.append(Record(**value))
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise DataError(
                f"{path}, line {number}: not a line of a benchmark run ({error})",
                remedy="give another file, or remove this one"
                if number == 1
                else f"cut the file off before line {number} and repeat the command it was begun "
                "with: only what is missing then is asked again",
            ) from error
    begun = b'{"format"'
    if header is None and content[: len(begun)] != begun[: len(content)]:
        raise DataError(f"{path}: not a benchmark run", remedy="give another file")
    return _Parsed(header, tuple(records), len(whole), checksum)


def _with_checksum(line: Mapping[str, Any], before: bytes) -> tuple[bytes, bytes]:
    """A line as it is written, and its checksum, which depends on that of the line before."""
    text = json.dumps(line, ensure_ascii=False).encode()[:-1]
    checksum = _checksum(text, before)
    return text + _SEPARATOR + checksum.hex().encode() + b'"}\n', checksum


def _checked(line: bytes, before: bytes) -> bytes:
    """The checksum of a line; ValueError unless it is the right one."""
    text, _, stated = line.rpartition(_SEPARATOR)
    checksum = _checksum(text, before)
    if stated != checksum.hex().encode() + b'"}':
        raise ValueError("damaged, or a line before it is gone: its checksum is another")
    return checksum


def _checksum(text: bytes, before: bytes) -> bytes:
    return hashlib.blake2b(text, digest_size=8, key=before).digest()


def _require_format(line: bytes, number: int) -> None:
    """ValueError for the header of another format, whose lines may have no checksums."""
    if number == 1:
        stated = json.loads(line)["format"]
        if stated != FORMAT:
            raise ValueError(f"format {stated}, not {FORMAT}")


def _header(value: Any) -> Header:
    """A header; ValueError, TypeError or KeyError for what lacks its main parts."""
    if not isinstance(value["method"]["name"], str):
        raise TypeError("the method has no name")
    for suite in value["suites"]:
        if not isinstance(suite["name"], str) or not isinstance(sum(suite["types"].values()), int):
            raise TypeError("a suite has no name, or no numbers of questions")
    return dict(value)


def _require_same(path: Path, found: Header, wanted: Header) -> None:
    there, here = dict(_leaves(found)), dict(_leaves(wanted))
    names = [n for n in dict.fromkeys([*here, *there]) if there.get(n) != here.get(n)]
    if names:
        told = [f"{n} {_short(there.get(n))}, not {_short(here.get(n))}" for n in names[:4]]
        more = f"; and {len(names) - 4} more" if len(names) > 4 else ""
        raise UsageError(
            f"{path} holds another run: {'; '.join(told)}{more}",
            remedy="repeat the command it was begun with, or give another output file",
        )


def _leaves(value: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """`suites.0.sha256` and its value, and so on: what a figure depends on."""
    if isinstance(value, dict):
        for key, part in value.items():
            if name or key not in _FREE:
                yield from _leaves(part, f"{name}.{key}" if name else key)
    elif isinstance(value, list) and value:
        for i, part in enumerate(value):
            yield from _leaves(part, f"{name}.{i}")
    else:
        yield name, value


def _short(value: object) -> str:
    text = json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 40 else f"{text[:37]}…"


def _ordered(header: Header, records: Iterable[Record]) -> tuple[Record, ...]:
    place = {
        (suite["name"], kind): i
        for i, (suite, kind) in enumerate(
            (suite, kind) for suite in header["suites"] for kind in suite["types"]
        )
    }
    unique = {record.key: record for record in records}
    last = len(place)
    return tuple(
        sorted(unique.values(), key=lambda r: (place.get((r.suite, r.type), last), r.index))
    )
