"""`kgreason relate`, and the paths behind predictions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Run

RULES = "friend(a,b) & works_at(b,c) => works_at(a,c)  # support 9 confidence 0.5 pca 0.5\n"
QUESTION = "?y : exists x . friend(x, bob) & works_at(x, y) & !likes(y, x)"
PATH = "friend(alice, bob) ∧ works_at(bob, initech)"


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    path = tmp_path / "rules.txt"
    path.write_text(RULES)
    return path


def test_relations_of_a_pair(run: Run, friends: Path, rules: Path) -> None:
    ran = run("relate", "alice", "initech", "-g", friends, "-m", rules, "--format", "table")
    assert ran.code == 0, ran.err
    assert ran.out.splitlines() == [
        "#  ?relation   score",
        "1  works_at   0.5000  predicted",
        f"     by {PATH}",
    ]
    assert "1 of 1 answers" in ran.err
    known = run("relate", "alice", "bob", "-g", friends)
    assert known.out.splitlines() == ["?relation\t?score", "<friend>\t1.0e0"]
    none = run("relate", "bob", "alice", "-g", friends)
    assert (none.code, none.out) == (0, "?relation\t?score\n")


def test_a_name_that_is_not_there_is_told_before_the_model_is_loaded(
    run: Run, friends: Path
) -> None:
    ran = run("relate", "alice", "bobb", "-g", friends, "-m", "nowhere")
    assert ran.code == 3
    assert "nearest: bob" in ran.err


def test_paths_in_the_answers_of_a_question(run: Run, friends: Path, rules: Path) -> None:
    arguments = ("-g", friends, "-m", rules, "-q", QUESTION)
    explained = run("explain", *arguments)
    assert f"by {PATH}" in explained.out
    assert PATH not in run("explain", *arguments, "--paths", "0").out
    assert PATH not in run("query", *arguments, "--format", "table").out
    assert f"by {PATH}" in run("query", *arguments, "--format", "table", "--paths", "1").out


def test_an_explanation_as_json(run: Run, friends: Path, rules: Path) -> None:
    ran = run("explain", "-g", friends, "-m", rules, "-q", QUESTION, "--format", "json")
    assert ran.code == 0, ran.err
    about = json.loads(ran.out)
    assert {"question", "semantics", "plan", "computation", "work", "answers"} <= set(about)
    assert sum(step.get("rows", 0) for step in about["steps"]) > 0
    assert {step["kind"] for step in about["steps"]} >= {"row", "project"}
    (answer,) = about["answers"]
    assert answer["terms"] == ["initech"]
    assert answer["witness"]["assignment"] == {"x": "alice"}
    evidence = {one["text"]: one for one in answer["witness"]["evidence"]}
    assert evidence["works_at(alice, initech)"]["paths"] == [PATH.split(" ∧ ")]
    assert evidence["friend(alice, bob)"]["paths"] == []
    planned = json.loads(
        run("explain", "-g", friends, "-q", QUESTION, "--plan", "--format", "json").out
    )
    assert "plan" in planned
    assert "answers" not in planned
    assert run("explain", "-g", friends, "-q", QUESTION, "--format", "yaml").code == 2
