from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.bench.relational.test_inductive import written
from tests.cli.conftest import Run


def test_training_then_ranking(run: Run, tmp_path: Path) -> None:
    file, model = written(tmp_path), tmp_path / "m.safetensors"
    settings = ("--argument", "rounds=2", "--epochs", "2")
    ran = run("bench", "inductive", file, "-o", model, *settings, "--format", "json")
    assert ran.code == 0, ran.err
    (table,) = json.loads(ran.out)
    assert [row["model"] for row in table["rows"]] == ["m", "untrained"]
    again = run("bench", "inductive", file, "-m", model, "--format", "json")
    assert again.out == ran.out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "either a model"),
        (["-m", "m", "-o", "n"], "either a model"),
        (["-o", "{folder}/m", "--argument", "nonsense=1"], "no argument 'nonsense'"),
        (["-o", "{folder}/m", "--format", "x"], "no format"),
    ],
)
def test_usage(run: Run, tmp_path: Path, arguments: list[str], said: str) -> None:
    given = (part.format(folder=tmp_path) for part in arguments)
    ran = run("bench", "inductive", written(tmp_path), *given)
    assert ran.code == 2
    assert said in ran.err
