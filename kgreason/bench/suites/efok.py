"""The questions of a folder in the layout of EFO_k-CQA (Yin et al., arXiv:2307.13701)."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

from kgreason.bench.suites.efo1 import read_formulas
from kgreason.bench.suites.questions import (
    COPY_AGAIN,
    BenchmarkQuestion,
    ascending,
    ascending_tuples,
)
from kgreason.errors import DataError, KgreasonError
from kgreason.formula import Variable
from kgreason.syntax.benchmark import from_formula_string

# The files are called test_type0000_EFOX_qaa.json by the code that writes them, and with hyphens
# in its description.
_FILE = re.compile(r"test[-_](type\d+)[-_]EFOX[-_]qaa\.json")


def is_efok_suite(folder: Path) -> bool:
    """Whether a folder holds test questions in the EFO_k layout."""
    return bool(_files(folder))


def read_efok_questions(folder: Path) -> dict[str, tuple[BenchmarkQuestion, ...]]:
    """Questions by type, in the order of the files and within them; see `read_suite`.

    A type goes by the number of its file (`type0042`), which is that of its formula upstream.
    Answers of a question about f1 and f2 are pairs: `easy` and `hard` are (n, 2). Easy are the
    answers over train and valid; under a negation test facts may contradict some of them.
    """
    found: dict[str, list[BenchmarkQuestion]] = {}
    for path, number in _files(folder):
        for formula, rows in read_formulas(path).items():
            questions = found.setdefault(number, [])
            questions += [_question(path, i, formula, row) for i, row in enumerate(rows)]
    return {name: tuple(questions) for name, questions in found.items()}


def _files(folder: Path) -> list[tuple[Path, str]]:
    if not folder.is_dir():
        return []
    named = ((path, _FILE.fullmatch(path.name)) for path in sorted(folder.iterdir()))
    return [(path, match[1]) for path, match in named if match]


def _question(path: Path, number: int, formula: str, row: Any) -> BenchmarkQuestion:
    place = f"{path}, question {number} of {formula}"
    try:
        values, easy, hard = row
        query = from_formula_string(formula, values)
        key = "_".join(variable.name for variable in query.free)
        answers = [_answers(part[key], query.free, place) for part in (easy, hard)]
    except KgreasonError as error:
        raise DataError(f"{place}: {error.message}", remedy=error.remedy or COPY_AGAIN) from error
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise DataError(
            f"{place}: not [ids, easy answers, hard answers] ({type(error).__name__}: {error})",
            remedy='a question looks like [{"r1": 3, "s1": 7}, {"f1_f2": [[2, 5]]}, {"f1_f2": []}]',
        ) from error
    return BenchmarkQuestion(query, answers[0], answers[1], (formula, values))


def _answers(listed: list[list[int]], free: tuple[Variable, ...], place: str) -> Any:
    if len(free) == 1:
        return ascending([entity for (entity,) in listed], place)
    return ascending_tuples(listed, len(free), place)
