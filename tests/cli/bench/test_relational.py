from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.relational.test_paths import written
from tests.cli.conftest import Run


def test_training_then_measuring(run: Run, tmp_path: Path) -> None:
    suite, model = written(tmp_path), tmp_path / "m.safetensors"
    ran = run("bench", "relational", "--train", suite, "-o", model, "--epochs", "2", suite)
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[1].split() == ["k", "b", "accuracy", "rows"]
    assert "3 rows, 3 of them distinct" in ran.err
    again = run("bench", "relational", "-m", model, suite)
    assert again.out == ran.out
    few = run("bench", "relational", "-m", model, suite, "--rounds", "1", "--format", "csv")
    assert "1 rounds are too few for 2 of 3 graphs" in few.err
    assert "any with its relations: r, s, t" in run("model", "show", model).out


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["{suite}"], "either a model"),
        (["-m", "m", "--train", "{suite}"], "either a model"),
        (["-m", "m"], "no file"),
        (["--train", "{suite}"], "nowhere to go"),
        (["--train", "{suite}", "-o", "m", "--settings", "x"], "no setting 'x'"),
        (["-m", "m", "{suite}", "--format", "x"], "no format"),
        (["--train", "{suite}", "-o", "{folder}"], "cannot write"),
    ],
)
def test_usage(run: Run, tmp_path: Path, arguments: list[str], said: str) -> None:
    places = {"suite": written(tmp_path), "folder": tmp_path}
    ran = run("bench", "relational", *(part.format(**places) for part in arguments))
    assert ran.code == 2
    assert said in ran.err
