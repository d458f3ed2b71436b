from __future__ import annotations

import csv
import io
import json
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from kgreason.bench.runs.averages import FAMILIES, averages, family_of, in_order
from kgreason.bench.runs.compare import compare, paired_bootstrap
from kgreason.bench.runs.plot import plot_runs
from kgreason.bench.runs.published import published_for, published_rows
from kgreason.bench.runs.records import Record, Run
from kgreason.bench.runs.summary import summarize
from kgreason.bench.tables import FORMATS, Table, render
from kgreason.errors import UsageError


def made(name: str, figures: dict[str, list[float]], suite: str = "FB15k-237-betae") -> Run:
    """A run with these reciprocal ranks."""
    records = tuple(
        Record(suite, kind, i, "?", dict.fromkeys(("MRR", "Hits@1", "Hits@3", "Hits@10"), x), [], 1)
        for kind, values in figures.items()
        for i, x in enumerate(values)
    )
    method = {"name": "exact", "logic": "product", "semantics": "text", "executor": "reasoner"}
    method |= {"observed_truth": 1.0, "frontier": None, "scores": True, "specials": []}  # type: ignore[dict-item]
    one = {"name": suite, "family": family_of(figures), "graph": suite, "calibration": "mass"}
    one |= {"sha256": "0" * 64, "facts_sha256": "1" * 64}
    header = {
        "version": "0",
        "method": method,
        "model": None,
        "observed": ["train"],
        "ties": "expected",
        "dtype": "float32",
        "device": "cpu",
        "suites": [one | {"types": {kind: len(values) for kind, values in figures.items()}}],
    }
    return Run(Path(f"{name}.jsonl"), header, records)


def test_averages_are_over_the_types_that_are_there() -> None:
    found = averages("BetaE", {"1p": 10.0, "2p": 20.0, "2in": 5.0, "other": 99.0})
    assert found == {"AVG_P": (15.0, ["1p", "2p"]), "AVG_N": (5.0, ["2in"])}
    assert family_of(("1p", "pni")) == "BetaE"
    assert family_of(("pni", "2il")) == "EFO1"
    assert family_of(("1p", "pni", "pni-efo1", "2il")) == family_of(("1p", "2il")) == "sampled"
    assert in_order("BetaE", ["2u-DM", "2in", "1p"]) == ["1p", "2in", "2u-DM"]


def test_a_summary_names_the_calibrations_of_the_graph_that_was_asked() -> None:
    run = made("a", {"1p": [0.5]}, "NELL-betae")
    run.header["method"]["specials"] = [
        {"calibration": "sigmoid", "graph": "NELL", "negated": True},
        {"calibration": "min-max", "graph": "FB15k", "direct": True},
        {"calibration": "missing-tails", "graph": "NELL", "negated": True},
        {"calibration": "mass", "graph": "NELL"},
        {"calibration": "min-max", "direct": True},
    ]
    (table,) = summarize(run)
    (told,) = (note for note in table.notes if note.startswith("method "))
    assert "calibration mass, with negation sigmoid, all candidates" in told


def test_a_summary_has_types_averages_and_the_protocol() -> None:
    (table,) = summarize(made("a", {"2in": [0.1], "1p": [0.5, 0.25]}))
    assert [row[0] for row in table.rows] == ["1p", "2in", "AVG_P", "AVG_N"]
    assert table.rows[0][1:] == (37.5, 37.5, 37.5, 37.5, 2)
    assert table.notes[0].startswith("AVG_P over 1p (of its 9 types; not asked: 2p, ")
    notes = "\n".join(table.notes)
    for part in (
        "ties expected",
        "logic product",
        "semantics text",
        "observed train",
        "sha256:",
        "3 questions in 3.0 s",
    ):
        assert part in notes
    unfinished = made("a", {"1p": [0.5, 0.25]})
    (table,) = summarize(replace(unfinished, records=unfinished.records[:1]))
    assert table.notes[0] == "unfinished: 1 questions are still to be asked"


def test_formats() -> None:
    tables = [Table("t", ("", "a_b"), (("x|y†", 1.23456), ("z", None)), ("note",))]
    assert render(tables, "table").splitlines() == [
        "t",
        "       a_b",
        "x|y†  1.23",
        "z        –",
        "note",
    ]
    assert "| x\\|y† | 1.23 |" in render(tables, "markdown")
    rows = list(csv.reader(io.StringIO(render(tables, "csv"))))
    assert rows == [["table", "", "a_b"], ["t", "x|y†", "1.23456"], ["t", "z", ""]]
    assert r"x|y\dag{} & 1.23 \\" in render(tables, "latex")
    assert r" & a\_b \\" in render(tables, "latex")
    assert json.loads(render(tables, "json"))[0]["rows"][0] == {"": "x|y†", "a_b": 1.23456}
    with pytest.raises(UsageError, match="known: table"):
        render(tables, "html")


