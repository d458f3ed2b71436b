"""`kgreason train` and `kgreason model`."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from kgreason.cli import train as train_module
from kgreason.cli.common.terminal import Terminal
from kgreason.knowledge import KnowledgeGraph
from kgreason.predictors.mixture.file import write_mixture
from kgreason.predictors.mixture.weights import Weights
from kgreason.training.state import state_path
from tests.cli.conftest import Run

SMALL = ("--dimension", "4", "--epochs", "3", "--seed", "1")


@pytest.fixture
def model(run: Run, friends: Path, tmp_path: Path) -> Path:
    path = tmp_path / "m.safetensors"
    ran = run("train", friends, "-o", path, "--model", "complex", *SMALL)
    assert (ran.code, ran.out) == (0, ""), ran.err
    assert "seed 1" in ran.err
    assert f"{path}: 3 epochs in " in ran.err
    return path


def test_a_trained_model_predicts(run: Run, friends: Path, model: Path) -> None:
    question = "?y : exists x . friend(alice, x) & likes(x, y)"
    facts = run("query", "-g", friends, "-q", question)
    assert facts.out == "?y\t?score\n"
    ran = run("query", "-g", friends, "-m", model, "-q", question, "--format", "table")
    assert ran.code == 0
    assert "predicted" in ran.out
    assert "ComplEx (rank 4" in ran.err
    plan = run("explain", "-g", friends, "-m", model, "-q", question, "--plan")
    assert "truths from ComplEx" in plan.out


def test_quiet_training_says_nothing(run: Run, friends: Path, tmp_path: Path) -> None:
    ran = run("train", friends, "-o", tmp_path / "q.safetensors", "--quiet", *SMALL)
    assert (ran.code, ran.out, ran.err) == (0, "", "")


def test_a_preset_and_a_line_per_epoch_where_no_bar_can_be_shown(
    run: Run, friends: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(train_module, "_SILENCE", -1.0)
    out = tmp_path / "p.safetensors"
    ran = run("train", friends, "-o", out, "--preset", "wn18rr", "--validation", "0.2", *SMALL)
    assert ran.code == 0, ran.err
    assert "preset wn18rr: Lacroix et al." in ran.err
    assert "epoch 2 of 3: loss " in ran.err
    assert ", valid MRR " in ran.err
    assert " facts/s, " in ran.err
    shown = dict(line.split("  ", 1) for line in run("model", "show", out).out.splitlines())
    assert shown["dimension"].strip() == "4"
    assert shown["training regularization"].strip() == "0.1"
    assert shown["training precision"].strip() in ("float32", "bfloat16")
    assert float(shown["validation mrr"]) > 0


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--preset", "freebase"], "fb15k-237, nell995, wn18rr"),
        (["--epochs", "0"], "epochs is 0"),
        (["--learning-rate", "-1"], "learning rate is -1"),
        (["--model", "NoSuchModel"], "NoSuchModel"),
        (["--argument", "what"], "NAME=VALUE"),
        (["--validation", "nope"], "nope"),
        (["--epochs", "many"], "--epochs"),
    ],
)
def test_settings_that_are_refused(
    run: Run, friends: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    ran = run("train", friends, "-o", tmp_path / "x.safetensors", *arguments)
    assert ran.code == 2
    assert said in ran.err
    assert not (tmp_path / "x.safetensors").exists()


def test_an_interrupted_run_says_how_to_go_on(
    run: Run, friends: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "x.safetensors"

    def interrupted(terminal: Terminal, graph: KnowledgeGraph, *_: object) -> None:
        state_path(out).write_bytes(b"")
        raise KeyboardInterrupt

    monkeypatch.setattr(train_module, "_train", interrupted)
    ran = run("train", friends, "-o", out)
    assert ran.code == 130
    assert "give the same command again to go on" in ran.err


def test_list_and_show(run: Run, model: Path) -> None:
    (model.parent / "broken.safetensors").write_bytes(b"no")
    ran = run("model", "list", model.parent)
    assert ran.out.splitlines() == [
        "file\tmodel\tdimension\tentities\trelations\tMRR",
        "m.safetensors\tcomplex\t4\t7\t3\t",
    ]
    assert "broken.safetensors is not a whole safetensors file" in ran.err
    shown = dict(line.split("  ", 1) for line in run("model", "show", model).out.splitlines())
    assert shown["model"].strip() == "complex"
    assert shown["training seed"].strip() == "1"


def test_an_empty_folder_and_none(run: Run, tmp_path: Path) -> None:
    ran = run("model", "list", tmp_path)
    assert (ran.code, ran.out) == (0, "")
    assert "no checkpoints" in ran.err
    assert run("model", "list", tmp_path / "nope").code == 2


@pytest.mark.parametrize("name", ["complex", "distmult"])
def test_weights_go_out_and_come_back(run: Run, friends: Path, tmp_path: Path, name: str) -> None:
    model = tmp_path / "m.safetensors"
    assert run("train", friends, "-o", model, "-m", name, *SMALL).code == 0
    weights, back = model.with_name("w.npz"), model.with_name("back.safetensors")
    assert run("model", "export", model, "-o", weights).code == 0
    ran = run("model", "import", weights, "-o", back, "-g", friends, "--model", name)
    assert ran.code == 0, ran.err
    assert f"{name} of dimension 4, 7 entities, 3 relations" in ran.err
    answers = [
        run("query", "-g", friends, "-m", path, "-q", "?y : friend(alice, y)").out
        for path in (model, back)
    ]
    assert answers[0] == answers[1]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (["show", "{folder}/nope"], 1),
        (["export", "{model}", "-o", "{folder}/x.foo"], 2),
        (["import", "{folder}/nope.npz", "-g", "{graph}", "-o", "{folder}/x"], 1),
        (["import", "{model}", "-g", "{graph}", "-o", "{folder}/x", "--layout", "round"], 2),
        (["import", "{model}", "-g", "{graph}", "-o", "{folder}/x", "--relation-order", "z"], 2),
    ],
)
def test_model_errors(
    run: Run, friends: Path, model: Path, arguments: list[str], code: int
) -> None:
    places = {"folder": model.parent, "model": model, "graph": friends}
    ran = run("model", *(argument.format(**places) for argument in arguments))
    assert ran.code == code, ran.err
    assert ran.err.startswith("error: ")
    assert not (model.parent / "x").exists()


def test_rows_are_kept_for_the_next_command(
    run: Run, friends: Path, model: Path, tmp_path: Path
) -> None:
    rows = tmp_path / "rows"
    command = (*("query", "-g", friends, "-m", model, "--row-cache", rows), "-q")
    question = "?y : exists x . friend(alice, x) & works_at(x, y)"
    first = run(*command, question)
    assert first.code == 0, first.err
    assert "rows read" not in first.err
    again = run(*command, question)
    assert "rows read, 0 rows scored" in again.err
    assert again.out == first.out
    for file in rows.rglob("*.rows"):
        file.write_bytes(file.read_bytes()[:-1])
    damaged = run(*command, question)
    assert "note: " in damaged.err
    assert "is left out" in damaged.err
    assert damaged.out == first.out
    assert "is left out" not in run(*command, question, "--quiet").err
    explained = run("explain", *command[1:], question)
    assert "rows read, 0 rows scored" in explained.out
    assert "is left out" in explained.err


def test_files_are_verified(run: Run, friends: Path, model: Path, tmp_path: Path) -> None:
    rules, bare = tmp_path / "r.txt", tmp_path / "bare.safetensors"
    assert run("rules", "mine", "-g", friends, "--exhaustive", "-o", rules).code == 0
    mixture = tmp_path / "mix.json"
    vocabulary = KnowledgeGraph.load(friends).vocabulary
    even = torch.full((2 * vocabulary.relation_count, 2), 0.5, dtype=torch.float64)
    write_mixture(mixture, (model, rules), Weights(even[0], even, 1), vocabulary)
    save_file({"entity": torch.ones(3, 2), "relation": torch.ones(2, 2)}, bare)
    ran = run("model", "verify", model, rules, mixture, bare)
    assert ran.code == 0, ran.err
    assert [line.split("  ")[1] for line in ran.out.splitlines()] == [
        *["as it was written"] * 3,
        "without checksums: cannot be compared",
    ]
    model.write_bytes(model.read_bytes()[:-1] + b"?")
    one = run("model", "verify", model)
    assert (one.code, one.out) == (1, "")
    assert f"{model} is damaged" in one.err
    rules.write_text(rules.read_text().replace("end of rules", ""))
    all_ = run("model", "verify", model, rules, bare)
    assert all_.code == 1
    assert "2 of 3 files are not as they were written" in all_.err
    assert "r.txt: the file is cut" in all_.err
    assert "bare.safetensors  without" in all_.out
