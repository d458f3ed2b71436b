from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from kgreason.bench.relational.inductive import (
    Ranks,
    inductive_table,
    rank_inductive,
    read_inductive,
    untrained,
)
from kgreason.errors import DataError
from kgreason.predictors.gnn.epignn.links import over
from tests.predictors.gnn.epignn.test_scorer import of_graph

ROWS = [
    ("train", "train", "a", "r", "b"),
    ("train", "train", "b", "s", "c"),
    ("train", "train", "a", "t", "c"),
    ("ind", "train", "x", "r", "y"),
    ("ind", "train", "y", "s", "z"),
    ("ind", "train", "u", "r", "v"),
    ("ind", "valid", "x", "t", "z"),
    ("ind", "test", "x", "s", "z"),
    ("ind", "test", "x", "s", "v"),
]


def written(folder: Path, rows: list[Any] = ROWS, changes: Any = None) -> Path:
    path = folder / "toy.parquet"
    frame = pl.DataFrame(rows, schema=["graph", "split", "h", "r", "t"], orient="row")
    frame.with_columns(**(changes or {})).write_parquet(path)
    return path


def test_links_of_the_new_graph_are_ranked(tmp_path: Path) -> None:
    splits = read_inductive(written(tmp_path))
    assert splits.asked == ("test",)
    trained = of_graph(splits.learned)
    ranks = rank_inductive(over(trained, splits.new, ("train",)), splits)
    # Five entities; the other answer of (x, s, ?) does not compete.
    assert ranks.negatives.tolist() == [3, 3, 3, 4]
    # Tails z and v, then heads x and x: no way leads to v, nor from v to x.
    assert ranks.reached.tolist() == [True, False, True, False]
    table = inductive_table(splits, {"m": ranks, "untrained": ranks})
    assert [row[0] for row in table.rows] == ["m", "untrained"]
    assert table.rows[0][-1] == 50.0
    again = rank_inductive(over(untrained(trained, 1), splits.new, ("train",)), splits)
    assert again.reached.tolist() == ranks.reached.tolist()


def test_valid_is_ranked_where_there_is_no_test(tmp_path: Path) -> None:
    kept = [row for row in ROWS if row[:2] != ("ind", "test")]
    assert read_inductive(written(tmp_path, kept)).asked == ("valid",)


def test_the_sampled_figure_is_an_expectation() -> None:
    ranks = Ranks(np.array([1.0, 3.0, 41.0]), np.array([100, 100, 100]), np.ones(3, dtype=np.bool_))
    random = np.random.default_rng(0)
    share = (ranks.ranks - 1) / 100
    drawn = random.binomial(50, share, size=(200_000, 3)) < 10
    assert ranks.sampled_hits() == pytest.approx(float(drawn.mean()), abs=2e-3)
    assert ranks.mrr == pytest.approx((1 + 1 / 3 + 1 / 41) / 3)
    assert ranks.hits(3) == pytest.approx(2 / 3)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"graph": pl.lit("train")}, "lacks facts to reason from"),
        ({"split": pl.lit("train")}, "or links to rank"),
        ({"h": pl.lit(None, dtype=pl.String)}, "a value is missing"),
    ],
)
def test_damaged_tables_are_refused(
    changes: dict[str, pl.Expr], message: str, tmp_path: Path
) -> None:
    with pytest.raises(DataError, match=message):
        read_inductive(written(tmp_path, changes=changes))


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    pl.DataFrame({"h": ["a"]}).write_parquet(tmp_path / "x.parquet")
    with pytest.raises(DataError, match="no column 'graph'"):
        read_inductive(tmp_path / "x.parquet")
    with pytest.raises(DataError, match="cannot be read"):
        read_inductive(tmp_path / "none.parquet")
