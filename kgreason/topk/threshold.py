"""Thresholds: which candidates are looked at, step by step from the truest down to all."""

from __future__ import annotations

import math
from dataclasses import dataclass

# A smaller factor looks at more candidates; a larger one repeats the cheap part of a step oftener.
_FACTOR = 1 / 8
# Below this all candidates are looked at.
_LEAST = 1e-7
# At most so many candidates are looked at first; hubs have more.
_MAX_CANDIDATES = (32, 512)


@dataclass(frozen=True, slots=True)
class Threshold:
    """truth: how true a candidate of an ∃ must be to be looked at.

    max_candidates: how many of them are looked at where no other ∃ depends on them, None for all.
    """

    truth: float
    max_candidates: int | None = None

    def __lt__(self, other: Threshold) -> bool:
        """Whether it looks at fewer candidates."""
        if self.truth != other.truth:
            return self.truth > other.truth
        most = other.max_candidates
        return self.max_candidates is not None and (most is None or self.max_candidates < most)

    def next(self, needed: float, truncated: bool) -> Threshold:
        """The threshold after this one, which left something open.

        needed: how true the candidates are that must be looked at, see `StopCondition`. truncated:
        whether some were left out at this threshold for being too many.
        """
        if self.truth > 1:
            return INITIAL
        if needed <= 0:
            return EXHAUSTIVE
        if truncated and self.max_candidates is not None:
            own = self.max_candidates
            return Threshold(self.truth, next((n for n in _MAX_CANDIDATES if n > own), None))
        truth = self.truth * _FACTOR
        if truth < needed < self.truth:
            # Rounded, so that the questions of a batch share their steps.
            truth = max(truth, _power_of_two(needed))
        return Threshold(truth) if truth > _LEAST else EXHAUSTIVE


def _power_of_two(truth: float) -> float:
    """The greatest power of two that is not above a truth."""
    return 2.0 ** math.floor(math.log2(truth))


INITIAL = Threshold(1 / 4, _MAX_CANDIDATES[0])
EXHAUSTIVE = Threshold(0.0)
NO_CANDIDATES = Threshold(2.0)
"""Above any truth: nothing but the rows of constants is looked at."""
