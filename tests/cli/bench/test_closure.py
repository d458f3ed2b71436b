"""`kgreason bench closure`."""

from __future__ import annotations

from pathlib import Path

import polars as pl

from tests.cli.conftest import Run


def test_a_table_mined_written_and_given(run: Run, tmp_path: Path) -> None:
    rows = [
        {"src": [0, 1], "dst": [1, 2], "rel": ["son", "brother"], "label": "son", "k": 2, "b": 1},
        {"src": [0, 1], "dst": [1, 2], "rel": ["wife", "son"], "label": "son", "k": 2, "b": 1},
    ]
    more = [
        {"src": [0, 1, 2], "dst": [1, 2, 3], "rel": ["wife", "son", "brother"], "label": "son"}
        | {"k": 3, "b": 1}
    ]
    train, test = tmp_path / "train.parquet", tmp_path / "test.parquet"
    pl.DataFrame([one | {"head": 0, "tail": 2} for one in rows]).write_parquet(train)
    pl.DataFrame([one | {"head": 0, "tail": 3} for one in more]).write_parquet(test)
    mined = run("bench", "closure", train, test, "--mine", train, "-o", tmp_path / "table.txt")
    assert mined.code == 0, mined.err
    assert "3 relations, 2 cells" in mined.err
    assert [line.split() for line in mined.out.splitlines()][-2:] == [
        ["3", "1", "1", "100.00%", "0", "0"],
        ["all", "1", "100.00%", "0", "0"],
    ]
    given = run("bench", "closure", train, test, "--table", tmp_path / "table.txt")
    assert given.out == mined.out


def test_mistakes(run: Run, tmp_path: Path) -> None:
    assert run("bench", "closure", tmp_path / "x.parquet").code == 2
    assert run("bench", "closure", tmp_path / "x", "--table", tmp_path / "absent").code == 1
