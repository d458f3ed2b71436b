"""Question sets on disk: BetaE's folders, FIT's EFO1 folders, and files of our own."""

from __future__ import annotations

from pathlib import Path

from kgreason.bench.betae import is_betae_suite, read_betae_questions
from kgreason.bench.efo1 import is_efo1_suite, read_efo1_questions
from kgreason.bench.parquet import is_parquet_suite, read_parquet_suite
from kgreason.bench.questions import Suite
from kgreason.errors import DataError


def read_suite(path: str | Path, graph: str | Path | None = None) -> Suite:
    """Read the test questions of a folder in the BetaE or the EFO1 layout, or of our own file.

    BetaE: a type's questions are ordered by Python's `repr` of their nested tuples; unions have the
    short names `2u`, `up`, their De Morgan forms `2u-DM`, `up-DM`. EFO1: in the order of the files.
    graph: folder of the knowledge graph; by default the folder itself, or for `NAME-EFO1` its
    sibling `NAME-betae`. Our own: a Parquet file or the folder that holds it, which say what graph
    they ask.

    Errors:
        DataError: not such a folder, or a file in it is missing or damaged.
    """
    folder = Path(path)
    if is_parquet_suite(folder):
        return read_parquet_suite(folder, graph)
    if is_betae_suite(folder):
        return Suite(folder.name, Path(graph or folder), read_betae_questions(folder))
    if is_efo1_suite(folder):
        home = Path(graph) if graph is not None else _sibling(folder)
        return Suite(folder.name, home, read_efo1_questions(folder))
    raise DataError(
        f"{path}: not a folder of benchmark questions",
        remedy="it needs test-queries.pkl (the BetaE layout), test_type00NN_real_EFO1_qaa.json or "
        "questions.parquet",
    )


def _sibling(folder: Path) -> Path:
    """`…/NAME-EFO1` -> `…/NAME-betae`."""
    name = folder.resolve().name
    found = folder.resolve().parent / f"{name.removesuffix('-EFO1')}-betae"
    if not name.endswith("-EFO1") or not found.is_dir():
        raise DataError(
            f"{folder}: there is no knowledge graph beside it at {found}",
            remedy="say which folder holds the graph that these questions ask",
        )
    return found
