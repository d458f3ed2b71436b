"""Question sets on disk, in the layouts they are published in and in files of our own."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kgreason.bench.suites.betae import is_betae_suite, read_betae_questions
from kgreason.bench.suites.efo1 import is_efo1_suite, read_efo1_questions
from kgreason.bench.suites.efok import is_efok_suite, read_efok_questions
from kgreason.bench.suites.parquet import is_parquet_suite, read_parquet_suite
from kgreason.bench.suites.plus_h import is_plus_h_suite, read_plus_h_questions
from kgreason.bench.suites.query2box import is_query2box_suite, read_query2box_questions
from kgreason.bench.suites.questions import BenchmarkQuestion, Suite
from kgreason.errors import DataError

Questions = dict[str, tuple[BenchmarkQuestion, ...]]

LAYOUTS: dict[str, tuple[Callable[[Path], bool], Callable[[Path], Questions]]] = {
    "plus-h": (is_plus_h_suite, read_plus_h_questions),
    "betae": (is_betae_suite, read_betae_questions),
    "efok": (is_efok_suite, read_efok_questions),
    "efo1": (is_efo1_suite, read_efo1_questions),
    "query2box": (is_query2box_suite, read_query2box_questions),
}
"""How a layout is told and read; the first that fits is taken."""

_GRAPHS = ("id2ent.pkl", "kgindex.json", "ind2ent.pkl")
"""A folder with one of these describes its knowledge graph itself."""


def read_suite(path: str | Path, graph: str | Path | None = None) -> Suite:
    """Read the test questions of a folder in one of the LAYOUTS, or of a Parquet suite.

    BetaE, +H, Query2box: a type's questions are ordered by Python's `repr` of their tuples; unions
    have the short names `2u`, `up`, their De Morgan forms `2u-DM`, `up-DM`. EFO1 and EFO_k: in the
    order of the files.
    graph: folder of the knowledge graph; by default the folder itself, or for `NAME-EFO1` without
    one its sibling `NAME-betae`. A Parquet file, or the folder that holds it, says what graph it
    asks.

    Errors:
        DataError: not such a folder, or a file in it is missing or damaged.
    """
    folder = Path(path)
    if is_parquet_suite(folder):
        return read_parquet_suite(folder, graph)
    for is_layout, read in LAYOUTS.values():
        if is_layout(folder):
            questions = read(folder)
            return Suite(folder.name, Path(graph) if graph else _home(folder), questions)
    raise DataError(
        f"{path}: not a folder of benchmark questions",
        remedy="it needs test-queries.pkl (BetaE, +H), test_type00NN_real_EFO1_qaa.json, "
        "test_typeNNNN_EFOX_qaa.json, test_ans_1c_hard.pkl (Query2box) or questions.parquet",
    )


def _home(folder: Path) -> Path:
    """The folder itself where it has a graph, else for `…/NAME-EFO1` the sibling `…/NAME-betae`."""
    if is_betae_suite(folder) or any((folder / name).is_file() for name in _GRAPHS):
        return folder
    name = folder.resolve().name
    stem = name.removesuffix("-final").removesuffix("-EFOX").removesuffix("-EFO1")
    found = folder.resolve().parent / f"{stem}-betae"
    if stem == name or not found.is_dir():
        raise DataError(
            f"{folder}: there is no knowledge graph beside it at {found}",
            remedy="say which folder holds the graph that these questions ask",
        )
    return found
