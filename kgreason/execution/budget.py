"""A limit on the work of a computation, for those who would rather have bounds than wait."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic

from kgreason.errors import UsageError


@dataclass(frozen=True, slots=True)
class Budget:
    """rows: at most so many rows scored; seconds: about so long; None for no limit."""

    rows: int | None = None
    seconds: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("rows", self.rows), ("seconds", self.seconds)):
            if value is not None and not value >= 0:
                raise UsageError(
                    f"a budget of {value:g} {name}", remedy=f"give 0 or more {name}, or none"
                )


class OutOfBudget(Exception):  # noqa: N818
    """The next rows would exceed the budget. Raised and caught inside a computation."""


class Purse:
    """A budget as it is spent."""

    def __init__(self, budget: Budget) -> None:
        self._rows = budget.rows
        self._end = None if budget.seconds is None else monotonic() + budget.seconds
        self._row_seconds = 0.0

    def pay(self, rows: int, scored: int) -> None:
        """Take so many rows off; OutOfBudget if they do not fit.

        scored: rows that are yet to be scored, whole blocks of them. Time goes by what rows took so
        far.
        """
        if self._rows is not None and rows > self._rows:
            raise OutOfBudget
        if (
            scored
            and self._end is not None
            and self._end < monotonic() + scored * self._row_seconds
        ):
            raise OutOfBudget
        if self._rows is not None:
            self._rows -= rows

    def note(self, rows: int, seconds: float) -> None:
        """So many rows, whole blocks of them, were scored in so many seconds."""
        self._row_seconds = seconds / rows
