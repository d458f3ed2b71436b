"""What can be chosen about a training run, checked before anything is done."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kgreason.choose import require
from kgreason.errors import UsageError
from kgreason.predictors.kinds import kind_of_model

AUTO = "auto"
PRECISIONS = (AUTO, "float32", "bfloat16")


@dataclass(frozen=True, slots=True)
class Options:
    """Settings of a training run, complete.

    batch_size: distinct (head, directed relation) pairs of a step for ComplEx and DistMult, else
    facts.
    regularization: weight of the N3 penalty (ComplEx and DistMult only).
    patience: judgements without a better validation MRR after which training stops; 0 for never.
    evaluate_every: epochs from one judgement to the next.
    precision: `auto`, `float32` or `bfloat16`, in which ComplEx and DistMult take products.
    arguments: further arguments of EpiGNN (facets, pooling, rounds) or of a PyKEEN model.
    """

    model: str
    dimension: int
    epochs: int
    batch_size: int
    learning_rate: float
    regularization: float
    patience: int
    evaluate_every: int
    precision: str
    seed: int
    device: str
    arguments: Mapping[str, Any] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        for name in ("dimension", "epochs", "batch_size", "evaluate_every"):
            value = getattr(self, name)
            if value < 1:
                raise UsageError(
                    f"{name.replace('_', ' ')} is {value}", remedy="give a whole number above 0"
                )
        if self.patience < 0:
            raise UsageError(
                f"patience is {self.patience}", remedy="give a whole number, 0 to never stop early"
            )
        self._check_precision()
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise UsageError(
                f"learning rate is {self.learning_rate}", remedy="give a number above 0"
            )
        if not (math.isfinite(self.regularization) and self.regularization >= 0):
            raise UsageError(
                f"regularization is {self.regularization}", remedy="give a number from 0 up"
            )
        if self.arguments and not kind_of_model(self.model).takes_arguments:
            raise UsageError(
                f"{self.model} takes no further arguments, {', '.join(self.arguments)} came",
                remedy="leave them out; rank, penalty and rate have options of their own",
            )
        if not 0 <= self.seed < 2**32:
            raise UsageError(
                f"seed is {self.seed}", remedy="give a whole number from 0 to 4294967295"
            )

    def _check_precision(self) -> None:
        require("training precision", self.precision, PRECISIONS)
        if self.precision not in (AUTO, *kind_of_model(self.model).training_dtypes):
            raise UsageError(
                f"{self.model} is trained in float32", remedy="leave the precision out"
            )

    def described(self) -> dict[str, Any]:
        """As plain values, for the checkpoint and to recognise an interrupted run."""
        return {
            field.name: dict(value) if isinstance(value, Mapping) else value
            for field in dataclasses.fields(self)
            for value in [getattr(self, field.name)]
        }
