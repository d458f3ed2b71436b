"""Tables of head, relation, tail and maybe split: TSV and CSV."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path

from kgreason.errors import DataError
from kgreason.knowledge.interner import Collector
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
    with (
        source.open() as stream,
        io.TextIOWrapper(stream, encoding="utf-8-sig", newline="") as text,
    ):
        count = 0
        reader = _TableReader(source, collector, lenient, split)
        for rows in reader.chunks(_rows(source, text, kind)):
            for name, facts in rows.items():
                heads, relations, tails = (list(column) for column in zip(*facts, strict=True))
                collector.add(heads, relations, tails, name)
                count += len(facts)
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

    def chunks(self, rows: Iterator[Row]) -> Iterator[dict[str, list[list[str]]]]:
        """Facts of a bounded number of rows at a time, by split."""
        pending: dict[str, list[list[str]]] = {}
        width = 0
        for index, (line, row) in enumerate(rows):
            if width == 0:
                width = len(row)
                if index == 0 and self._is_header(row):
                    continue
            problem = self._problem(row, width)
            if problem is None:
                split = self._split_name(row)
                pending.setdefault(split, []).append(row[:3])
            elif self._lenient:
                self._collector.skipped += 1
            else:
                raise DataError(
                    f"{self._source.label}, line {line}: {problem}",
                    remedy="a row is head, relation, tail and maybe split; "
                    "--lenient passes over malformed rows",
                )
            if index % _CHUNK == _CHUNK - 1 and pending:
                yield pending
                pending = {}
        if pending:
            yield pending

    def _is_header(self, row: list[str]) -> bool:
        names = tuple(name.strip().lower() for name in row)
        if names[:3] not in _HEADERS:
            return False
        self._named_split = names[3:] == ("split",)
        return names[3:] in ((), ("split",))

    def _problem(self, row: list[str], width: int) -> str | None:
        if len(row) not in (3, 4):
            return f"{len(row)} column{'s' * (len(row) != 1)}, expected 3 or 4"
        if len(row) != width and not self._lenient:
            return f"{len(row)} columns, expected {width} as in the first row"
        if not all(row[:3]):
            return f"the {('head', 'relation', 'tail')[[*map(bool, row)].index(False)]} is empty"
        if len(row) == 4 and not self._named_split and split_of(row[3]) is None:
            return f"the fourth column {row[3]!r} is not a split (train, valid, test)"
        return None

    def _split_name(self, row: list[str]) -> str:
        if len(row) == 3 or not row[3].strip():
            return self._split
        return split_of(row[3]) or row[3].strip()


def _rows(source: Source, text: io.TextIOWrapper, kind: str) -> Iterator[Row]:
    line = 0
    try:
        if kind == "tsv":
            for line, content in enumerate(text, start=1):
                if stripped := content.rstrip("\r\n"):
                    yield line, stripped.split("\t")
        else:
            reader = csv.reader(text, strict=True)
            for row in reader:
                line = reader.line_num
                if row:
                    yield line, row
    except UnicodeDecodeError as error:
        raise DataError(
            f"{source.label}, after line {line}: bytes that are not UTF-8 ({error.reason})",
            remedy="convert the file to UTF-8",
        ) from error
    except csv.Error as error:
        raise DataError(
            f"{source.label}, line {line + 1}: {error}", remedy="check the quotes"
        ) from error


def is_split_folder(path: Path) -> bool:
    """Whether a folder holds a table of training facts."""
    return path.is_dir() and _split_file(path, "train") is not None


def read_splits(path: Path, collector: Collector, lenient: bool) -> None:
    """Collect the tables `train`, `valid` and `test` (.txt, .tsv or .csv, maybe compressed)."""
    for split in ("train", "valid", "test"):
        if file := _split_file(path, split):
            kind = "csv" if ".csv" in file.suffixes else "tsv"
            read_table(Source(str(file)), kind, collector, lenient, split=split)


def _split_file(path: Path, split: str) -> Path | None:
    names = [name for name, usual in _SPLITS.items() if usual == split]
    for name in names:
        for suffix in (".txt", ".tsv", ".csv"):
            for packed in ("", *COMPRESSED):
                file = path / f"{name}{suffix}{packed}"
                if file.is_file():
                    return file
    return None
