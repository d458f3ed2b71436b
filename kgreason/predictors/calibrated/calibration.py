"""From score to truth: what a calibration is, and two families whose bounds follow from a formula.

A calibration is a frozen dataclass whose text form (`softmax-degree:cut=0.0002`) reads back to an
equal value. Statistics are taken in the dtype of the scores (float32 or float64).
"""

from __future__ import annotations

import dataclasses
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from typing import Any, ClassVar

import torch
from torch import Tensor

from kgreason.errors import UsageError


@dataclass(frozen=True, slots=True)
class Observed:
    """The known facts beneath a block of scores.

    degrees: (rows,) int64, known tails per row, including those that have no score.
    lengths: (rows,) int64, known tails per row that have a score.
    rows, columns: (entries,) int64, their positions in the block, row by row.
    """

    degrees: Tensor
    lengths: Tensor
    rows: Tensor
    columns: Tensor


@dataclass(frozen=True, slots=True)
class RowStatistics:
    """What is known of rows before they are scored, one value per row.

    degrees, lengths: as in `Observed`. known: log of the sum of e^score over the known tails that
    have a score, −inf without any. whole: a lower bound of the log of that sum over all tails.
    """

    degrees: Tensor
    lengths: Tensor
    known: Tensor
    whole: Tensor


def parameter(default: float, *, above: bool = False) -> Any:
    """A parameter of a calibration, in [0, 1), or in (0, 1] if `above`."""
    return dataclasses.field(default=default, metadata={"above": above})


class Calibration(ABC):
    """A map from a block of scores to truths.

    label: the name in text form. A subclass is a frozen dataclass with the parameters as fields,
    `cut` among them: truths below it are 0.
    """

    label: ClassVar[str]
    cut: float

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):  # type: ignore[arg-type]
            value, above = getattr(self, field.name), field.metadata["above"]
            if not (0 < value <= 1 if above else 0 <= value < 1):
                interval = "(0, 1]" if above else "[0, 1)"
                raise UsageError(
                    f"{field.name} = {value:g} is outside {interval} in calibration {self.label}",
                    remedy=f"give {field.name} a value in {interval}",
                )

    @property
    def name(self) -> str:
        """Text that `parse_calibration` reads back to an equal value."""
        fields = dataclasses.fields(self)  # type: ignore[arg-type]
        return f"{self.label}:" + ",".join(f"{f.name}={getattr(self, f.name):g}" for f in fields)

    @property
    def highest(self) -> float:
        """An upper bound of all truths."""
        return 1.0

    @property
    def frequency(self) -> float:
        """Power of 1 + the known links of a tail under the relation, which weighs e^score.

        Scores come with its logarithm added, see `Frequencies`.
        """
        return 0.0

    @property
    def is_bounded(self) -> bool:
        """Whether `upper_bounds` tells anything."""
        return False

    @property
    def is_prunable(self) -> bool:
        """Whether `min_score` tells anything."""
        return False

    @abstractmethod
    def truths(self, scores: Tensor, observed: Observed) -> Tensor:
        """(rows, columns) scores, −inf where no link may be -> truths of the same shape.

        May overwrite `scores`. A row depends on nothing but its own scores and facts.
        """

    def upper_bounds(self, scores: Tensor, rows: RowStatistics) -> Tensor:
        """(rows, columns) scores of some tails -> upper bounds of their truths.

        May overwrite `scores`. Rising in the scores; exact where the sums in `rows` are.
        """
        return torch.full_like(scores, self.highest)

    def min_score(self, degrees: Tensor, lengths: Tensor, whole: Tensor) -> Tensor:
        """(rows,) each -> scores below which every truth is 0.

        degrees, lengths: as in `Observed`. whole: log of the sum of e^score over some of the tails;
        over more of them the result is not lower. −inf unless `is_prunable`.
        """
        return torch.full_like(whole, -torch.inf)

    def _cut(self, truths: Tensor) -> Tensor:
        return cut_below(truths, self.cut)


