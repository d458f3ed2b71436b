from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kgreason.bench.relational.paths import evaluate_relational, read_relational
from kgreason.errors import CheckpointError, DataError
from kgreason.predictors.gnn.epignn.checkpoint import TrainedEpiGNN, one_slope
from kgreason.predictors.gnn.epignn.model import Design, EpiGNN

COLUMNS: dict[str, list[Any]] = {
    "src": [[0, 1], [0], [0, 1, 2]],
    "dst": [[1, 2], [1], [1, 2, 3]],
    "rel": [["r", "s"], ["s"], ["r", "r", "s"]],
    "head": [0, 0, 0],
    "tail": [2, 1, 3],
    "label": ["t", "s", "s"],
    "k": [2, 1, 3],
}


def written(folder: Path, **changes: list[Any] | None) -> Path:
    columns = {name: value for name, value in {**COLUMNS, **changes}.items() if value is not None}
    path = folder / "suite.parquet"
    pl.DataFrame(columns, strict=False).write_parquet(path)
    return path


def trained(*names: str) -> TrainedEpiGNN:
    """A model that takes every pair for the relation that its last edge is."""
    model = EpiGNN(Design(16, 4), len(names)).requires_grad_(requires_grad=False)
    return TrainedEpiGNN(model, names, True, None, one_slope(len(names), 1.0))


def test_a_suite_is_read_and_bound(tmp_path: Path) -> None:
    suite = read_relational(written(tmp_path), "test")
    assert suite.relations() == ("r", "s", "t")
    assert suite.cells == ((2, None), (1, None), (3, None))
    assert suite.bound(("t", "s", "r"))[0] == (([(0, 2, 1), (1, 1, 2)], 0, 2), 0)


def test_one_split_of_several_is_taken(tmp_path: Path) -> None:
    path = written(tmp_path, split=["train", "test", "train"])
    assert read_relational(path, "test").labels == ("s",)
    assert len(read_relational(path, "train").labels) == 2
    assert len(read_relational(written(tmp_path, split=["train"] * 3), "test").labels) == 3
    with pytest.raises(DataError, match="no rows"):
        read_relational(written(tmp_path, split=["train", "valid", "train"]), "test")


def test_accuracy_by_cell(tmp_path: Path) -> None:
    suite = read_relational(written(tmp_path), "test")
    table = evaluate_relational(trained("r", "s", "t"), suite)
    assert [row[0] for row in table.rows] == [1, 2, 3, "all"]
    assert [row[-1] for row in table.rows] == [1, 1, 1, 3]
    assert table.rows[0][2] == 100
    assert table.notes == ()


def test_too_few_rounds_are_told(tmp_path: Path) -> None:
    suite = read_relational(written(tmp_path), "test")
    (note,) = evaluate_relational(trained("r", "s", "t"), suite, rounds=2).notes
    assert note.startswith("2 rounds are too few for 1 of 3 graphs, which need up to 3")


def test_an_unknown_relation_is_named_with_its_row(tmp_path: Path) -> None:
    suite = read_relational(written(tmp_path, label=["t", "sss", "s"]), "test")
    with pytest.raises(DataError, match=r"suite, row 1: .* 'sss'") as caught:
        evaluate_relational(trained("r", "s", "t"), suite)
    assert "r, s, t" in str(caught.value)


def test_a_model_of_a_knowledge_graph_is_refused(tmp_path: Path) -> None:
    suite = read_relational(written(tmp_path), "test")
    model = EpiGNN(Design(16, 4), 2)
    other = TrainedEpiGNN(model, ("r",), False, 3, one_slope(2, 1.0))
    with pytest.raises(CheckpointError, match="trained on a knowledge graph"):
        evaluate_relational(other, suite)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"label": None}, "no column 'label'"),
        ({"dst": [[1], [1], [1, 2, 3]]}, "row 0: src, dst and rel are not of equal length"),
        ({"head": [0, None, 0]}, "row 1: a value is missing"),
        ({"rel": [["r", "s"], [None], ["r", "r", "s"]]}, "row 1: a value is missing"),
        ({"tail": [2, 1, -1]}, "row 2: a negative node"),
        ({"src": [[0, 1], [-1], [0, 1, 2]]}, "row 1: a negative node"),
        ({"src": ["a", "b", "c"]}, "the column 'src' holds String, not List"),
    ],
)
def test_damaged_tables_are_refused(
    changes: dict[str, list[Any] | None], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        read_relational(written(tmp_path, **changes), "test")
    assert caught.value.remedy


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    (tmp_path / "x.parquet").write_text("no")
    for name in ("x.parquet", "none.parquet"):
        with pytest.raises(DataError, match="cannot be read"):
            read_relational(tmp_path / name, "test")


@pytest.mark.data
def test_the_published_suites_are_read(data: Path) -> None:
    suite = read_relational(data / "epignn" / "clutrr" / "test_db9b8f04.parquet", "test")
    assert len(suite.labels) == 647
    assert {k for k, _ in suite.cells} == {2, 3, 4, 5, 6, 8}
