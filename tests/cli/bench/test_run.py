"""`kgreason bench run` and `kgreason bench report`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kgreason.cli.common.options import METHOD_NAMES
from kgreason.methods.methods import METHODS
from tests.bench.random_suite import write_suite, write_weights
from tests.cli.conftest import Run


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    return write_suite(tmp_path / "FB15k-237-small", per_type=2)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    return write_weights(tmp_path / "model.safetensors")


def test_a_run_its_table_and_a_report(run: Run, suite: Path, model: Path, tmp_path: Path) -> None:
    output = tmp_path / "fit.jsonl"
    command = ("bench", "run", suite, "-m", model, "--types", "1p,2p,2in", "-o", output)
    ran = run(*command, "--method", "fit")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[0] == "FB15k-237-small"
    assert lines[1].split() == ["type", "MRR", "Hits@1", "Hits@3", "Hits@10", "asked"]
    assert [line.split()[0] for line in lines[2:7]] == ["1p", "2p", "2in", "AVG_P", "AVG_N"]
    assert run(*command, "--method", "fit").out == ran.out
    other = tmp_path / "beam.jsonl"
    beam = run(*command[:-1], other, "--method", "cqd-beam", "--frontier", "2", "--format", "json")
    assert "the 2 truest candidates" in json.dumps(json.loads(beam.out))
    report = run("bench", "report", output, other, "--format", "markdown")
    assert report.code == 0, report.err
    assert "| fit (fit) |" in report.out
    assert "| QTO† | 49.00 | 21.40 | 16.80 |" in report.out
    assert "| beam (cqd-beam), mean of types |" in report.out


def test_everything_of_a_method_can_be_changed(
    run: Run, suite: Path, model: Path, tmp_path: Path
) -> None:
    options = "--method exact --logic godel --semantics dnf --calibration mass --frontier all "
    options += "--observed-truth 0.9 --observed all --ties pessimistic --dtype float64 --batch 3"
    output = tmp_path / "run.jsonl"
    ran = run(*("bench", "run", suite, "-m", model, "--limit", "1", "-o", output), *options.split())
    assert ran.code == 0, ran.err
    header = json.loads(output.read_text().splitlines()[0])
    method = header["method"]
    assert (method["logic"], method["semantics"], method["observed_truth"]) == ("godel", "dnf", 0.9)
    assert (header["observed"], header["ties"]) == (["train", "valid", "test"], "pessimistic")
    assert header["dtype"] == "float64"


@pytest.mark.parametrize("name", ["nsmp", "nsmp-unpruned"])
def test_message_passing(run: Run, suite: Path, model: Path, tmp_path: Path, name: str) -> None:
    ran = run("bench", "run", suite, "-m", model, "--method", name, "-o", tmp_path / "run.jsonl")
    assert ran.code == 0, ran.err
    assert f"method {name}: message passing over the disjunctive normal form, α 100" in ran.out
    assert ("silent" in ran.out) == (name == "nsmp")


def test_the_help_names_every_method() -> None:
    assert tuple(METHODS) == METHOD_NAMES


def test_a_labelled_suite_is_summed_up_by_missing_links(
    run: Run, suite: Path, model: Path, tmp_path: Path
) -> None:
    sampled = tmp_path / "sampled.parquet"
    made = run(*("bench", "sample", suite, "-o", sampled, "--types", "1p,2p", "--per-type", "3"))
    assert made.code == 0, made.err
    command = ("bench", "run", sampled, "-m", model, "--threshold", "0.3", "--seed", "5")
    ran = run(*command, "-o", tmp_path / "run.jsonl")
    assert ran.code == 0, ran.err
    assert "MRR × 100 by missing links" in ran.out
    assert "answers from a truth of 0.3 on" in ran.out
    assert "(seed 5)" in ran.out
    assert "0 of them below an entity that is not" in ran.out
    report = run("bench", "report", tmp_path / "run.jsonl", "--format", "csv")
    assert report.code == 0, report.err
    assert "by missing links" in report.out
    assert "calibration error" in report.out


def test_facts_need_no_model(run: Run, suite: Path, tmp_path: Path) -> None:
    ran = run("bench", "run", suite, "--method", "facts", "-o", tmp_path / "r", "--format", "csv")
    assert ran.code == 0, ran.err
    assert ran.out.startswith("table,type,MRR,")


@pytest.mark.parametrize(
    "options",
    [
        "--method luck",
        "--method exact",
        "--method facts --format html",
        "--method facts --types 9z",
        "--method facts --semantics cnf",
        "--method nsmp --frontier 8",
        "--method nsmp --calibration mass",
        "--method facts --logic none",
        "--method facts --frontier 0",
        "--method facts --ties luck",
        "--method facts --threshold 0",
        "--method facts --threshold 1.5",
        "--method facts --observed future",
    ],
)
def test_mistakes(run: Run, suite: Path, tmp_path: Path, options: str) -> None:
    ran = run("bench", "run", suite, "-o", tmp_path / "run.jsonl", *options.split())
    assert ran.code == 2, ran.err
    assert ran.err.startswith("error: ")


def test_mistakes_in_a_report(run: Run, suite: Path, tmp_path: Path) -> None:
    assert run("bench", "report", tmp_path / "absent.jsonl").code == 2
    assert run("bench", "run", suite, "--method", "facts", "-o", tmp_path / "r.jsonl").code == 0
    assert run("bench", "report", tmp_path / "r.jsonl", "--metric", "AUC").code == 2
    assert run("bench", "report", tmp_path / "r.jsonl", "--format", "html").code == 2
    assert run("bench", "report", tmp_path / "r.jsonl", "--plot", tmp_path / "p.gif").code == 2
    assert run("bench", "report", suite / "test-queries.pkl").code == 1
