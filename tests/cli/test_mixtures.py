"""Several models on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import tiny
from tests.cli.conftest import Run

QUESTION = "?y : nationality(p7, y)"


@pytest.fixture
def models(run: Run, tmp_path: Path) -> tuple[Path, Path, Path]:
    """A graph with splits, a checkpoint, and rules."""
    folder = tmp_path / "graph"
    folder.mkdir()
    born = [f"p{i}\tbornIn\tc{i % 3}" for i in range(9)]
    cities = [f"c{i}\tcityIn\tn{i % 2}" for i in range(3)]
    nation = [f"p{i}\tnationality\tn{i % 3 % 2}" for i in range(9)]
    (folder / "train.txt").write_text("\n".join(born + cities + nation[:7]) + "\n")
    (folder / "valid.txt").write_text(nation[7] + "\n")
    (folder / "test.txt").write_text(nation[8] + "\n")
    model, rules = tmp_path / "m.safetensors", tmp_path / "rules.txt"
    small = ("--dimension", "4", "--epochs", "2", "--seed", "1")
    assert run("train", folder, "-o", model, "--model", "complex", *small).code == 0
    mine = ("rules", "mine", "--exhaustive", "--support", "1", "--length", "2")
    assert run(*mine, "-g", folder, "-o", rules).code == 0
    return folder, model, rules


def test_repeated_models_are_mixed(run: Run, models: tuple[Path, Path, Path]) -> None:
    graph, model, rules = models
    ran = run("query", "-g", graph, "-m", model, "-m", rules, "-q", QUESTION)
    assert ran.code == 0, ran.err
    assert "learned from 2 held-out links of valid" in ran.err
    assert ran.out.splitlines()[1].strip().startswith("<n1>")
    plan = run("explain", "-g", graph, "-m", model, "-m", rules, "-q", QUESTION, "--plan")
    assert "ComplEx" in plan.out
    assert "rules (noisy-or" in plan.out


def test_a_mixture_is_kept_in_a_file(run: Run, models: tuple[Path, Path, Path]) -> None:
    graph, model, rules = models
    mix = model.with_name("mix.json")
    ran = run("model", "mix", model, rules, "-g", graph, "-o", mix)
    assert ran.code == 0, ran.err
    assert "from 2 held-out links" in ran.err
    asked = run("query", "-g", graph, "-m", mix, "-q", QUESTION)
    both = run("query", "-g", graph, "-m", model, "-m", rules, "-q", QUESTION)
    assert asked.out == both.out


def test_mistakes(run: Run, models: tuple[Path, Path, Path]) -> None:
    graph, model, rules = models
    mix = model.with_name("mix.json")
    assert run("model", "mix", model, "-g", graph, "-o", mix).code == 2
    assert run("model", "mix", model, rules, "-g", graph, "-o", model.with_name("mix")).code == 2
    made = ("model", "mix", model, rules, "-g", graph, "-o", mix)
    assert run(*made, "--validation", "train").code == 2
    assert run(*made, "--validation", "test").code == 2
    suite = tiny.write_betae(model.with_name("tiny-betae"))
    twice = run("bench", "run", suite, "-m", model, "-m", rules, "-o", model.with_name("r.jsonl"))
    assert twice.code == 2
    assert "kgreason model mix" in twice.err
