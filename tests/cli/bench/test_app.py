"""`kgreason bench check`."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench import tiny
from tests.cli.conftest import Run


@pytest.fixture
def suite(tmp_path: Path) -> Path:
    return tiny.write_betae(tmp_path / "tiny-betae")


def test_exact_answers(run: Run, suite: Path) -> None:
    ran = run("bench", "check", suite)
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[0].startswith("1p         3 of     3")
    assert ran.out.splitlines()[-1] == "6 of 6 questions have exactly the published answers"


def test_a_difference_is_told_and_is_a_failure(run: Run, suite: Path) -> None:
    tiny.change(suite / "test-easy-answers.pkl", (1, (0,)), {2})
    ran = run("bench", "check", suite)
    assert ran.code == 1
    assert "extra 3" in ran.out
    assert ran.out.splitlines()[-1] == "5 of 6 questions have exactly the published answers"


def test_several_suites_types_and_limits(run: Run, suite: Path) -> None:
    other = tiny.write_efo1(suite.parent / "tiny-EFO1")
    ran = run("bench", "check", suite, other, "--types", "1p,type0031", "--limit", "2")
    assert ran.code == 0, ran.err
    assert ran.out.splitlines()[-1] == "3 of 3 questions have exactly the published answers"
    given = run("bench", "check", other, "--graph", suite)
    assert given.code == 0


def test_mistakes(run: Run, suite: Path, tmp_path: Path) -> None:
    assert run("bench", "check", suite, "--types", "9z").code == 2
    assert run("bench", "check", suite, "--logic", "none").code == 2
    assert run("bench", "check", suite, "--limit", "0").code == 2
    assert run("bench", "check", tmp_path).code == 1
