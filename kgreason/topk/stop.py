"""Stop conditions: what of a question's value has to be proved before the work may end."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

from torch import Tensor

from kgreason.execution import Open, Value, is_open
from kgreason.topk.proof import unresolved_threshold


class StopCondition(ABC):
    """When the bounds of one question are narrow enough."""

    @abstractmethod
    def unresolved(self, bounds: Open) -> float | None:
        """None when the bounds prove all that is wanted.

        Else how true the candidates are that must be looked at: 0 for all of them, 1 where that is
        not known.
        """

    def is_met(self, value: Value) -> bool:
        """Whether a value, exact or between bounds, proves all that is wanted."""
        return not is_open(value) or self.unresolved(value) is None


@dataclass(frozen=True, slots=True)
class AllTruths(StopCondition):
    """Every truth exactly."""

    def unresolved(self, bounds: Open) -> float | None:
        return 0.0


@dataclass(frozen=True, slots=True)
class TopK(StopCondition):
    """The truest answers with their truths and their order; 1 for a yes/no question.

    excluded: (answers, answer variables) int64 tuples that do not count, None to count all; in the
    plan's order of the variables.
    """

    count: int
    excluded: Tensor | None = None

    def unresolved(self, bounds: Open) -> float | None:
        if self.count == 0:
            return None
        return unresolved_threshold(bounds, self.count, self.excluded)