class Pointwise(Calibration):
    """A calibration of each score by itself: `truth_of`, from which all else follows."""

    @abstractmethod
    def truth_of(self, scores: Tensor) -> Tensor:
        """Scores of any shape -> truths, rising in the score. May overwrite `scores`."""

    @property
    def highest(self) -> float:
        return float(self.truth_of(torch.tensor([torch.inf], dtype=torch.float64)))

    @property
    def is_bounded(self) -> bool:
        return True

    @property
    def is_prunable(self) -> bool:
        return self.cut > 0

    def truths(self, scores: Tensor, observed: Observed) -> Tensor:
        return self._cut(self.truth_of(scores))

    def upper_bounds(self, scores: Tensor, rows: RowStatistics) -> Tensor:
        return self._cut(self.truth_of(scores))

    def min_score(self, degrees: Tensor, lengths: Tensor, whole: Tensor) -> Tensor:
        return torch.full_like(whole, _score_at(self) if self.is_prunable else -torch.inf)


class ScaledSoftmax(Calibration):
    """min(highest, softmax · n / d), n and d by row: `scale`, from which all else follows."""

    rises: ClassVar[bool] = True
    """Whether n / d never falls as the known tails take a greater share of the softmax."""

    @abstractmethod
    def scale(
        self, degrees: Tensor, lengths: Tensor, known: Callable[[], Tensor]
    ) -> tuple[Tensor, Tensor]:
        """(rows,) each -> n and d, positive, (rows,).

        degrees, lengths: as in `Observed`. known: computes the share of the known tails in the
        softmax, (rows,) float64, from 0; more than 1 only where sums are bounds.
        """

    @property
    def is_bounded(self) -> bool:
        return True

    @property
    def is_prunable(self) -> bool:
        return self.rises and self.cut > 0

    def truths(self, scores: Tensor, observed: Observed) -> Tensor:
        truths = _softmax(scores)

        def known() -> Tensor:
            # Summed by segments: the order is the same in every batch and on every device.
            shares = truths[observed.rows, observed.columns].double()
            return torch.segment_reduce(shares, "sum", lengths=observed.lengths)

        over, under = self.scale(observed.degrees, observed.lengths, known)
        truths.mul_((over.double() / under).to(truths.dtype).unsqueeze(1))
        return self._cut(truths.clamp_(max=self.highest))

    def upper_bounds(self, scores: Tensor, rows: RowStatistics) -> Tensor:
        def known() -> Tensor:
            return (rows.known.double() - rows.whole).exp()

        over, under = self.scale(rows.degrees, rows.lengths, known)
        # The scale goes in before the exponential: a bound of the softmax may be far above 1.
        factor = over.double().log() - (rows.whole + under.double().log())
        truths = scores.add_(factor.to(scores.dtype).unsqueeze(1)).exp_()
        return self._cut(truths.clamp_(max=self.highest))

    def min_score(self, degrees: Tensor, lengths: Tensor, whole: Tensor) -> Tensor:
        if not self.is_prunable:
            return super().min_score(degrees, lengths, whole)
        over, under = self.scale(degrees, lengths, lambda: torch.ones_like(whole))
        return (self.cut * under.double() / over).log() + whole


@cache
def _score_at(calibration: Pointwise) -> float:
    """The greatest score whose truth is 0, by bisection; −inf where all truths are positive."""
    low, high = -1e4, 1e4
    if _is_listed(calibration, low):
        return -float("inf")
    while (middle := (low + high) / 2) not in (low, high):
        low, high = (low, middle) if _is_listed(calibration, middle) else (middle, high)
    return low


def _is_listed(calibration: Pointwise, score: float) -> bool:
    scores = torch.tensor([score], dtype=torch.float64)
    return bool(cut_below(calibration.truth_of(scores), calibration.cut) > 0)


def _softmax(scores: Tensor) -> Tensor:
    """Row-wise softmax; a row without any finite score is all 0."""
    truths = torch.softmax(scores, 1)
    # Every pass over a block costs: this one only where it is needed.
    if scores.shape[1] and bool((empty := truths[:, :1].isnan()).any()):
        truths.masked_fill_(empty, 0.0)
    return truths


def cut_below(truths: Tensor, cut: float) -> Tensor:
    """Set what is below the cut to 0, in place."""
    if cut <= 0:
        return truths
    # What stays is above the greatest number below the cut: one pass, where a mask takes two.
    least = torch.tensor(cut, dtype=truths.dtype)
    below = float(torch.nextafter(least, least.new_zeros(())))
    return torch.threshold_(truths, below, 0.0)
