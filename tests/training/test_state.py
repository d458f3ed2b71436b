"""The state of an unfinished run: whole, or refused in words."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from kgreason.errors import CheckpointError, UsageError
from kgreason.predictors import inspect
from kgreason.predictors.checkpoints.tensor_file import write_safetensors
from kgreason.training.state import Best, SavedRun, load_run, save_run, state_path

RUN = {"model": "complex", "facts": "abc"}


@pytest.fixture
def out(tmp_path: Path) -> Path:
    best = Best(1, 0.25, {"entity": torch.zeros(2, 2)})
    tensors = {"entity": torch.ones(2, 2), "optimizer.0.step": torch.tensor(3.0)}
    save_run(tmp_path / "m", RUN, SavedRun(2, 7, 0.5, tensors, best))
    return tmp_path / "m"


def test_a_run_comes_back(out: Path) -> None:
    saved = load_run(out, RUN)
    assert saved is not None
    assert (saved.epochs, saved.seed, saved.loss) == (2, 7, 0.5)
    assert sorted(saved.tensors) == ["entity", "optimizer.0.step"]
    assert saved.best is not None
    assert torch.equal(saved.best.weights["entity"], torch.zeros(2, 2))
    with pytest.raises(UsageError, match="other facts"):
        load_run(out, RUN | {"facts": "abd"})


def test_no_changed_byte_goes_unnoticed(out: Path) -> None:
    path = state_path(out)
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :])
        with pytest.raises(CheckpointError, match=r"m\.unfinished") as caught:
            load_run(out, RUN)
        assert "move it away to train afresh" in str(caught.value)


def test_other_files_are_no_state(out: Path) -> None:
    path = state_path(out)
    path.write_bytes(b"")
    with pytest.raises(CheckpointError, match="not a whole safetensors file"):
        load_run(out, RUN)
    save_file({"a": torch.ones(1)}, path, {"kgreason-training": "3"})
    with pytest.raises(CheckpointError, match="not the state of a training run"):
        load_run(out, RUN)
    for metadata in ({}, {"run": "{}"}, {"run": "[" * 9_999}, {"run": "[]", "epochs": "x"}):
        write_safetensors(path, {"a": torch.ones(1)}, {"kgreason-training": "3", **metadata})
        with pytest.raises((CheckpointError, UsageError), match=r"m\.unfinished"):
            load_run(out, RUN)


def test_a_state_is_not_taken_for_weights(out: Path) -> None:
    with pytest.raises(CheckpointError, match=r"not a checkpoint: .*kgreason-training"):
        inspect(state_path(out))
