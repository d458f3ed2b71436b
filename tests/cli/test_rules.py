"""`kgreason rules`, and rules as a model."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run

LEAST = ("--support", "1", "--length", "2")
BY_PCA = ("--combine", "max", "--weight", "pca")


@pytest.fixture
def benchmark(tmp_path: Path) -> Path:
    folder = tmp_path / "graph"
    folder.mkdir()
    born = [f"p{i}\tbornIn\tc{i % 3}" for i in range(9)]
    cities = [f"c{i}\tcityIn\tn{i % 2}" for i in range(3)]
    nation = [f"p{i}\tnationality\tn{i % 3 % 2}" for i in range(9)]
    (folder / "train.txt").write_text("\n".join(born + cities + nation[:7]) + "\n")
    (folder / "valid.txt").write_text(nation[7] + "\n")
    (folder / "test.txt").write_text(nation[8] + "\n")
    return folder


@pytest.mark.parametrize("name", ["complex", "DistMult"])
def test_mined_shown_ranked_and_asked(run: Run, benchmark: Path, tmp_path: Path, name: str) -> None:
    model, rules = tmp_path / "m.safetensors", tmp_path / "rules.txt"
    small = ("--dimension", "4", "--epochs", "2", "--seed", "1")
    assert run("train", benchmark, "-o", model, "--model", name, *small).code == 0
    mined = run("rules", "mine", "-g", benchmark, "-m", model, "-o", rules, *LEAST, *BY_PCA)
    assert mined.code == 0, mined.err
    assert "rules about" in mined.err
    shown = run("rules", "show", rules, "-g", benchmark, "--relation", "nationality")
    assert "bornIn(a,b) & cityIn(b,c) => nationality(a,c)  # support 7" in shown.out
    ranked = run("rules", "eval", rules, "-g", benchmark)
    assert ranked.out.startswith("valid: MRR ")
    asked = run("query", "-g", benchmark, "-m", rules, "-q", "?y : nationality(p7, y)")
    assert asked.out.splitlines()[1].strip().startswith("<n1>\t0.999"), asked.out


def test_exhaustive_mining_needs_no_model(run: Run, benchmark: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.txt"
    mined = run("rules", "mine", "-g", benchmark, "--exhaustive", "-o", rules, *LEAST)
    assert mined.code == 0, mined.err
    assert "bornIn(a,b) & cityIn(b,c) => nationality(a,c)" in rules.read_text()


def test_mistakes(run: Run, benchmark: Path, tmp_path: Path) -> None:
    rules = tmp_path / "rules.txt"
    rules.write_text("bornin(a,b) => nationality(a,b)\n")
    shown = run("rules", "show", rules, "-g", benchmark)
    assert shown.code == 3
    assert "^^^^^^" in shown.err
    assert run("rules", "mine", "-g", benchmark, "-o", rules).code == 2
    exhaustive = ("rules", "mine", "-g", benchmark, "-o", rules, "--exhaustive")
    assert run(*exhaustive, "--combine", "mean").code == 2
    assert run(*exhaustive, "--length", "9").code == 2
    rules.write_text("bornIn(a,b) => nationality(a,b)\n")
    assert run("rules", "eval", rules, "-g", benchmark, "--split", "train").code == 2
    assert run("rules", "show", rules, "-g", benchmark, "--relation", "none").code == 2
    missing = run("query", "-g", benchmark, "-m", tmp_path / "no.txt", "-q", "?y: bornIn(p1, y)")
    assert missing.code == 2


def test_a_composition_table_becomes_rules(run: Run, tmp_path: Path) -> None:
    table, graph, rules = tmp_path / "table.txt", tmp_path / "graph.tsv", tmp_path / "rules.txt"
    table.write_text("relations: in beside over\nin in : in\nin beside : beside in\n")
    graph.write_text("a\tin\tb\nb\tin\tc\nb\tbeside\td\n")
    made = run("rules", "from-table", table, "-g", graph, "-o", rules)
    assert made.code == 0, made.err
    assert "3 rules from 2 cells" in made.err
    written = rules.read_text().splitlines()
    assert written[0].startswith("rules: 3 sha256 ")
    assert written[1:] == [
        "combine: max",
        "weight: confidence",
        "in(a,b) & in(b,c) => in(a,c)  # support 0 confidence 1 pca 1",
        "in(a,b) & beside(b,c) => in(a,c)  # support 0 confidence 0.5 pca 0.5",
        "in(a,b) & beside(b,c) => beside(a,c)  # support 0 confidence 0.5 pca 0.5",
        "end of rules",
    ]
    asked = run("query", "-g", graph, "-m", rules, "--new", "-q", "?y : in(a, y)")
    first, second = asked.out.splitlines()[1:]
    assert first.startswith("<c>\t0.99"), asked.out
    assert second.startswith("<d>\t0.5e0"), asked.out
    table.write_text("left left : left\nleft right : left\n")
    missing = run("rules", "from-table", table, "-g", graph, "-o", rules)
    assert missing.code == 1
    assert "relations are matched by name" in missing.err
