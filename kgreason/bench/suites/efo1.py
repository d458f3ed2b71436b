"""The questions of a folder in the layout of FIT's real EFO1 sets (Yin et al., ICLR 2024)."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from kgreason.bench.suites.questions import COPY_AGAIN, BenchmarkQuestion, ascending
from kgreason.errors import DataError, KgreasonError, UnsupportedError
from kgreason.syntax.benchmark import from_formula_string

_FILE = re.compile(r"test_(type\d+)_\w*qaa\.json")

EFO1_TYPES: dict[str, str] = {
    "(r1(s1,e1))&((!(r2(e1,f1)))&(r3(s2,f1)))": "pni",
    "(r1(s1,f1))&(r2(e1,f1))": "2il",
    "(r1(s1,f1))&((r2(s2,f1))&(r3(e1,f1)))": "3il",
    "(r1(s1,e1))&((r2(e1,f1))&(r3(e1,f1)))": "2m",
    "(r1(s1,e1))&((r2(e1,f1))&(!(r3(e1,f1))))": "2nm",
    "(r1(s1,e1))&((r2(e1,e2))&((r3(e1,e2))&(r4(e2,f1))))": "3mp",
    "(r1(s1,e1))&((r2(e1,e2))&((r3(e2,f1))&(r4(e2,f1))))": "3pm",
    "(r1(s1,e1))&((r2(s2,e1))&((r3(e1,f1))&(r4(e1,f1))))": "im",
    "(r1(s1,e1))&((r2(s2,e2))&((r3(e1,e2))&((r4(e1,f1))&(r5(e2,f1)))))": "3c",
    "(r1(s1,e1))&((r2(s2,e2))&((r3(e1,f1))&((r4(e1,f1))&((r5(e1,e2))&(r6(e2,f1))))))": "3cm",
}
"""The published name of every formula (l existential leaf, m multi-edge, c cycle).

`pni` here quantifies outside its negated atom; BetaE's negates the whole group.
"""


def is_efo1_suite(folder: Path) -> bool:
    """Whether a folder holds test questions in the EFO1 layout."""
    return bool(_files(folder))


def read_efo1_questions(folder: Path) -> dict[str, tuple[BenchmarkQuestion, ...]]:
    """Questions by type, in the order of the files and within them; see `read_suite`.

    A formula without a published name goes by the number of its file (`type0031`).
    """
    found: dict[str, list[BenchmarkQuestion]] = {}
    for path, number in _files(folder):
        for formula, rows in read_formulas(path).items():
            name = EFO1_TYPES.get(re.sub(r"\s", "", formula), number)
            questions = found.setdefault(name, [])
            questions += [_question(path, i, formula, row) for i, row in enumerate(rows)]
    return {name: tuple(questions) for name, questions in found.items()}


def _files(folder: Path) -> list[tuple[Path, str]]:
    if not folder.is_dir():
        return []
    named = ((path, _FILE.fullmatch(path.name)) for path in sorted(folder.iterdir()))
    return [(path, match[1]) for path, match in named if match]


def read_formulas(path: Path) -> dict[str, list[Any]]:
    """The questions of a JSON file by formula; DataError when it is not such a file."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}", remedy="check the path") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path}: not JSON ({error})", remedy=COPY_AGAIN) from error
    if not isinstance(value, dict) or not all(isinstance(rows, list) for rows in value.values()):
        raise DataError(
            f"{path}: not a dictionary from formula to list of questions", remedy=COPY_AGAIN
        )
    return value


def _question(path: Path, number: int, formula: str, row: Any) -> BenchmarkQuestion:
    place = f"{path}, question {number} of {formula}"
    try:
        values, easy, hard = row
        query = from_formula_string(formula, values)
        if len(query.free) != 1:
            raise UnsupportedError(f"{place}: {len(query.free)} answer variables, not one")
        (variable,) = query.free
        answers = [[entity for (entity,) in part[variable.name]] for part in (easy, hard)]
    except KgreasonError as error:
        raise DataError(f"{place}: {error.message}", remedy=error.remedy or COPY_AGAIN) from error
    except (TypeError, ValueError, KeyError, AttributeError) as error:
        raise DataError(
            f"{place}: not [ids, easy answers, hard answers] ({type(error).__name__}: {error})",
            remedy='a question looks like [{"r1": 3, "s1": 7}, {"f1": [[2]]}, {"f1": [[5]]}]',
        ) from error
    return BenchmarkQuestion(
        query, ascending(answers[0], place), ascending(answers[1], place), (formula, values)
    )
