"""How deep a question's candidates are looked at, step by step: from the truest down to all."""

from __future__ import annotations

import math
from dataclasses import dataclass

# Larger steps look at more candidates, more steps do the cheap part of each once more.
_DEEPER = 1 / 8
# Below this all are looked at.
_LEAST = 1e-7
# So many candidates are looked at first where they are more, as those of hubs are.
_CROWDS = (32, 512)


@dataclass(frozen=True, slots=True)
class Depth:
    """floor: how true a candidate of an ∃ must be to be looked at.

    crowd: how many of them are looked at, None for all, where no other ∃ depends on them.
    """

    floor: float
    crowd: int | None = None

    def __lt__(self, other: Depth) -> bool:
        """Whether it looks at less."""
        if self.floor != other.floor:
            return self.floor > other.floor
        return self.crowd is not None and (other.crowd is None or self.crowd < other.crowd)

    def next(self, needed: float, crowded: bool) -> Depth:
        """The depth after this one, which left something open.

        needed: how true the candidates are that must be looked at, see `Goal`. crowded: whether
        at this depth some were left out for being too many.
        """
        if needed <= 0:
            return ALL
        if crowded and self.crowd is not None:
            return Depth(self.floor, next((size for size in _CROWDS if size > self.crowd), None))
        floor = self.floor * _DEEPER
        if floor < needed < self.floor:
            # Rounded, so that questions of one batch meet in the same steps.
            floor = max(floor, _power_of_two(needed))
        return Depth(floor) if floor > _LEAST else ALL


def _power_of_two(truth: float) -> float:
    """The greatest power of two that is not above a truth."""
    return 2.0 ** math.floor(math.log2(truth))


FIRST = Depth(1 / 4, _CROWDS[0])
ALL = Depth(0.0)
