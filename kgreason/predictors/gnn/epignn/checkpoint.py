"""EpiGNN in checkpoints: weights, the relations they belong to, and how scores become odds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from kgreason.errors import CheckpointError, KgreasonError
from kgreason.predictors.checkpoints.format import Checkpoint, CheckpointInfo, read_checkpoint
from kgreason.predictors.gnn.epignn.model import Design, EpiGNN

EPIGNN = "epignn"
_ODDS = "odds"
_AGAIN = "train it again"


@dataclass(frozen=True, slots=True)
class TrainedEpiGNN:
    """A model and what its numbers mean.

    names: base relations by id. exclusive: whether just one relation holds of a pair; then the
    model's relations are the base relations, else each is followed by its inverse. rounds: of a
    sweep, None for what a graph needs. odds: (the model's relations, 2) slope and offset that turn
    a score into log-odds of truth; of exclusive relations the slope alone counts, as the factor
    within a softmax over them.
    """

    model: EpiGNN
    names: tuple[str, ...]
    exclusive: bool
    rounds: int | None
    odds: Tensor

    def checkpoint(
        self, *, entities: int = 0, training: Mapping[str, Any] | None = None
    ) -> Checkpoint:
        """To be written; entities: how many were seen in training."""
        design = self.model.design
        info = CheckpointInfo(
            model=EPIGNN,
            dimension=design.dimension,
            entities=entities,
            relations=len(self.names),
            inverse=not self.exclusive,
            arguments={
                "facets": design.facets,
                "pooling": design.pooling,
                "scaled": design.scaled,
                "rounds": self.rounds,
            },
            training=dict(training or {}),
            names=self.names,
        )
        return Checkpoint(info, {**self.model.state_dict(), _ODDS: self.odds})


def read_epignn(path: str | Path) -> TrainedEpiGNN:
    """The model of a checkpoint; CheckpointError for another model, or weights that do not fit."""
    return restore_epignn(path, read_checkpoint(path))


def restore_epignn(path: str | Path, checkpoint: Checkpoint) -> TrainedEpiGNN:
    """The model of a checkpoint in memory; see `read_epignn`."""
    info, arguments = checkpoint.info, checkpoint.info.arguments
    if info.model != EPIGNN:
        raise CheckpointError(
            f"{path} holds the model {info.model}, not {EPIGNN}",
            remedy="name a checkpoint of kgreason train --model epignn",
        )
    try:
        design = Design(
            info.dimension,
            int(arguments["facets"]),
            arguments["pooling"],
            bool(arguments["scaled"]),
        )
        rounds = None if arguments["rounds"] is None else int(arguments["rounds"])
    except (KeyError, ValueError, TypeError, KgreasonError) as error:
        raise CheckpointError(
            f"{path}: its metadata is damaged ({type(error).__name__}: {error})", remedy=_AGAIN
        ) from error
    _check_names(path, info)
    relations = (1 + info.inverse) * info.relations
    model = EpiGNN(design, relations)
    shapes = {name: tuple(tensor.shape) for name, tensor in model.state_dict().items()}
    shapes[_ODDS] = (relations, 2)
    found = {name: tuple(tensor.shape) for name, tensor in checkpoint.tensors.items()}
    if found != shapes:
        raise CheckpointError(
            f"{path}: its tensors are {_spell(found)}, expected {_spell(shapes)}", remedy=_AGAIN
        )
    weights = dict(checkpoint.tensors)
    odds = weights.pop(_ODDS)
    model.load_state_dict(weights)
    model.requires_grad_(requires_grad=False)
    return TrainedEpiGNN(model, info.names, not info.inverse, rounds, odds)


def one_slope(relations: int, slope: float) -> Tensor:
    """Odds of exclusive relations: (relations, 2)."""
    return torch.tensor([slope, 0.0]).repeat(relations, 1)


def _check_names(path: str | Path, info: CheckpointInfo) -> None:
    if len(set(info.names)) != info.relations:
        raise CheckpointError(
            f"{path} names {len(set(info.names)):,} different relations, "
            f"its weights are for {info.relations:,}",
            remedy=_AGAIN,
        )


def _spell(shapes: Mapping[str, Sequence[int]]) -> str:
    return ", ".join(f"{name} {tuple(shape)}" for name, shape in sorted(shapes.items()))
