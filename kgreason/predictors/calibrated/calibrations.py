"""The calibrations by name. To add one, write its class here and list it in `CALIBRATIONS`."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from kgreason.choose import choose
from kgreason.errors import UsageError
from kgreason.predictors.calibrated.calibration import (
    Calibration,
    Observed,
    Pointwise,
    ScaledSoftmax,
    parameter,
)

_LEAST_LEFT = 0.01
# A softmax in float32 rounds numbers near 1e-38 too coarsely to be divided by much less.
_LEAST_MASS = 1e-30


@dataclass(frozen=True)
class SoftmaxDegree(ScaledSoftmax):
    """min(ceiling, softmax · max(1, known tails)), 0 below `cut` (QTO: Bai et al., ICML 2023).

    `frequency` above 0 lets entities that often are tails of the relation count for more.
    """

    label: ClassVar[str] = "softmax-degree"
    cut: float = parameter(0.0002)
    ceiling: float = parameter(0.999, above=True)
    frequency: float = parameter(0.0)

    @property
    def highest(self) -> float:
        return self.ceiling

    def scale(
        self, degrees: Tensor, lengths: Tensor, known: Callable[[], Tensor]
    ) -> tuple[Tensor, Tensor]:
        return degrees.clamp(min=1), torch.ones_like(degrees)


@dataclass(frozen=True)
class MissingTails(ScaledSoftmax):
    """As `SoftmaxDegree`, of a softmax over the tails that are not known: p · n / (1 − Σ p).

    The sum goes over the n known tails; what is left counts as at least one in a hundred.
    """

    label: ClassVar[str] = "missing-tails"
    cut: float = parameter(0.0002)
    ceiling: float = parameter(0.999, above=True)
    frequency: float = parameter(0.0)

    @property
    def highest(self) -> float:
        return self.ceiling

    def scale(
        self, degrees: Tensor, lengths: Tensor, known: Callable[[], Tensor]
    ) -> tuple[Tensor, Tensor]:
        return degrees.clamp(min=1), (1 - known()).clamp(min=_LEAST_LEFT)


@dataclass(frozen=True)
class MassNormalised(ScaledSoftmax):
    """Softmax scaled so that the known tails share their number as mass.

    p · n / Σ p over the n known tails (factor 1 without any, or if Σ p is next to nothing), 0 up to
    `cut`, at most 1 − `epsilon` (FIT: Yin et al., ICLR 2024; cut 0.005 on FB15k-237, 0.0002 on
    NELL995).
    """

    label: ClassVar[str] = "mass"
    rises: ClassVar[bool] = False
    cut: float = parameter(0.005)
    epsilon: float = parameter(0.001)

    @property
    def highest(self) -> float:
        return 1 - self.epsilon

    def scale(
        self, degrees: Tensor, lengths: Tensor, known: Callable[[], Tensor]
    ) -> tuple[Tensor, Tensor]:
        mass = known()
        counts = mass > _LEAST_MASS
        return torch.where(counts, lengths, 1), torch.where(counts, mass, 1.0)

    def _cut(self, truths: Tensor) -> Tensor:
        return torch.threshold_(truths, self.cut, 0.0)


@dataclass(frozen=True)
class Sigmoid(Pointwise):
    """1 / (1 + e^−score), 0 below `cut` (CQD: Arakelyan et al., ICLR 2021)."""

    label: ClassVar[str] = "sigmoid"
    cut: float = parameter(0.0)

    def truth_of(self, scores: Tensor) -> Tensor:
        # Spelled out: torch.sigmoid rounds differently at the end of a block, exp does not.
        return scores.neg_().exp_().add_(1).reciprocal_()


@dataclass(frozen=True)
class MinMax(Calibration):
    """ceiling · (score − row minimum) / (row maximum − row minimum), 0 below `cut` (CQD).

    A row whose scores are all equal tells nothing and becomes 0.
    """

    label: ClassVar[str] = "min-max"
    cut: float = parameter(0.0)
    ceiling: float = parameter(1.0, above=True)

    @property
    def highest(self) -> float:
        return self.ceiling

    def truths(self, scores: Tensor, observed: Observed) -> Tensor:
        high = scores.amax(1, keepdim=True)
        low = scores.masked_fill(scores.isneginf(), float("inf")).amin(1, keepdim=True)
        span = high - low
        scale = torch.where((span > 0) & span.isfinite(), self.ceiling / span, 0.0)
        low = torch.where(low.isfinite(), low, 0.0)
        return self._cut((scores - low).clamp_(min=0).mul_(scale).clamp_(max=self.ceiling))


CALIBRATIONS: dict[str, Callable[..., Calibration]] = {
    kind.label: kind for kind in (SoftmaxDegree, MissingTails, MassNormalised, Sigmoid, MinMax)
}


def parse_calibration(text: str | Calibration) -> Calibration:
    """`name` or `name:parameter=value,…` -> calibration.

    Raises UsageError for an unknown name, an unknown parameter or a value out of range.
    """
    if not isinstance(text, str):
        return text
    name, _, rest = text.partition(":")
    kind = choose("calibration", name.strip(), CALIBRATIONS)
    return kind(**_parameters(kind, name, rest))


def _parameters(kind: Callable[..., Calibration], name: str, text: str) -> dict[str, float]:
    known = [field.name for field in dataclasses.fields(kind)]  # type: ignore[arg-type]
    values: dict[str, float] = {}
    for part in filter(None, (piece.strip() for piece in text.split(","))):
        key, _, value = (piece.strip() for piece in part.partition("="))
        if key not in known or key in values:
            trouble = "given twice" if key in values else "unknown"
            raise UsageError(
                f"parameter {key!r} of calibration {name} is {trouble}",
                remedy=f"it takes: {', '.join(known)} (for example {name}:{known[0]}=0.01)",
            )
        try:
            values[key] = float(value)
        except ValueError:
            raise UsageError(
                f"{key}={value!r} in calibration {name} is not a number",
                remedy=f"write for example {name}:{key}=0.01",
            ) from None
    return values
