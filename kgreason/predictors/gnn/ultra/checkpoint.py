"""ULTRA in checkpoints: weights that belong to no graph."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from kgreason.errors import CheckpointError
from kgreason.predictors.checkpoints.format import Checkpoint, CheckpointInfo
from kgreason.predictors.checkpoints.layout import Foreign
from kgreason.predictors.gnn.ultra.network import LAYERS, Ultra
from kgreason.predictors.gnn.ultra.published import published_as
from kgreason.predictors.gnn.ultra.self_test import fault

if TYPE_CHECKING:
    from kgreason.knowledge import Vocabulary

ULTRA = "ultra"
# UltraQuery's weights are ULTRA's, inside two wrappers.
_WRAPPERS = ("model.model.", "model.", "module.")
_REMEDY = "give the weights of an ULTRA model with 6 layers of 64 numbers, as published"


def restore_ultra(path: str | Path, checkpoint: Checkpoint) -> Ultra:
    """The networks of a checkpoint; CheckpointError for weights that do not fit."""
    model = Ultra(checkpoint.info.dimension)
    _check(path, model, checkpoint.tensors)
    model.load_state_dict(checkpoint.tensors)
    model.requires_grad_(requires_grad=False)
    return model.eval()


def adopt_ultra(
    source: Path,
    model: str,
    tensors: dict[str, Tensor],
    vocabulary: Vocabulary | None,
    foreign: Foreign,
) -> Checkpoint:
    """A checkpoint of weights of elsewhere, whatever they are wrapped in, after a test of them.

    CheckpointError for tensors that do not fit, or scores that cannot be those of a trained model.
    """
    own = _unwrapped(tensors)
    first = own.get("entity_model.layers.0.layer_norm.weight")
    dimension = first.shape[0] if first is not None and first.dim() == 1 else 64
    ultra = Ultra(dimension)
    _check(source, ultra, own)
    ultra.load_state_dict(own)
    published = published_as(own)
    if wrong := fault(ultra, published.probe if published else None):
        raise CheckpointError(f"{source}: over a small built-in graph {wrong}", remedy=_REMEDY)
    info = CheckpointInfo(
        model=ULTRA,
        dimension=dimension,
        entities=0,
        relations=0,
        arguments={"layers": LAYERS},
        training={"source": source.name},
    )
    return Checkpoint(info, {name: own[name].float() for name in ultra.state_dict()})


def _unwrapped(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    for prefix in _WRAPPERS:
        inside = {n.removeprefix(prefix): t for n, t in tensors.items() if n.startswith(prefix)}
        if any(name.startswith("entity_model.") for name in inside):
            return inside
    return tensors


def _check(path: str | Path, model: Ultra, tensors: dict[str, Tensor]) -> None:
    wanted = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    found = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    for name in sorted(wanted.keys() | found.keys()):
        if wanted.get(name) != found.get(name):
            have, need = found.get(name, "nothing"), wanted.get(name, "nothing")
            raise CheckpointError(
                f"{path}: tensor {name!r} is {have}, expected {need}", remedy=_REMEDY
            )
        if not torch.is_floating_point(tensors[name]):
            raise CheckpointError(f"{path}: tensor {name!r} holds no real numbers", remedy=_REMEDY)
