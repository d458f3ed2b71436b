"""What can be chosen about a training run, checked before anything is done."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kgreason.errors import UsageError
from kgreason.predictors.checkpoint import COMPLEX
from kgreason.predictors.epignn_checkpoint import EPIGNN


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of a training run, complete.

    regularization: weight of the N3 penalty (ComplEx only).
    arguments: further arguments of EpiGNN (facets, pooling, rounds) or of a PyKEEN model.
    """

    model: str
    dimension: int
    epochs: int
    batch_size: int
    learning_rate: float
    regularization: float
    seed: int
    device: str
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("dimension", "epochs", "batch_size"):
            value = getattr(self, name)
            if value < 1:
                raise UsageError(
                    f"{name.replace('_', ' ')} is {value}", remedy="give a whole number above 0"
                )
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise UsageError(
                f"learning rate is {self.learning_rate}", remedy="give a number above 0"
            )
        if not (math.isfinite(self.regularization) and self.regularization >= 0):
            raise UsageError(
                f"regularization is {self.regularization}", remedy="give a number from 0 up"
            )
        if not 0 <= self.seed < 2**32:
            raise UsageError(
                f"seed is {self.seed}", remedy="give a whole number from 0 to 4294967295"
            )

    def described(self) -> dict[str, Any]:
        """As plain values, for the checkpoint and to recognise an interrupted run."""
        return {
            field.name: dict(value) if isinstance(value, Mapping) else value
            for field in dataclasses.fields(self)
            for value in [getattr(self, field.name)]
        }


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds where nothing is said."""

    dimension: int
    epochs: int
    batch_size: int
    learning_rate: float
    regularization: float


_COMPLEX = Defaults(128, 50, 500, 0.1, 0.01)
_EPIGNN = Defaults(64, 8, 32, 0.01, 0.0)
_PYKEEN = Defaults(64, 100, 256, 0.01, 0.0)


def defaults(model: str) -> Defaults:
    """The defaults of a model."""
    return {COMPLEX: _COMPLEX, EPIGNN: _EPIGNN}.get(model, _PYKEEN)
