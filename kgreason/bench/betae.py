"""The questions of a folder in the layout of BetaE (Ren & Leskovec, NeurIPS 2020)."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

from kgreason.bench.questions import COPY_AGAIN, BenchmarkQuestion, ascending
from kgreason.errors import DataError
from kgreason.knowledge.pickles import read_plain_pickle
from kgreason.syntax.benchmark import BETAE_TYPES, from_nested_tuple

_QUERIES, _EASY, _HARD = "test-queries.pkl", "test-easy-answers.pkl", "test-hard-answers.pkl"


def is_betae_suite(folder: Path) -> bool:
    """Whether a folder holds test questions in the BetaE layout."""
    return (folder / _QUERIES).is_file()


def read_betae_questions(folder: Path) -> dict[str, tuple[BenchmarkQuestion, ...]]:
    """Questions by type, types in the order of BETAE_TYPES, questions in that of their `repr`.

    A structure without a published name is called by its own text. See `read_suite`.
    """
    stored = _mapping(folder / _QUERIES)
    easy, hard = _mapping(folder / _EASY), _mapping(folder / _HARD)
    published = {structure: i for i, structure in enumerate(BETAE_TYPES)}
    found = {}
    for structure in sorted(stored, key=lambda s: (published.get(s, len(published)), repr(s))):
        queries = stored[structure]
        if isinstance(queries, str | bytes) or not isinstance(queries, Collection):
            raise DataError(
                f"{folder / _QUERIES}: {structure!r} holds no set of questions", remedy=COPY_AGAIN
            )
        name = BETAE_TYPES.get(structure, repr(structure)).removesuffix("-DNF")
        found[name] = tuple(
            _question(folder, structure, query, easy, hard) for query in sorted(queries, key=repr)
        )
    return found


def _question(
    folder: Path, structure: Any, query: Any, easy: Mapping[Any, Any], hard: Mapping[Any, Any]
) -> BenchmarkQuestion:
    try:
        formula = from_nested_tuple(structure, query)
    except DataError as error:
        raise DataError(f"{folder / _QUERIES}: {error.message}", remedy=error.remedy) from error
    answers = []
    for file, table in ((_EASY, easy), (_HARD, hard)):
        place = f"{folder / file}, {query!r}"
        values = table.get(query)
        if not isinstance(values, set | frozenset | list | tuple):
            raise DataError(f"{place}: no set of answers", remedy=COPY_AGAIN)
        answers.append(ascending(values, place))
    return BenchmarkQuestion(formula, answers[0], answers[1], query)


def _mapping(path: Path) -> Mapping[Any, Any]:
    value = read_plain_pickle(path)
    if not isinstance(value, dict):
        raise DataError(
            f"{path}: holds a {type(value).__name__}, not a dictionary", remedy=COPY_AGAIN
        )
    return value
