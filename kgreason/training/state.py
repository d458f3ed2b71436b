"""The state of an unfinished run, beside its output: tensors and plain text, no pickle."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kgreason.errors import CheckpointError, UsageError
from kgreason.predictors.checkpoints.tensor_file import read_safetensors, write_safetensors

_PREFIX = "optimizer."
_BEST = "best."
_KEY, _VERSION = "kgreason-training", "3"
_AFRESH = "move it away to train afresh, or choose another output"


@dataclass(frozen=True, slots=True)
class Best:
    """The weights of the epoch with the highest validation MRR so far."""

    epoch: int
    mrr: float
    weights: dict[str, Tensor]


@dataclass(frozen=True, slots=True)
class SavedRun:
    """A run as it was after `epochs` epochs; `best` where it has been judged."""

    epochs: int
    seed: int
    loss: float
    tensors: dict[str, Tensor]
    best: Best | None


def state_path(out: Path) -> Path:
    """Where the state of the run that will write `out` is kept."""
    return out.with_name(f"{out.name}.unfinished")


def save_run(out: Path, run: dict[str, Any], saved: SavedRun) -> None:
    """Write the state whole or not at all. `run` describes what is trained, on which facts."""
    tensors, metadata = dict(saved.tensors), {_KEY: _VERSION, "run": _text(run)}
    metadata |= {"epochs": str(saved.epochs), "seed": str(saved.seed), "loss": repr(saved.loss)}
    if saved.best:
        tensors |= {_BEST + name: tensor for name, tensor in saved.best.weights.items()}
        metadata |= {"best epoch": str(saved.best.epoch), "best MRR": repr(saved.best.mrr)}
    ready = {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
    write_safetensors(state_path(out), ready, metadata)


def load_run(out: Path, run: dict[str, Any]) -> SavedRun | None:
    """The state of an unfinished run; None where there is none.

    UsageError where it belongs to a run with other settings or facts, CheckpointError where it is
    damaged or of another version.
    """
    path = state_path(out)
    if not path.exists():
        return None
    try:
        tensors, header = read_safetensors(path)
    except CheckpointError as error:
        raise CheckpointError(error.message, remedy=_AFRESH) from error
    if header.metadata.get(_KEY) != _VERSION or not header.sealed:
        raise CheckpointError(
            f"{path} is not the state of a training run of this version", remedy=_AFRESH
        )
    try:
        return _saved(path, run, tensors, header.metadata)
    except (KeyError, ValueError, TypeError, AttributeError, RecursionError) as error:
        raise CheckpointError(
            f"{path}: its metadata is damaged ({type(error).__name__}: {error})", remedy=_AFRESH
        ) from error


def _saved(
    path: Path, run: dict[str, Any], tensors: dict[str, Tensor], metadata: dict[str, str]
) -> SavedRun:
    before, now = json.loads(metadata["run"]), json.loads(_text(run))
    different = sorted(key for key in now if before.get(key) != now[key])
    if different:
        raise UsageError(
            f"{path} belongs to an unfinished run with other {', '.join(different)}",
            remedy="repeat its settings to go on with it, or start afresh (resume off)",
        )
    best = None
    if "best epoch" in metadata:
        weights = {
            name.removeprefix(_BEST): tensors.pop(name)
            for name in sorted(tensors)
            if name.startswith(_BEST)
        }
        best = Best(int(metadata["best epoch"]), float(metadata["best MRR"]), weights)
    numbers = int(metadata["epochs"]), int(metadata["seed"]), float(metadata["loss"])
    return SavedRun(*numbers, tensors, best)


def pack_optimizer(optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """An optimizer's state as named tensors."""
    return {
        f"{_PREFIX}{index}.{name}": torch.as_tensor(value)
        for index, values in optimizer.state_dict()["state"].items()
        for name, value in values.items()
    }


def unpack_optimizer(optimizer: torch.optim.Optimizer, tensors: dict[str, Tensor]) -> None:
    """Restore what `pack_optimizer` made."""
    state: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        if key.startswith(_PREFIX):
            index, _, name = key.removeprefix(_PREFIX).partition(".")
            state.setdefault(int(index), {})[name] = tensor
    groups = optimizer.state_dict()["param_groups"]
    optimizer.load_state_dict({"state": state, "param_groups": groups})


def _text(run: dict[str, Any]) -> str:
    return json.dumps(run, sort_keys=True)
