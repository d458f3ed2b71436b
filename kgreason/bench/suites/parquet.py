"""Suites of our own: one Parquet table of questions, what it is about as JSON in its metadata.

Columns: type; question (EFO text with names, for people); template (EFO text with slots), relations
(directed ids) and entities, from which the question is read; easy and hard (entity ids); missing
(links per hard answer, null where not counted).

The file holds a checksum of itself, which is compared before it is parsed. Suites of version 1 have
none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from kgreason.bench.suites.questions import BenchmarkQuestion, Ids, Suite
from kgreason.bench.suites.splits import Splits, fingerprint
from kgreason.bench.suites.template import Template, question_of, spelled, template_of
from kgreason.errors import DataError, KgreasonError
from kgreason.files import replacing
from kgreason.files.parquet import (
    check_seal,
    for_polars,
    parse_parquet,
    read_parquet,
    seal_parquet,
    with_columns,
)
from kgreason.knowledge import KnowledgeGraph

TABLE = "questions.parquet"
"""The file's name where a suite is a folder."""
_KEY, _FORMAT, _VERSION, _UNSEALED = "kgreason", "kgreason suite", 2, 1
_AGAIN = "make or copy the suite again"

_IDS = pl.List(pl.Int64)
_SCHEMA = pl.Schema(
    {
        "type": pl.String(),
        "question": pl.String(),
        "template": pl.String(),
        "relations": _IDS,
        "entities": _IDS,
        "easy": _IDS,
        "hard": _IDS,
        "missing": _IDS,
    }
)


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a suite's graph is and how its questions were made.

    graph: source of the graph, relative to the current or to the suite's folder. making: whatever
    its maker wants remembered, JSON values.
    """

    graph: str
    fingerprint: str
    observed: tuple[str, ...]
    splits: Mapping[str, int]
    making: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(
        cls, graph: KnowledgeGraph, source: str, splits: Splits, making: Mapping[str, Any]
    ) -> Origin:
        """The origin of questions about this graph."""
        counts = {split: graph.fact_counts[split] for split in splits.all}
        return cls(source, fingerprint(graph), splits.observed, counts, making)


def write_suite(
    path: Path,
    questions: Mapping[str, tuple[BenchmarkQuestion, ...]],
    graph: KnowledgeGraph,
    origin: Origin,
) -> None:
    """Write a suite as a file that is there whole or not at all.

    The same questions and origin give the same bytes. Raises KgreasonError when it cannot be
    written.
    """
    rows = [_row(name, one, graph) for name, asked in questions.items() for one in asked]
    frame = pl.DataFrame(rows, schema=_SCHEMA, orient="row")
    about = {"format": _FORMAT, "version": _VERSION, "types": list(questions), **asdict(origin)}
    try:
        with replacing(path) as temporary:
            frame.write_parquet(temporary, metadata={_KEY: json.dumps(about, ensure_ascii=False)})
            seal_parquet(temporary)
    except OSError as error:
        raise KgreasonError(f"cannot write {path}: {error.strerror or error}") from error


def is_parquet_suite(path: Path) -> bool:
    """Whether this is a Parquet file, or a folder that holds a suite's file."""
    return (path.suffix == ".parquet" and path.is_file()) or (path / TABLE).is_file()


def read_origin(path: str | Path) -> Origin:
    """Where a suite's graph is and how its questions were made; DataError when it is no suite."""
    table = _table(Path(path))
    return _origin(table, _read(table)[0])


