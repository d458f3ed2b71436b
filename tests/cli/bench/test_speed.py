"""`kgreason bench speed`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from kgreason.bench.measurements import growth
from kgreason.cli.bench.growth import AXIS_NAMES
from tests.bench.random_suite import write_suite, write_weights
from tests.cli.conftest import Run


def test_speed_as_tables_and_as_json(run: Run, tmp_path: Path) -> None:
    suite = write_suite(tmp_path / "small", per_type=2)
    model = write_weights(tmp_path / "model.safetensors")
    command = ("bench", "speed", suite, "-m", model, "--types", "1p,2p", "--limit", "1")
    ran = run(*command, "--beams", "2", "--dense", "1", "--dense-values", "4")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[0] == "small"
    assert lines[1].split()[:3] == ["type", "way", "asked"]
    assert sum(line.startswith("2p ") for line in lines) == 6
    assert "small, all types" in lines
    ran = run(*command, "--beams", "none", "--dense", "0", "--batch", "2", "--format", "json")
    assert ran.code == 0, ran.err
    by_type, overall = json.loads(ran.out)
    assert [row["way"] for row in overall["rows"]] == [
        *("all truths", "proved ranks", "proved top 10 new")
    ]
    assert by_type["rows"][0]["rows mean"] == 1


def test_what_cannot_be_measured_is_told(run: Run, tmp_path: Path) -> None:
    suite = write_suite(tmp_path / "small", per_type=1)
    model = write_weights(tmp_path / "model.safetensors")
    command = ("bench", "speed", suite, "-m")
    for wrong, told in (
        ((model, "--format", "yaml"), "no format"),
        ((model, "--beams", "8,x"), "no list of beam sizes"),
        ((model, "--types", "9p"), "no question type"),
        ((tmp_path / "none",), "there is no model"),
        (("facts",), "no rows to score"),
    ):
        ran = run(*command, *wrong)
        assert ran.code == 2, ran.err
        assert told in ran.err


def test_growth_as_tables(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(growth, "AXES", {"entities": (100, 200)})
    ran = run("bench", "growth", "--axes", "entities", "--questions", "1")
    assert ran.code == 0, ran.err
    lines = ran.out.splitlines()
    assert lines[0] == "growth with entities"
    assert [line.split()[0] for line in lines[2:4]] == ["100", "200"]
    assert "∝ size^" in lines[4]


def test_what_cannot_grow_is_told(run: Run) -> None:
    for wrong, told in (
        (("--axes", "depth"), "no axis 'depth'"),
        (("--format", "yaml"), "no format"),
        (("--plot", "curves.txt"), "pictures are written"),
    ):
        ran = run("bench", "growth", *wrong)
        assert ran.code == 2, ran.err
        assert told in ran.err


def test_the_commands_name_every_axis() -> None:
    assert tuple(growth.AXES) == AXIS_NAMES
