"""Models that belong to no graph, on the command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgreason.files.cache import model_path
from tests.cli.conftest import Run
from tests.predictors.gnn.ultra.toy import network, save

QUESTION = "?y : exists x . friend(alice, x) & works_at(x, y)"


def test_questions_by_propagation(run: Run, friends: Path, tmp_path: Path) -> None:
    path = save(tmp_path / "u.safetensors", network())
    ran = run("query", "-g", friends, "-m", path, "--method", "ultraquery", "-q", QUESTION)
    assert ran.code == 0, ran.err
    assert "scores rank the entities, they are no truths" in ran.err
    assert ran.out.startswith("?y\t?score\n")
    refused = run(
        "query", "-g", friends, "-m", path, "--method", "ultraquery", "-q", QUESTION, "--new"
    )
    assert refused.code == 2
    assert "the method ultraquery takes no --new" in refused.err


def test_auto_says_what_it_takes(
    run: Run, friends: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KGREASON_CACHE", str(tmp_path / "cache"))
    facts = run("query", "-g", friends, "-m", "auto", "-q", QUESTION)
    assert facts.code == 0, facts.err
    assert "no model is at hand" in facts.err
    assert "kgreason model pull ultra" in facts.err
    pulled = model_path("ultra")
    pulled.parent.mkdir(parents=True)
    save(pulled, network())
    for command in ("query", "explain"):
        ran = run(command, "-g", friends, "-m", "auto", "-q", QUESTION)
        assert ran.code == 0, ran.err
        assert f"model: {pulled}" in ran.err
        assert "ULTRA" in ran.err + ran.out
    missing = run("query", "-g", friends, "-m", "ultraquery", "-q", QUESTION)
    assert missing.code == 2
    assert "kgreason model pull ultraquery" in missing.err


def test_weights_are_imported_without_a_graph(run: Run, tmp_path: Path) -> None:
    bare = tmp_path / "bare.safetensors"
    exported = run("model", "export", save(tmp_path / "u.safetensors", network()), "-o", bare)
    assert exported.code == 0, exported.err
    out = tmp_path / "v.safetensors"
    ran = run("model", "import", bare, "-o", out, "--model", "ultra")
    assert ran.code == 0, ran.err
    assert "any graph" in run("model", "show", out).out
    refused = run("model", "import", bare, "-o", out, "--model", "complex")
    assert refused.code == 2
    assert "-g GRAPH" in refused.err