def _origin(table: Path, about: Mapping[str, Any]) -> Origin:
    try:
        return Origin(
            str(about["graph"]),
            str(about["fingerprint"]),
            tuple(about["observed"]),
            dict(about["splits"]),
            dict(about["making"]),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise DataError(f"{table}: damaged metadata ({error})", remedy=_AGAIN) from error


def read_parquet_suite(path: Path, graph: str | Path | None = None) -> Suite:
    """The suite in a file or folder; see `read_suite`."""
    table = _table(path)
    about, frame = _read(table)
    origin = _origin(table, about)
    rows = with_columns(frame, table, _SCHEMA, _AGAIN).select(*_SCHEMA).rows()
    questions: dict[str, list[BenchmarkQuestion]] = {str(name): [] for name in about["types"]}
    for number, row in enumerate(rows):
        kind, question = _question(table, number, row)
        questions.setdefault(kind, []).append(question)
    home = Path(graph) if graph is not None else _home(table.parent, origin.graph)
    name = path.stem if path == table else path.name
    found = {kind: tuple(asked) for kind, asked in questions.items() if asked}
    return Suite(name, home, found, origin.fingerprint)


def _home(folder: Path, source: str) -> Path:
    beside = folder / source
    return beside if beside.exists() else Path(source)


def _table(path: Path) -> Path:
    return path / TABLE if path.is_dir() else path


def _read(table: Path) -> tuple[dict[str, Any], pl.DataFrame]:
    """What a file says of itself and its rows, checked before they are parsed."""
    is_sealed = check_seal(table, _AGAIN)
    frame = parse_parquet(table, _AGAIN) if is_sealed else read_parquet(table, _AGAIN)
    try:
        about = json.loads(pl.read_parquet_metadata(for_polars(table)).get(_KEY, "null"))
    except (ValueError, RecursionError) as error:
        raise DataError(f"{table}: damaged metadata ({error})", remedy=_AGAIN) from error
    if not isinstance(about, dict) or about.get("format") != _FORMAT:
        raise DataError(
            f"{table}: a Parquet file that is no suite of questions",
            remedy="suites come from kgreason bench sample and kgreason bench convert",
        )
    version = about.get("version")
    if version not in (_VERSION, _UNSEALED) or not isinstance(about.get("types"), list):
        raise DataError(
            f"{table}: a suite of format version {version}, not {_VERSION}",
            remedy="read it with the version of kgreason that wrote it, or make it again",
        )
    if version != _UNSEALED and not is_sealed:
        raise DataError(f"{table}: damaged, its checksum is gone", remedy=_AGAIN)
    return about, frame


def _row(name: str, one: BenchmarkQuestion, graph: KnowledgeGraph) -> tuple[object, ...]:
    template = template_of(one.query)
    return (
        name,
        spelled(one.query, graph.vocabulary),
        template.text,
        list(template.relations),
        list(template.entities),
        one.easy.tolist(),
        one.hard.tolist(),
        None if one.missing is None else one.missing.tolist(),
    )


def _question(table: Path, number: int, row: tuple[Any, ...]) -> tuple[str, BenchmarkQuestion]:
    kind, text, shape, relations, entities, easy, hard, missing = row
    place = f"{table}, question {number}"
    if any(value is None for value in row[:-1]) or None in [*relations, *entities]:
        raise DataError(f"{place}: a value is missing", remedy=_AGAIN)
    if min((*relations, *entities), default=0) < 0:
        raise DataError(f"{place}: a negative id", remedy=_AGAIN)
    try:
        query = question_of(Template(shape, tuple(relations), tuple(entities)))
    except KgreasonError as error:
        raise DataError(f"{place}: {error.message}", remedy=_AGAIN) from error
    answers = _ascending(easy, place), _ascending(hard, place)
    if missing is not None and (len(missing) != len(hard) or None in missing):
        raise DataError(f"{place}: missing links of {len(missing)} answers", remedy=_AGAIN)
    counted = None if missing is None else np.array(missing, dtype=np.int64)
    return kind, BenchmarkQuestion(query, *answers, text, counted)


def _ascending(ids: list[int | None], place: str) -> Ids:
    """Answers as stored: ascending already, for missing links stand in their order."""
    if None in ids:
        raise DataError(f"{place}: an answer is missing", remedy=_AGAIN)
    found = np.array(ids, dtype=np.int64)
    if len(found) and (found[0] < 0 or (np.diff(found) <= 0).any()):
        raise DataError(f"{place}: answers are not ascending ids", remedy=_AGAIN)
    return found
