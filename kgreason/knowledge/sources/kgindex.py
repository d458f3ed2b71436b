"""The folder layout of FIT and EFO_k-CQA (Yin et al., ICLR 2024; arXiv:2307.13701)."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kgreason.errors import DataError
from kgreason.knowledge.interner import Collector
from kgreason.knowledge.sources.betae import base_relations, forward, id_rows, names_by_id

_INDEX = "kgindex.json"
_SPLITS = ("train", "valid", "test")
_LAYOUT = "the layout is kgindex.json and train_kg.tsv, valid_kg.tsv, test_kg.tsv of ids"


def is_kgindex(path: Path) -> bool:
    """Whether a folder has this layout."""
    return (path / _INDEX).is_file() and (path / "train_kg.tsv").is_file()


def read_kgindex(path: Path, collector: Collector) -> None:
    """Collect such a folder: `{"e": {name: id}, "r": {name: id}}`, relations in pairs as BetaE's.

    The files grow: valid_kg.tsv repeats the train facts, test_kg.tsv those of both. Each fact
    belongs to the first split that has it. Raises `DataError` as `read_betae`.
    """
    index = path / _INDEX
    content = _content(index)
    names = names_by_id(_inverse(content["e"], index), index, _LAYOUT)
    relation_names = base_relations(
        names_by_id(_inverse(content["r"], index), index, _LAYOUT), index
    )
    (entities,) = collector.entities.ids(names)
    (relations,) = collector.relations.ids(relation_names)
    seen = np.empty(0, dtype=np.int64)
    for split in _SPLITS:
        file = path / f"{split}_kg.tsv"
        if not file.is_file():
            raise DataError(f"{file}: no such file", remedy=_LAYOUT)
        facts = forward(id_rows(file, len(entities), 2 * len(relations)))
        keys = _keys(facts, len(entities), 2 * len(relations))
        fresh = facts[~np.isin(keys, seen)]
        seen = np.union1d(seen, keys)
        collector.add_ids(
            np.column_stack(
                [entities[fresh[:, 0]], relations[fresh[:, 1] // 2], entities[fresh[:, 2]]]
            ),
            split,
        )


def _keys(facts: NDArray[np.int64], entity_count: int, relation_count: int) -> NDArray[np.int64]:
    """One number for each fact, different for different facts."""
    return (facts[:, 0] * relation_count + facts[:, 1]) * entity_count + facts[:, 2]


def _content(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error})", remedy=_LAYOUT) from error
    if not isinstance(content, dict) or not {"e", "r"} <= set(content):
        raise DataError(f"{path}: has no entities `e` and relations `r`", remedy=_LAYOUT)
    return content


def _inverse(ids: object, path: Path) -> dict[Any, str]:
    if not isinstance(ids, dict) or not all(isinstance(one, int) for one in ids.values()):
        raise DataError(f"{path}: not dictionaries from name to id", remedy=_LAYOUT)
    if len(set(ids.values())) != len(ids):
        raise DataError(f"{path}: two names have the same id", remedy=_LAYOUT)
    return {number: name for name, number in ids.items()}
