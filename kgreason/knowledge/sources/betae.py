"""The folder layout of BetaE (Ren & Leskovec, NeurIPS 2020) and Query2box."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kgreason.errors import DataError
from kgreason.files.parquet import for_polars
from kgreason.knowledge.interner import Collector
from kgreason.knowledge.labels import read_labels
from kgreason.knowledge.pickles import read_plain_pickle

_SPLITS = ("train", "valid", "test")
_LABELS = "entity_labels.tsv"
_LAYOUT = "the layout is id2ent.pkl, id2rel.pkl and train.txt, valid.txt, test.txt of ids"


def is_betae(path: Path) -> bool:
    """Whether a folder has the BetaE layout."""
    return (path / "id2ent.pkl").is_file() and (path / "id2rel.pkl").is_file()


def read_betae(path: Path, collector: Collector) -> None:
    """Collect a BetaE folder: entity k is id2ent[k], base relation k is id2rel[2k] without `+`.

    The files list both directions (2k is `+name`, 2k + 1 is `-name`); each fact is taken once.
    Raises `DataError` where ids are not 0 … n − 1, or relations do not come in such pairs.
    """
    names = names_by_id(read_plain_pickle(path / "id2ent.pkl"), path / "id2ent.pkl", _LAYOUT)
    relation_names = base_relations(
        names_by_id(read_plain_pickle(path / "id2rel.pkl"), path / "id2rel.pkl", _LAYOUT),
        path / "id2rel.pkl",
    )
    (entities,) = collector.entities.ids(names)
    (relations,) = collector.relations.ids(relation_names)
    for split in _SPLITS:
        file = _split_file(path, split)
        facts = forward(id_rows(file, len(entities), 2 * len(relations)))
        collector.add_ids(
            np.column_stack(
                [entities[facts[:, 0]], relations[facts[:, 1] // 2], entities[facts[:, 2]]]
            ),
            split,
        )
    if (path / _LABELS).is_file():
        collector.labels.update(read_labels(path / _LABELS))


def _split_file(path: Path, split: str) -> Path:
    """ICEWS18+H (Gregucci et al., ICML 2025) keeps the three files in a folder of their own."""
    file = path / f"{split}.txt"
    nested = path / "KG_splits" / f"{split}.txt"
    if not file.is_file() and not nested.is_file():
        raise DataError(f"{file}: no such file", remedy=_LAYOUT)
    return file if file.is_file() else nested


def names_by_id(value: object, path: Path, remedy: str) -> list[str]:
    """A dictionary id → name as a list; `DataError` unless ids are 0 … n − 1, names different."""
    if not isinstance(value, dict) or set(value) != set(range(len(value))):
        raise DataError(f"{path}: not a dictionary with the ids 0 … n − 1 as keys", remedy=remedy)
    names = [value[number] for number in range(len(value))]
    if not all(isinstance(name, str) and name for name in names):
        raise DataError(f"{path}: a name is not a text", remedy=remedy)
    if len(set(names)) != len(names):
        raise DataError(f"{path}: two ids have the same name", remedy=remedy)
    return names


def base_relations(names: list[str], path: Path) -> list[str]:
    """Names of the base relations; `DataError` unless 2k is `+name` and 2k + 1 is `-name`."""
    for number in range(0, len(names), 2):
        pair = names[number : number + 2]
        if len(pair) < 2 or pair != ["+" + pair[0][1:], "-" + pair[0][1:]]:
            raise DataError(
                f"{path}: relations {number} and {number + 1} are {pair}, not `+name` and `-name`",
                remedy="relation 2k must be `+name` and 2k + 1 its inverse `-name`",
            )
    return [name[1:] for name in names[::2]]


def id_rows(path: Path, entity_count: int, relation_count: int) -> NDArray[np.int64]:
    """(rows, 3) ids of head, directed relation, tail; `DataError` for a line that is not that."""
    columns = {"head": pl.Int64, "relation": pl.Int64, "tail": pl.Int64}
    try:
        frame = pl.read_csv(
            for_polars(path),
            separator="\t",
            has_header=False,
            schema=columns,
            quote_char=None,
            glob=False,
        )
        rows = frame.drop_nulls().to_numpy()
    except (pl.exceptions.PolarsError, OSError):
        rows = np.empty((0, 3), dtype=np.int64)
    limits = np.array([entity_count, relation_count, entity_count])
    if not len(rows) or len(rows) != len(frame) or np.any((rows < 0) | (rows >= limits)):
        _complain(path, limits)
    return np.asarray(rows, dtype=np.int64)


def _complain(path: Path, limits: NDArray[np.int64]) -> None:
    """Find the first row that is not three ids in range."""
    kinds = ("head", "relation", "tail")
    with path.open(encoding="utf-8", errors="replace") as file:
        for number, line in enumerate(file, start=1):
            fields = line.rstrip("\r\n").split("\t")
            if len(fields) != 3:
                raise DataError(
                    f"{path}, line {number}: {len(fields)} columns, expected 3", remedy=_LAYOUT
                )
            for kind, field, limit in zip(kinds, fields, limits.tolist(), strict=True):
                if not field.isdecimal() or int(field) >= limit:
                    raise DataError(
                        f"{path}, line {number}: the {kind} {field[:40]!r} is not an id",
                        remedy=f"{kind} ids are 0 … {limit - 1}",
                    )


def forward(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Every fact once in its forward direction, also where a file lists only its inverse."""
    even = rows[:, 1] % 2 == 0
    forward, backward = rows[even], rows[~even]
    mirrored = np.column_stack([backward[:, 2], backward[:, 1] - 1, backward[:, 0]])
    return np.concatenate([forward, mirrored])
