"""`--dtype auto` is settled by the models, then by a probe that is made once."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgreason.cli.common.precision import settled_dtype
from kgreason.predictors.checkpoints.format import save_checkpoint
from tests.predictors.toy import complex_info, toy_graph, weights


def test_auto_goes_by_the_models_then_by_what_was_measured(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KGREASON_CACHE", str(tmp_path))
    graph, path = toy_graph(), tmp_path / "toy.safetensors"
    save_checkpoint(path, complex_info(graph), weights(graph))
    assert settled_dtype("float64", [path], "cpu") == "float64"
    assert settled_dtype("auto", ["facts"], "cpu") == "float32"
    assert not (tmp_path / "precision.json").exists()
    assert settled_dtype("auto", [path], "cpu") in ("float32", "bfloat16")
    kept = tmp_path / "precision.json"
    kept.write_text(kept.read_text().replace("float32", "bfloat16"))
    assert settled_dtype("auto", [path], "cpu") == "bfloat16"
