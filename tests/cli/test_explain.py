"""`kgreason explain`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Run

QUESTION = "?y : exists x . friend(alice, x) & works_at(x, y)"


def titles(text: str) -> list[str]:
    return [line.split(" (")[0] for line in text.splitlines() if line and line[0] != " "]


PLANNED = ["question", "semantics", "rewrites", "query graph", "plan", "computation"]


def test_every_section_in_the_order_of_the_corridor(run: Run, friends: Path) -> None:
    ran = run("explain", "-g", friends, "-q", QUESTION)
    assert ran.code == 0
    assert titles(ran.out) == [*PLANNED, "steps", "work", "answers"]
    assert "1  initech  1.0000  known" in ran.out
    assert "answers (1 of 1)" in ran.out


def test_a_plan_says_the_same_as_the_whole_explanation(run: Run, friends: Path) -> None:
    plan = run("explain", "-g", friends, "-q", QUESTION, "--plan")
    whole = run("explain", "-g", friends, "-q", QUESTION)
    assert titles(plan.out) == PLANNED
    assert whole.out.startswith(plan.out.rstrip("\n"))


def test_a_plan_too_large_is_shown_before_it_is_refused(run: Run, friends: Path) -> None:
    pairs = "?a ?b ?c ?d : friend(a, b) & works_at(c, d)"
    ran = run("explain", "-g", friends, "-q", pairs, "--max-memory", "1B")
    assert ran.code == 5
    assert titles(ran.out) == PLANNED


@pytest.mark.parametrize("arguments", [[], ["--plan"]])
def test_unknown_names(run: Run, friends: Path, arguments: list[str]) -> None:
    assert run("explain", "-g", friends, "-q", "?y : r(alice, y)", *arguments).code == 3
