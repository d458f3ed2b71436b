"""Tables of head, relation, tail and maybe split: TSV and CSV."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import IO

from kgreason.errors import DataError
from kgreason.knowledge.interner import Collector, Strings
from kgreason.knowledge.sources.blocks import BLOCK_BYTES, line_blocks, whole_lines
from kgreason.knowledge.sources.guard import ReadingLimits
from kgreason.knowledge.sources.streams import COMPRESSED, Source

TABLE_FORMATS = ("tsv", "csv")
_CHUNK = 100_000
_HEADERS = (
    ("head", "relation", "tail"),
    ("subject", "predicate", "object"),
    ("subject", "relation", "object"),
    ("source", "relation", "target"),
    ("h", "r", "t"),
    ("s", "p", "o"),
)
_SPLITS = {
    "train": "train",
    "training": "train",
    "valid": "valid",
    "validation": "valid",
    "val": "valid",
    "dev": "valid",
    "test": "test",
    "testing": "test",
}

Row = tuple[int, list[str]]
# A split and the columns of its facts.
Part = tuple[str, tuple[Strings, ...]]
Progress = Callable[[int], None] | None


def read_table(
    source: Source,
    kind: str,
    collector: Collector,
    lenient: bool = False,
    progress: Progress = None,
    split: str = "train",
) -> None:
    """Collect a table; a first row naming the columns is recognised.

    Raises `DataError` naming the line with another number of columns, an empty name, a fourth
    column that is no split, or bytes that are not UTF-8; `lenient` counts such rows instead.
    """
    count = 0
    reader = _TableReader(source, collector, lenient, split)
    with source.open() as stream:
        for name, columns in reader.tsv(stream) if kind == "tsv" else reader.csv(stream):
            heads, relations, tails = columns
            collector.add(heads, relations, tails, name)
            count += len(heads)
            if progress is not None:
                progress(count)


def split_of(name: str) -> str | None:
    """The usual name of a split, or None when it is not one."""
    return _SPLITS.get(name.strip().lower())


class _TableReader:
    def __init__(self, source: Source, collector: Collector, lenient: bool, split: str) -> None:
        self._source = source
        self._collector = collector
        self._lenient = lenient
        self._split = split
        self._named_split = False
        self._width = 0
        self._last_line = 0

    def csv(self, stream: IO[bytes]) -> Iterator[Part]:
        """Facts of comma-separated rows, whose quoted fields may hold commas and line ends."""
        rows = self._csv_rows(stream)
        while chunk := list(islice(rows, _CHUNK)):
            yield from self._checked(chunk)

    def tsv(self, stream: IO[bytes]) -> Iterator[Part]:
        """Facts of tab-separated rows; nothing is quoted."""
        for number, block in line_blocks(self._source, stream):
            line, rest = number, block
            if number == 1:
                # The first row says how wide the table is, or is a header.
                first, end, rest = block.removeprefix(codecs.BOM_UTF8).partition(b"\n")
                yield from self._checked(self._tsv_rows(first, line))
                line += len(end)
            bulk = self._bulk(rest)
            yield from self._checked(self._tsv_rows(rest, line)) if bulk is None else bulk

    def _bulk(self, block: bytes) -> list[Part] | None:
        """The facts of a block without any problem, in bulk; None when it needs a closer look."""
        lines = whole_lines(block) if self._width in (3, 4) else None
        fields = "\t".join([r"[^\t\r]+"] * self._width)
        if lines is None or not lines.str.contains(f"^{fields}$").all():
            return None
        table = lines.str.splitn("\t", self._width).struct.unnest()
        names = [self._split]
        parts = [table]
        if self._width == 4:
            parts = table.partition_by(table.columns[3], maintain_order=True)
            names = [self._split_name(list(part.row(0))) for part in parts]
            if not self._named_split and not set(names) <= set(_SPLITS.values()):
                return None
        return [(n, tuple(p.get_columns()[:3])) for n, p in zip(names, parts, strict=True)]

    def _checked(self, rows: Iterable[Row]) -> Iterator[Part]:
        found: dict[str, list[list[str]]] = {}
        for line, row in rows:
            if self._width == 0:
                self._width = len(row)
                if self._is_header(row):
                    continue
            problem = self._problem(row)
            if problem is None:
                found.setdefault(self._split_name(row), []).append(row[:3])
            elif self._lenient:
                self._collector.skipped += 1
            else:
                raise DataError(
                    f"{self._source.label}, line {line}: {problem}",
                    remedy="a row is head, relation, tail and maybe split; "
                    "--lenient passes over malformed rows",
                )
        for split, facts in found.items():
            yield split, tuple(zip(*facts, strict=True))

    def _is_header(self, row: list[str]) -> bool:
        names = tuple(name.strip().lower() for name in row)
        if names[:3] not in _HEADERS:
            return False
        self._named_split = names[3:] == ("split",)
        return names[3:] in ((), ("split",))

    def _problem(self, row: list[str]) -> str | None:
        if len(row) not in (3, 4):
            return f"{len(row)} column{'s' * (len(row) != 1)}, expected 3 or 4"
        if len(row) != self._width and not self._lenient:
            return f"{len(row)} columns, expected {self._width} as in the first row"
        if not all(row[:3]):
            return f"the {('head', 'relation', 'tail')[[*map(bool, row)].index(False)]} is empty"
        if len(row) == 4 and not self._named_split and split_of(row[3]) is None:
            return f"the fourth column {row[3]!r} is not a split (train, valid, test)"
        return None

    def _split_name(self, row: list[str]) -> str:
        if len(row) == 3 or not row[3].strip():
            return self._split
        return split_of(row[3]) or row[3].strip()

    def _tsv_rows(self, block: bytes, line: int) -> Iterator[Row]:
        for number, content in enumerate(self._decoded(block, line).split("\n"), start=line):
            if stripped := content.removesuffix("\r"):
                yield number, stripped.split("\t")

    def _csv_rows(self, stream: IO[bytes]) -> Iterator[Row]:
        reader = csv.reader(self._csv_lines(stream), strict=True)
        # The limit of the library is the whole process's: it is widened, and ours comes first.
        csv.field_size_limit(
            max(csv.field_size_limit(), self._source.limits.length + 3 * BLOCK_BYTES)
        )
        try:
            for row in reader:
                self._last_line = reader.line_num
                if row:
                    yield reader.line_num, row
        except csv.Error as error:
            raise DataError(
                f"{self._source.label}, line {reader.line_num}: {error}", remedy="check the quotes"
            ) from error

    def _csv_lines(self, stream: IO[bytes]) -> Iterator[str]:
        """Lines for the CSV reader, which takes more and more of them while a quote is open."""
        last, held = -1, 0
        most = self._source.limits.length
        for line, block in line_blocks(self._source, stream):
            held = held + len(block) if last == self._last_line else 0
            if held > most:
                what = f"a record longer than {most:,} bytes: is a quote left open?"
                raise self._source.exceeded(last + 1, what, "length")
            last = self._last_line
            text = self._decoded(block, line)
            yield from io.StringIO(text.removeprefix("\ufeff") if line == 1 else text, newline="")

    def _decoded(self, block: bytes, line: int) -> str:
        try:
            return block.decode()
        except UnicodeDecodeError as error:
            line += block.count(b"\n", 0, error.start)
            raise self._not_text(line, error) from error

    def _not_text(self, line: int, error: UnicodeDecodeError) -> DataError:
        return DataError(
            f"{self._source.label}, line {line}: bytes that are not UTF-8 ({error.reason})",
            remedy="convert the file to UTF-8",
        )


def is_split_folder(path: Path) -> bool:
    """Whether a folder holds a table of training facts."""
    return path.is_dir() and _split_file(path, "train") is not None


def read_splits(path: Path, collector: Collector, lenient: bool, limits: ReadingLimits) -> None:
    """Collect the tables `train`, `valid` and `test` (.txt, .tsv or .csv, maybe compressed)."""
    for split in ("train", "valid", "test"):
        if file := _split_file(path, split):
            kind = "csv" if ".csv" in file.suffixes else "tsv"
            read_table(Source(str(file), limits), kind, collector, lenient, split=split)


def _split_file(path: Path, split: str) -> Path | None:
    names = [name for name, usual in _SPLITS.items() if usual == split]
    for name in names:
        for suffix in (".txt", ".tsv", ".csv"):
            for packed in ("", *COMPRESSED):
                file = path / f"{name}{suffix}{packed}"
                if file.is_file():
                    return file
    return None
