"""The `+H` benchmarks of "Is Complex Query Answering Really Complex?" (Gregucci et al., ICML 2025).

Release benchs-1.0: BetaE's files, with 4p and 4i besides, and recomputed answers of every type in
`test-query-reduction/TYPE/all/`.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np

from kgreason.bench.suites.betae import is_betae_suite, read_answers, read_betae_questions
from kgreason.bench.suites.questions import COPY_AGAIN, BenchmarkQuestion
from kgreason.errors import DataError
from kgreason.syntax.benchmark import BETAE_TYPES, Structure

PLUS_H_TYPES: dict[Structure, str] = {
    **BETAE_TYPES,
    ("e", ("r", "r", "r", "r")): "4p",
    (("e", ("r",)),) * 4: "4i",
}
"""The published name of every structure."""

CORRECTED = ("2in", "pni")
"""Types whose easy answers at the root of FB15k-237+H and NELL995+H are wrong.

All 18,000 questions, 149,691 answers that are none; QTO's 2in falls from 16.11 to 10.59 MRR with
the recomputed ones (dice-embeddings, benchmarks/cqa/PROTOCOL.md).
"""

_REDUCTION = "test-query-reduction"
_WRONG_AT_THE_ROOT = ("FB15k-237+H", "NELL995+H")


def is_plus_h_suite(folder: Path) -> bool:
    """Whether a folder holds test questions in the +H layout."""
    marked = folder.resolve().name.endswith("+H") or (folder / _REDUCTION).is_dir()
    return is_betae_suite(folder) and marked


def read_plus_h_questions(folder: Path) -> dict[str, tuple[BenchmarkQuestion, ...]]:
    """Questions by type as in BetaE's layout; easy answers of 2in and pni from the recomputed ones.

    Errors:
        DataError: as BetaE's; or a graph whose root files are wrong lacks the recomputed answers.
    """
    found = read_betae_questions(folder, PLUS_H_TYPES)
    for name in CORRECTED:
        path = folder / _REDUCTION / name / "all" / "test-easy-answers.pkl"
        if name in found and path.is_file():
            found[name] = _with_easy(path, found[name])
        elif name in found and folder.resolve().name in _WRONG_AT_THE_ROOT:
            raise DataError(
                f"{path}: no such file, and the easy answers of {name} beside test-queries.pkl "
                "are wrong",
                remedy="unpack test-query-reduction of the release too",
            )
    return found


def _with_easy(
    path: Path, questions: tuple[BenchmarkQuestion, ...]
) -> tuple[BenchmarkQuestion, ...]:
    """The questions with the easy answers of another file; every hard answer stays hard."""
    recomputed = read_answers(path, [question.key for question in questions])
    corrected = []
    for question, easy in zip(questions, recomputed, strict=True):
        if np.isin(question.hard, easy).any():
            raise DataError(
                f"{path}, {question.key!r}: a hard answer is among the easy ones", remedy=COPY_AGAIN
            )
        corrected.append(replace(question, easy=easy))
    return tuple(corrected)
