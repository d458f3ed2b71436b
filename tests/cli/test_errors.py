"""Exit codes and messages of everything that can go wrong."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kgreason.cli import load as load_module
from kgreason.cli import query as query_module
from tests.cli.conftest import Run

FRIEND = "?y : friend(alice, y)"
PAIRS = "?a ?b ?c ?d : friend(a, b) & works_at(c, d)"


@pytest.mark.parametrize(
    ("code", "arguments", "said"),
    [
        (1, ["-g", "{folder}/nope.tsv"], "no such file or folder"),
        (1, ["-g", "{folder}/broken.nt"], "broken.nt"),
        (1, ["-m", "{folder}/friends.tsv"], "not a whole safetensors file"),
        (2, ["-q", "?y : friend(alice"], "bracket is never closed"),
        (2, ["-q", "?y : !friend(alice, y)"], "bound by no positive atom"),
        (2, ["--query-file", "{folder}/nope.efo"], "both --query and --query-file"),
        (2, ["--format", "yaml"], "no results format 'yaml'"),
        (2, ["-o", "{folder}/x.yaml"], "the suffix .yaml tells no results format"),
        (2, ["-o", "{folder}"], "is a folder"),
        (2, ["-o", "{folder}/no/x.json"], "cannot write into"),
        (2, ["--language", "prolog"], "no question language 'prolog'"),
        (2, ["--logic", "quantum"], "no logic 'quantum'"),
        (2, ["--semantics", "cnf"], "no semantics 'cnf'"),
        (2, ["--calibration", "magic"], "no calibration 'magic'"),
        (2, ["--observed", "future"], "no split 'future'"),
        (2, ["--observed-truth", "2"], "observed_truth is 2.0"),
        (2, ["--observed-truth", "maybe"], "not a truth in (0, 1]"),
        (2, ["--device", "abacus"], "no device 'abacus'"),
        (2, ["--dtype", "float8"], "float8"),
        (2, ["--max-memory", "2QiB"], "'2QiB' is not a size"),
        (2, ["--observed-truth", "0.9"], "known facts have truth 1 without a model"),
        (2, ["--max-memory", "900TiB"], "and this machine has"),
        (2, ["--limit", "few"], "'few' is not a number of answers"),
        (2, ["-m", "{folder}/nope"], "there is no model"),
        (2, ["--no-such-option"], "No such option"),
        (3, ["-q", "?y : freind(alice, y)"], "nearest: friend"),
        (3, ["-q", "?y : friend(alcie, y)"], "nearest: alice"),
        (4, ["-q", "SELECT (COUNT(?x) AS ?n) { ?x <friend> ?y }"], "COUNT is not supported"),
        (5, ["-q", PAIRS, "--max-memory", "1B"], "largest intermediate"),
    ],
)
def test_query_errors(run: Run, friends: Path, code: int, arguments: list[str], said: str) -> None:
    folder = str(friends.parent)
    (friends.parent / "broken.nt").write_text("<a> <b>\n")
    given = [argument.replace("{folder}", folder) for argument in arguments]
    graph = [] if "-g" in given else ["-g", friends]
    question = [] if "-q" in given else ["-q", FRIEND]
    ran = run("query", *graph, *question, *given)
    assert ran.code == code, ran.err
    assert ran.out == ""
    assert said in ran.err
    assert "Traceback" not in ran.err


def test_the_caret_points_at_the_place(run: Run, friends: Path) -> None:
    ran = run("query", "-g", friends, "-q", "?y : freind(alice, y)")
    assert ran.err.splitlines()[:3] == [
        "error: no relation is named freind among 3",
        "  ?y : freind(alice, y)",
        "       ^^^^^^",
    ]


def test_quiet_does_not_silence_errors(run: Run, friends: Path) -> None:
    assert "error: " in run("query", "-g", friends, "-q", "?y :", "--quiet").err


@pytest.mark.parametrize("text", [b"", b"?y : friend(alice, y)\xff"])
def test_bad_standard_input(run: Run, friends: Path, text: bytes) -> None:
    ran = run("query", "-g", friends, text=text)
    assert ran.code == (1 if text else 2)
    assert ran.err.startswith("error: ")


def test_an_argument_that_is_not_utf8(run: Run, friends: Path) -> None:
    for command in (
        ("query", "-g", friends, "-q", "?y : friend(\udcff, y)"),
        ("relate", "\udcff", "bob", "-g", friends),
        ("load", friends, "-o", friends.with_suffix(".kg"), "--name", "\ud800"),
    ):
        ran = run(*command)
        assert ran.code == 2
        assert "is no Unicode text" in ran.err
        assert ran.out == ""


def test_a_path_that_is_no_text(run: Run, friends: Path) -> None:
    odd = friends.with_name(os.fsdecode(b"\xff.tsv"))
    store = friends.with_name(os.fsdecode(b"\xff.kg"))
    friends.rename(odd)
    assert run("load", odd, "-o", store).code == 0
    ran = run("query", "-g", store, "-q", FRIEND)
    assert (ran.code, ran.out) == (0, "?y\t?score\n<bob>\t1.0e0\n"), ran.err


@pytest.mark.parametrize(
    ("error", "code", "said"),
    [
        (ValueError("surprise\nmore"), 1, "error: this is a bug in kgreason: ValueError: surprise"),
        (OSError(28, "No space left on device", "x.kg"), 1, "No space left on device: x.kg"),
        (MemoryError(), 5, "out of memory"),
        (RuntimeError("DefaultCPUAllocator: can't allocate memory"), 5, "out of memory"),
        (KeyboardInterrupt(), 130, "interrupted"),
        (BrokenPipeError(), 0, ""),
    ],
)
def test_unexpected_errors(
    run: Run,
    friends: Path,
    monkeypatch: pytest.MonkeyPatch,
    error: BaseException,
    code: int,
    said: str,
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr(load_module, "load_graph", fail)
    ran = run("load", friends, "-o", friends.with_suffix(".kg"))
    assert ran.code == code
    assert said in ran.err
    assert "Traceback" not in ran.err
    if not said:
        assert ran.err == ""


@pytest.mark.parametrize("variable", [True, False])
def test_debug_shows_the_traceback(
    run: Run, friends: Path, monkeypatch: pytest.MonkeyPatch, variable: bool
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise ValueError("surprise")

    monkeypatch.setattr(query_module, "load_asked", fail)
    if variable:
        monkeypatch.setenv("KGREASON_DEBUG", "1")
    ran = run("query", "-g", friends, "-q", FRIEND, *([] if variable else ["--debug"]))
    assert ran.code == 1
    assert "Traceback" in ran.err
    assert "run it again with --debug" not in ran.err


def test_usage_errors_of_the_parser_itself(run: Run) -> None:
    assert run("query").code == 2
    assert run("qwery").code == 2
    assert "Did you mean 'query'" in run("qwery").err
