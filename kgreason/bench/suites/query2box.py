"""The questions of a folder in the layout of Query2box (Ren, Hu & Leskovec, ICLR 2020)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from kgreason.bench.suites.betae import read_mapping
from kgreason.bench.suites.questions import COPY_AGAIN, BenchmarkQuestion, ascending
from kgreason.errors import DataError
from kgreason.knowledge.sources.query2box import Relations, read_relations
from kgreason.syntax.benchmark import BETAE_TYPES, from_nested_tuple

_UNION = (-1,)
Shape = Callable[[Any], Any]

QUERY2BOX_TYPES: dict[str, tuple[str, Shape]] = {
    "1c": ("1p", lambda key: key[0]),
    "2c": ("2p", lambda key: key[0]),
    "3c": ("3p", lambda key: key[0]),
    "2i": ("2i", lambda key: key),
    "3i": ("3i", lambda key: key),
    "ic": ("ip", lambda key: (key[:2], key[2:])),
    "ci": ("pi", lambda key: key),
    "2u": ("2u-DNF", lambda key: (*key, _UNION)),
    "uc": ("up-DNF", lambda key: ((*key[:2], _UNION), key[2:])),
}
"""A file's name for a type, BetaE's name for it, and the question as BetaE's nested tuple.

`2c`: ((entity, (relation, relation)),). `2i`, `2u`, `ci`: a tuple of (entity, relations). `ic`,
`uc`: two of those, then the last relation.
"""

_STRUCTURES = {name: structure for structure, name in BETAE_TYPES.items()}


def is_query2box_suite(folder: Path) -> bool:
    """Whether a folder holds test questions in the Query2box layout."""
    return any(_hard(folder, kind).is_file() for kind in QUERY2BOX_TYPES)


def read_query2box_questions(folder: Path) -> dict[str, tuple[BenchmarkQuestion, ...]]:
    """Questions by type under BetaE's names, in the order of their `repr`; see `read_suite`.

    `test_ans_2c.pkl` holds all answers, `test_ans_2c_hard.pkl` those that need test facts; easy
    are the others. Relation ids become those of the graph that the same folder describes.
    """
    relations = read_relations(folder)
    found = {}
    for kind, (name, shape) in QUERY2BOX_TYPES.items():
        if not _hard(folder, kind).is_file():
            continue
        every = read_mapping(folder / f"test_ans_{kind}.pkl")
        hard = read_mapping(_hard(folder, kind))
        found[name.removesuffix("-DNF")] = tuple(
            _question(_hard(folder, kind), key, _nested(key, name, shape, relations), every, hard)
            for key in sorted(hard, key=repr)
        )
    return found


def _hard(folder: Path, kind: str) -> Path:
    return folder / f"test_ans_{kind}_hard.pkl"


def _nested(key: Any, name: str, shape: Shape, relations: Relations) -> Any:
    """The structure and the nested tuple of a key; None when it is not of that shape."""
    try:
        return _STRUCTURES[name], _renumbered(shape(key), relations)
    except (TypeError, IndexError, ValueError):
        return None


def _renumbered(query: Any, relations: Relations) -> Any:
    """A nested tuple with its relations as directed ids; entities stand first in a path."""
    if query == _UNION:
        return query
    if all(isinstance(step, int) for step in query):
        if min(query) < 0:
            raise ValueError("a relation below 0")
        return tuple(int(relations.directed[step]) for step in query)
    return tuple(part if isinstance(part, int) else _renumbered(part, relations) for part in query)


def _question(
    path: Path, key: Any, nested: Any, every: Mapping[Any, Any], hard: Mapping[Any, Any]
) -> BenchmarkQuestion:
    place = f"{path}, {key!r}"
    if nested is None:
        raise DataError(f"{place}: not a question of this type", remedy=COPY_AGAIN)
    try:
        query = from_nested_tuple(*nested)
    except DataError as error:
        raise DataError(f"{place}: {error.message}", remedy=error.remedy or COPY_AGAIN) from error
    answers = []
    for table in (every, hard):
        values = table.get(key)
        if not isinstance(values, set | frozenset | list | tuple):
            raise DataError(f"{place}: no set of answers", remedy=COPY_AGAIN)
        answers.append(ascending(values, place))
    if not np.isin(answers[1], answers[0]).all():
        raise DataError(f"{place}: a hard answer is no answer", remedy=COPY_AGAIN)
    easy = np.setdiff1d(answers[0], answers[1], assume_unique=True)
    return BenchmarkQuestion(query, easy, answers[1], key)