def test_published_rows_are_whole() -> None:
    rows = published_rows()
    assert len({(row.method, row.graph, row.family) for row in rows}) == len(rows) > 40
    for row in rows:
        over = FAMILIES[row.family]
        assert set(row.figures) <= {*over, *(kind for kinds in over.values() for kind in kinds)}
        assert row.sources
        for name, kinds in over.items():
            present = [row.figures[kind] for kind in kinds if kind in row.figures]
            if name in row.figures and len(present) > 3:
                # Rounded figures, and averages of unrounded ones.
                assert np.mean(present) == pytest.approx(row.figures[name], abs=0.11), row
    assert {row.method for row in published_for("FB15k-237-betae", "BetaE")} > {"QTO", "FIT"}
    assert published_for("NELL-betae", "EFO1")[-1].figures == {"AVG": 30.2}
    assert published_for("FB15k-betae", "BetaE")[0].figures["1p"] == 65.1
    assert not published_for("umls", "BetaE")


def test_the_bootstrap_is_seeded_paired_and_right() -> None:
    random = np.random.default_rng(5)
    noise = random.normal(0, 0.3, 400)
    first = {"1p": dict(enumerate(noise)), "2p": {0: 1.0}}
    second = {"1p": dict(enumerate(noise + random.normal(0.05, 0.1, 400))), "3p": {0: 1.0}}
    found = paired_bootstrap(first, second)
    assert found == paired_bootstrap(first, second)
    assert found.low < found.difference < found.high
    # The standard error of a mean of 400 with deviation 0.1, times 100 and 2 · 1.96.
    assert found.high - found.low == pytest.approx(1.96, abs=0.15)
    assert found.low > 0
    assert found.questions == 400
    same = paired_bootstrap(first, first, resamples=10)
    assert (same.low, same.difference, same.high) == (0, 0, 0)
    with pytest.raises(UsageError, match="no question in common"):
        paired_bootstrap({"1p": {0: 1.0}}, {"1p": {1: 1.0}})


def test_runs_beside_one_another_and_beside_papers() -> None:
    runs = [made("a", {"1p": [0.5, 0.2]}), made("b", {"1p": [0.6, 0.4], "2in": [0.3]})]
    side, intervals = compare(runs)
    assert side.head == ("", "1p", "2in", "AVG_P")
    assert side.rows[0] == ("a (exact)", 35.0, None, 35.0)
    assert side.rows[1] == ("b (exact)", 50.0, 30.0, 50.0)
    # Over 1p alone, as the runs' is; a row that states nothing but an average has none.
    assert ("QTO†", 49.0, 16.8, 49.0) in side.rows
    assert ("NSMP†", None, None, None) in side.rows
    assert any("second-hand" in note for note in side.notes)
    assert intervals.rows[0][0] == "b (exact), 1p"
    assert intervals.rows[0][1] == pytest.approx(15.0)
    assert len(compare(runs, published=False)[0].rows) == 2
    assert len(compare(runs[:1])) == 1
    for form in FORMATS:
        assert "1p" in render([side, intervals], form)


def test_a_whole_average_stands_beside_the_stated_ones() -> None:
    figures = {kind: [0.5] for kinds in FAMILIES["BetaE"].values() for kind in kinds}
    (side,) = compare([made("a", figures)])
    rows = {str(row[0]): dict(zip(side.head, row, strict=True)) for row in side.rows}
    assert rows["a (exact)"]["AVG_N"] == 50.0
    assert (rows["QTO†"]["AVG_P"], rows["NSMP†"]["AVG_P"]) == (33.5, 25.7)
    # FIT's is over four types.
    assert (rows["FIT†"]["AVG_P"], rows["FIT†"]["AVG_N"]) == (27.4, None)


def test_an_unfinished_run_is_called_so() -> None:
    whole = made("a", {"1p": [0.5, 0.25]})
    (side,) = compare([replace(whole, records=whole.records[:1])], published=False)
    assert side.notes[-1] == "a (exact): unfinished, so far 1 questions a type"


def test_runs_over_other_questions_are_refused() -> None:
    other = made("b", {"1p": [0.5]})
    other.header["suites"][0]["sha256"] = "2" * 64
    with pytest.raises(UsageError, match="other questions"):
        compare([made("a", {"1p": [0.5]}), other])


def test_drawing_needs_matplotlib(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    monkeypatch.setitem(sys.modules, "matplotlib.backends.backend_agg", None)
    with pytest.raises(UsageError, match=r"kgreason\[plot\]"):
        plot_runs([made("a", {"1p": [0.5]})], tmp_path / "a.png")
    with pytest.raises(UsageError, match=r"\.png or \.svg"):
        plot_runs([made("a", {"1p": [0.5]})], tmp_path / "a.pdf")


@pytest.mark.parametrize("suffix", ["png", "svg"])
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_drawing(tmp_path: Path, suffix: str) -> None:
    pytest.importorskip("matplotlib")
    runs = [made("a", {"1p": [0.5, 0.2]}), made("b", {"1p": [0.6, 0.4], "2in": [0.3]})]
    plot_runs(runs, tmp_path / f"a.{suffix}")
    assert [file.name for file in tmp_path.iterdir()] == [f"a.{suffix}"]
    start = {"png": b"\x89PNG", "svg": b"<?xml"}[suffix]
    assert (tmp_path / f"a.{suffix}").read_bytes().startswith(start)
