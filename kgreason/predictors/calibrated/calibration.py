"""From score to truth: how a block of raw scores becomes truth values in [0, 1].

A calibration is a frozen value whose text form (`softmax-degree:cut=0.0002`) reads back to itself.
Statistics are taken in the dtype of the scores (float32 or float64).
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from kgreason.choose import choose
from kgreason.errors import UsageError


@dataclass(frozen=True, slots=True)
class Observed:
    """The known facts beneath a block of scores.

    degrees: (rows,) int64, known tails per row, those that have no score included.
    lengths: (rows,) int64, known tails per row that have a score.
    rows, columns: (entries,) int64, their positions in the block, row by row.
    """

    degrees: Tensor
    lengths: Tensor
    rows: Tensor
    columns: Tensor


class Calibration(Protocol):
    """A map from a block of scores to truths."""

    @property
    def name(self) -> str:
        """Text that `parse_calibration` reads back to an equal value."""
        ...

    @property
    def highest(self) -> float:
        """What no truth exceeds."""
        ...

    @property
    def frequency(self) -> float:
        """Power of 1 + the known links of a tail under the relation, which e^score is weighed by.

        Scores come with its logarithm added, see `Frequencies`.
        """
        ...

    def truths(self, scores: Tensor, observed: Observed) -> Tensor:
        """(rows, columns) scores, −inf where no link may be -> truths of the same shape.

        May overwrite `scores`. A row depends on nothing but its own scores and facts.
        """
        ...


@dataclass(frozen=True, slots=True)
class Outlook:
    """What is known of rows before they are scored, one value per row.

    degrees, lengths: as in `Observed`. known: log of the sum of e^score over the known tails that
    have a score, −inf without any. whole: at most the log of that sum over all tails.
    """

    degrees: Tensor
    lengths: Tensor
    known: Tensor
    whole: Tensor


@runtime_checkable
class Foreseeable(Protocol):
    """A calibration that bounds single truths of a row without all its scores."""

    def at_most(self, scores: Tensor, rows: Outlook) -> Tensor:
        """(rows, columns) scores of some tails -> what their truths are at most.

        May overwrite `scores`. Rising in the scores; where the sums in `rows` are exact, so is it.
        """
        ...


@runtime_checkable
class Sifting(Foreseeable, Protocol):
    """A calibration that tells before the end of a row which scores cannot matter."""

    @property
    def cut(self) -> float:
        """Truths below it are 0."""
        ...

    def least(self, degrees: Tensor, whole: Tensor) -> Tensor:
        """(rows,) each -> scores below which every truth is 0. For a cut above 0.

        degrees: as in `Observed`. whole: log of the sum of e^score over some of the tails; over
        more of them the result is not lower.
        """
        ...


_LEAST_LEFT = 0.01


class _Named:
    """Text form and parameter checks shared by the calibrations."""

    @property
    def name(self) -> str:
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        values = ",".join(f"{f.name}={getattr(self, f.name):g}" for f in fields)
        return f"{NAMES[type(self)]}:{values}"

    @property
    def highest(self) -> float:
        return 1.0

    @property
    def frequency(self) -> float:
        return 0.0

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value = getattr(self, field.name)
            open_below = field.name == "ceiling"
            if not (0 < value <= 1 if open_below else 0 <= value < 1):
                interval = "(0, 1]" if open_below else "[0, 1)"
                raise UsageError(
                    f"{field.name} = {value:g} is outside {interval} in calibration "
                    f"{NAMES[type(self)]}",
                    remedy=f"give {field.name} a value in {interval}",
                )


@dataclass(frozen=True)
class SoftmaxDegree(_Named):
    """min(ceiling, softmax · max(1, known tails)), 0 below `cut` (QTO: Bai et al., ICML 2023).

    `frequency` above 0 lets entities that often are tails of the relation count for more.
    """

    cut: float = 0.0002
    ceiling: float = 0.999
    frequency: float = 0.0

    @property
    def highest(self) -> float:
        return self.ceiling

    def truths(self, scores: Tensor, observed: Observed) -> Tensor:
        truths = _softmax(scores)
        truths.mul_(observed.degrees.clamp(min=1).to(truths.dtype).unsqueeze(1))
        return _cut_below(truths.clamp_(max=self.ceiling), self.cut)

    def at_most(self, scores: Tensor, rows: Outlook) -> Tensor:
        # Degrees go in before the exponential: a bound of the softmax may be far above 1.
        factor = rows.degrees.clamp(min=1).to(scores.dtype).log() - rows.whole
        truths = scores.add_(factor.unsqueeze(1)).exp_()
        return _cut_below(truths.clamp_(max=self.ceiling), self.cut)

    def least(self, degrees: Tensor, whole: Tensor) -> Tensor:
        return math.log(self.cut) - degrees.clamp(min=1).log() + whole


@dataclass(frozen=True)
class MissingTails(_Named):
    """As `SoftmaxDegree`, of a softmax over the tails that are not known: p · n / (1 − Σ p).

    The sum goes over the n known tails; what is left counts as at least one in a hundred.
    """

    cut: float = 0.0002
    ceiling: float = 0.999
    frequency: float = 0.0

    @property
    def highest(self) -> float:
        return self.ceiling

    def truths(self, scores: Tensor, observed: Observed) -> Tensor:
        truths = _softmax(scores)
        known = truths[observed.rows, observed.columns].double()
        mass = torch.segment_reduce(known, "sum", lengths=observed.lengths)
        factor = observed.degrees.clamp(min=1) / (1 - mass).clamp(min=_LEAST_LEFT)
        truths.mul_(factor.to(truths.dtype).unsqueeze(1))
        return _cut_below(truths.clamp_(max=self.ceiling), self.cut)

    def at_most(self, scores: Tensor, rows: Outlook) -> Tensor:
        left = 1 - (rows.known - rows.whole).exp()
        log_left = rows.whole + left.clamp(min=_LEAST_LEFT).log()
        factor = rows.degrees.clamp(min=1).to(scores.dtype).log() - log_left
        truths = scores.add_(factor.unsqueeze(1)).exp_()
        return _cut_below(truths.clamp_(max=self.ceiling), self.cut)

    def least(self, degrees: Tensor, whole: Tensor) -> Tensor:
        return math.log(self.cut * _LEAST_LEFT) - degrees.clamp(min=1).log() + whole


@dataclass(frozen=True)
class MassNormalised(_Named):
    """Softmax scaled so that the known tails share their number as mass.

    p · n / Σ p over the n known tails (factor 1 without any), 0 up to `cut`, at most 1 − `epsilon`
    (FIT: Yin et al., ICLR 2024; cut 0.005 on FB15k-237, 0.0002 on NELL995).
    """

    cut: float = 0.005
    epsilon: float = 0.001

    @property
    def highest(self) -> float:
        return 1 - self.epsilon

    def truths(self, scores: Tensor, observed: Observed) -> Tensor:
        truths = _softmax(scores)
        # Summed by segments: the order is the same in every batch and on every device.
        known = truths[observed.rows, observed.columns].double()
        mass = torch.segment_reduce(known, "sum", lengths=observed.lengths)
        factor = torch.where(mass > 0, observed.lengths / mass, torch.ones_like(mass))
        truths.mul_(factor.to(truths.dtype).unsqueeze(1)).clamp_(max=1 - self.epsilon)
        return torch.threshold_(truths, self.cut, 0.0)

    def at_most(self, scores: Tensor, rows: Outlook) -> Tensor:
        # With known tails the sum over the whole row cancels out: n · e^s / Σ e^known.
        with_known = rows.lengths.to(scores.dtype).log() - rows.known
        factor = torch.where(rows.lengths > 0, with_known, -rows.whole)
        truths = scores.add_(factor.unsqueeze(1)).exp_().clamp_(max=1 - self.epsilon)
        return torch.nn.functional.threshold(truths, self.cut, 0.0)


@dataclass(frozen=True)
class Sigmoid(_Named):
    """1 / (1 + e^−score), 0 below `cut` (CQD: Arakelyan et al., ICLR 2021)."""

    cut: float = 0.0

    def truths(self, scores: Tensor, observed: Observed) -> Tensor:
        return self._of(scores)

    def at_most(self, scores: Tensor, rows: Outlook) -> Tensor:
        return self._of(scores)

    def least(self, degrees: Tensor, whole: Tensor) -> Tensor:
        return torch.full_like(whole, math.log(self.cut / (1 - self.cut)))

    def _of(self, scores: Tensor) -> Tensor:
        # Spelled out: torch.sigmoid rounds differently at the end of a block, exp does not.
        return _cut_below(scores.neg_().exp_().add_(1).reciprocal_(), self.cut)


@dataclass(frozen=True)
class MinMax(_Named):
    """ceiling · (score − row minimum) / (row maximum − row minimum), 0 below `cut` (CQD).

    A row whose scores are all equal tells nothing and becomes 0.
    """

    cut: float = 0.0
    ceiling: float = 1.0

    @property
    def highest(self) -> float:
        return self.ceiling

    def truths(self, scores: Tensor, observed: Observed) -> Tensor:
        high = scores.amax(1, keepdim=True)
        low = scores.masked_fill(scores.isneginf(), float("inf")).amin(1, keepdim=True)
        span = high - low
        scale = torch.where((span > 0) & span.isfinite(), self.ceiling / span, 0.0)
        low = torch.where(low.isfinite(), low, 0.0)
        truths = (scores - low).clamp_(min=0).mul_(scale).clamp_(max=self.ceiling)
        return _cut_below(truths, self.cut)


def _softmax(scores: Tensor) -> Tensor:
    """Row-wise softmax; a row without any finite score is all 0."""
    truths = torch.softmax(scores, 1)
    # Every pass over a block costs: this one only where it is needed.
    if scores.shape[1] and bool((empty := truths[:, :1].isnan()).any()):
        truths.masked_fill_(empty, 0.0)
    return truths


def _cut_below(truths: Tensor, cut: float) -> Tensor:
    if cut <= 0:
        return truths
    # What stays is above the greatest number below the cut: one pass, where a mask takes two.
    least = torch.tensor(cut, dtype=truths.dtype)
    below = float(torch.nextafter(least, least.new_zeros(())))
    return torch.threshold_(truths, below, 0.0)


CALIBRATIONS: dict[str, Callable[..., Calibration]] = {
    "softmax-degree": SoftmaxDegree,
    "missing-tails": MissingTails,
    "mass": MassNormalised,
    "sigmoid": Sigmoid,
    "min-max": MinMax,
}
NAMES: dict[object, str] = {kind: name for name, kind in CALIBRATIONS.items()}


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
