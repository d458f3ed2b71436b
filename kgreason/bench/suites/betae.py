"""The questions of a folder in the layout of BetaE (Ren & Leskovec, NeurIPS 2020)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from pathlib import Path
from typing import Any

from kgreason.bench.suites.questions import COPY_AGAIN, BenchmarkQuestion, Ids, ascending
from kgreason.errors import DataError
from kgreason.knowledge.pickles import read_plain_pickle
from kgreason.syntax.benchmark import BETAE_TYPES, Structure, from_nested_tuple

_QUERIES, _EASY, _HARD = "test-queries.pkl", "test-easy-answers.pkl", "test-hard-answers.pkl"


def is_betae_suite(folder: Path) -> bool:
    """Whether a folder holds test questions in the BetaE layout."""
    return (folder / _QUERIES).is_file()


def read_betae_questions(
    folder: Path, names: Mapping[Structure, str] = BETAE_TYPES
) -> dict[str, tuple[BenchmarkQuestion, ...]]:
    """Questions by type, types in the order of `names`, questions in that of their `repr`.

    A structure without a published name is called by its own text. See `read_suite`.
    """
    stored = read_mapping(folder / _QUERIES)
    easy, hard = read_mapping(folder / _EASY), read_mapping(folder / _HARD)
    published = {structure: i for i, structure in enumerate(names)}
    found = {}
    for structure in sorted(stored, key=lambda s: (published.get(s, len(published)), repr(s))):
        queries = stored[structure]
        if isinstance(queries, str | bytes) or not isinstance(queries, Collection):
            raise DataError(
                f"{folder / _QUERIES}: {structure!r} holds no set of questions", remedy=COPY_AGAIN
            )
        name = names.get(structure, repr(structure)).removesuffix("-DNF")
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
        raise DataError(
            f"{folder / _QUERIES}: {error.message}", remedy=error.remedy or COPY_AGAIN
        ) from error
    easy_answers = _answers(folder / _EASY, easy, query)
    return BenchmarkQuestion(formula, easy_answers, _answers(folder / _HARD, hard, query), query)


def read_answers(path: Path, queries: Iterable[Any]) -> list[Ids]:
    """The answers that a file gives to these questions; DataError when it lacks one."""
    table = read_mapping(path)
    return [_answers(path, table, query) for query in queries]


def _answers(path: Path, table: Mapping[Any, Any], query: Any) -> Ids:
    place = f"{path}, {query!r}"
    values = table.get(query)
    if not isinstance(values, set | frozenset | list | tuple):
        raise DataError(f"{place}: no set of answers", remedy=COPY_AGAIN)
    return ascending(values, place)


def read_mapping(path: Path) -> Mapping[Any, Any]:
    """The dictionary in a pickle file; DataError when it holds something else."""
    value = read_plain_pickle(path)
    if not isinstance(value, dict):
        raise DataError(
            f"{path}: holds a {type(value).__name__}, not a dictionary", remedy=COPY_AGAIN
        )
    return value
