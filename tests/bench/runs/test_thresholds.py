from __future__ import annotations

from pathlib import Path

import pytest

from kgreason.bench.runs.by_missing_links import by_links, links_side_by_side, links_table
from kgreason.bench.runs.records import Counts, Header, Record, Run
from kgreason.bench.runs.thresholds import (
    calibration_error,
    crisp,
    entailment,
    threshold_tables,
    total,
    truths_side_by_side,
)

SUITE: Header = {"name": "s", "family": "BetaE", "types": {"1p": 2, "2p": 1}}
HEADER: Header = {"method": {"name": "m"}, "threshold": 0.5, "seed": 7, "suites": [SUITE]}


def _record(
    kind: str,
    index: int,
    ranks: list[float],
    missing: list[int] | None = None,
    counts: Counts | None = None,
) -> Record:
    figures = {"MRR": 1.0, "Hits@1": 1.0, "Hits@3": 1.0, "Hits@10": 1.0}
    return Record("s", kind, index, "?", figures, ranks, 0.1, missing, counts or {})


def _run(*records: Record, name: str = "run") -> Run:
    return Run(Path(f"{name}.jsonl"), HEADER, records)


def _row(*cells: object) -> tuple[object, ...]:
    return cells


FIRST: Counts = {"bin 0": [2, 0, 0.1], "bin 9": [2, 1, 1.9], "taken": [1, 4, 2]}
SECOND: Counts = {"bin 9": [2, 2, 1.9], "taken": [2, 2, 6], "entailed": [3, 1]}


def test_counts_add_up() -> None:
    totals = total([_record("1p", 0, [1.0], None, FIRST), _record("1p", 1, [1.0], None, SECOND)])
    assert totals["bin 9"] == [4, 3, pytest.approx(3.8)]
    assert totals["taken"] == [3, 6, 8]
    assert list(crisp(totals)) == pytest.approx([3 / 6, 3 / 8, 2 * 0.5 * 0.375 / 0.875])
    # Bins of 2 and 4: |0 − 0.05| and |0.75 − 0.95|.
    assert calibration_error(totals) == pytest.approx((2 * 0.05 + 4 * 0.2) / 6)
    (line,) = entailment(totals)
    assert "3 answers" in line
    assert "1 of them below" in line


def test_nothing_taken_has_no_precision() -> None:
    assert crisp({"taken": [0, 0, 3]}) == (None, 0.0, 0.0)
    assert calibration_error({}) is None
    assert entailment({}) == []


def test_tables_of_truths() -> None:
    run = _run(_record("1p", 0, [1.0], None, FIRST), _record("2p", 0, [1.0], None, SECOND))
    taken, bins = threshold_tables(run, SUITE)
    assert [row[0] for row in taken.rows] == ["1p", "2p", "all"]
    assert taken.rows[0] == _row("1p", 25.0, 50.0, pytest.approx(100 / 3), 4, 2)
    assert bins.rows[0] == _row("0.0 to 0.1", pytest.approx(5.0), 0.0, 2)
    assert "seed 7" in " ".join(bins.notes)
    beside = truths_side_by_side([run, _run(_record("1p", 0, [1.0]))], "s")
    assert beside is not None
    assert [row[0] for row in beside.rows] == ["run (m)"]
    assert beside.rows[0][-2:] == (1, None)


def test_a_run_without_truths_has_no_such_tables() -> None:
    run = _run(_record("1p", 0, [1.0]))
    assert threshold_tables(run, SUITE) == []
    assert truths_side_by_side([run], "s") is None
    assert links_table(run, SUITE) is None
    assert links_side_by_side([run], SUITE, "MRR") is None


def test_figures_by_missing_links() -> None:
    records = [
        _record("1p", 0, [1.0, 2.0, 4.0], [1, 1, 2]),
        _record("1p", 1, [5.0], [1]),
        _record("2p", 0, [10.0], [2]),
    ]
    assert by_links(records[:2], "MRR") == {1: [0.75, 0.2], 2: [0.25]}
    table = links_table(_run(*records), SUITE)
    assert table is not None
    assert table.head == ("type", "1", "2")
    assert table.rows[0] == _row("1p", pytest.approx(47.5), 25.0)
    assert table.rows[1] == _row("2p", None, 10.0)
    assert table.rows[2] == _row("mean of types", pytest.approx(47.5), pytest.approx(17.5))
    assert table.rows[3] == _row("questions", 2, 2)


def test_runs_by_missing_links_are_compared_over_the_types_of_all() -> None:
    both = _run(_record("1p", 0, [2.0], [1]), _record("2p", 0, [4.0], [1]))
    one = _run(_record("1p", 0, [1.0], [1]), name="other")
    table = links_side_by_side([both, one], SUITE, "MRR")
    assert table is not None
    assert table.rows == (("run (m)", 50.0), ("other (m)", 100.0))
    assert table.notes == ("1: mean over 1p",)
