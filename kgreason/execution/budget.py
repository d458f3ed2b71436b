"""What a question may spend, and what it has spent."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from time import monotonic, perf_counter

from kgreason.compute import ComputationGraph, Step
from kgreason.errors import UsageError


@dataclass(frozen=True, slots=True)
class Budget:
    """A limit on the work of a question, for those who would rather have bounds than wait.

    rows: rows of the predictor that may be scored. seconds: wall-clock time. cancelled: returns
    whether nobody waits for the answer any more, for instance `threading.Event().is_set`; it is
    called often and must be cheap. None for no limit.
    """

    rows: int | None = None
    seconds: float | None = None
    cancelled: Callable[[], bool] | None = None

    def __post_init__(self) -> None:
        for name, value in (("rows", self.rows), ("seconds", self.seconds)):
            if value is not None and not value >= 0:
                raise UsageError(
                    f"a budget of {value:g} {name}", remedy=f"give 0 or more {name}, or none"
                )


class BudgetExceeded(Exception):  # noqa: N818
    """The next step would exceed the budget. Raised and caught inside a computation."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a computation has done, counted: the honest measure of a question's cost.

    rows: rows that were needed and had to be scored; rows that only fill a pass, which takes no
    longer for them, count when they are needed. passes: calls to the predictor. pairs: bindings of
    a variable to an entity, per instance. largest: most entries that one intermediate held. read:
    rows read from the row cache instead of being scored. foreseen: entities for which all links
    that lead there were bounded.
    """

    rows: int = 0
    passes: int = 0
    pairs: int = 0
    largest: int = 0
    read: int = 0
    foreseen: int = 0

    def __str__(self) -> str:
        read = f"{self.read:,} rows read, " if self.read else ""
        foreseen = f", links to {self.foreseen:,} entities bounded" if self.foreseen else ""
        return (
            f"{read}{self.rows:,} rows scored in {self.passes:,} passes, {self.pairs:,} bindings, "
            f"largest intermediate {self.largest:,} entries{foreseen}"
        )


class BudgetMeter:
    """The counters of one question, or of one batch, and the budget that they are held to.

    Time counts from the moment the meter is made. Not shared between threads.
    """

    def __init__(self, budget: Budget | None = None) -> None:
        self.rows = self.passes = self.read = 0
        self.pairs = self.largest = self.foreseen = 0
        budget = budget or Budget()
        self._cancelled = budget.cancelled
        self._rows_left = budget.rows
        self._end = None if budget.seconds is None else monotonic() + budget.seconds
        self._row_seconds = 0.0

    @property
    def is_cancelled(self) -> bool:
        """Whether nobody waits any more."""
        return self._cancelled is not None and self._cancelled()

    @property
    def work(self) -> Work:
        """The counters so far."""
        return Work(self.rows, self.passes, self.pairs, self.largest, self.read, self.foreseen)

    def timed(self, grace: float = 0.0) -> BudgetMeter:
        """Counters of their own, held to the same time but to no number of rows.

        grace: seconds after the end of this one.
        """
        own = BudgetMeter()
        own._end = None if self._end is None else self._end + grace
        own._cancelled = self._cancelled
        return own

    @property
    def is_limited(self) -> bool:
        """Whether the work may end before everything is proved."""
        return self.is_timed or self._rows_left is not None

    @property
    def is_timed(self) -> bool:
        """Whether the work may have to end at some moment."""
        return self._end is not None or self._cancelled is not None

    def check(self) -> None:
        """BudgetExceeded after the time has run out, or once nobody waits any more."""
        if self._end is not None and monotonic() >= self._end:
            raise BudgetExceeded
        if self.is_cancelled:
            raise BudgetExceeded

    def charge(self, rows: int) -> None:
        """Count rows that are needed and have to be scored; BudgetExceeded if they do not fit."""
        if self._rows_left is not None:
            if rows > self._rows_left:
                raise BudgetExceeded
            self._rows_left -= rows
        self.rows += rows

    def refund(self, rows: int) -> None:
        """Take back the charge of rows that were not scored after all."""
        if self._rows_left is not None:
            self._rows_left += rows
        self.rows -= rows

    def affordable(self, rows: int, at_least: int) -> int:
        """How many of these rows may be scored in the next pass, going by what rows took so far.

        at_least: rows that take as long as one.
        """
        if not self.is_timed or self._end is None:
            return rows
        if not self._row_seconds:
            return min(rows, at_least)
        return min(rows, max(at_least, int((self._end - monotonic()) / self._row_seconds)))

    def observe(self, rows: int, seconds: float) -> None:
        """A pass scored so many rows, counted in whole blocks, in so many seconds."""
        self.passes += 1
        self._row_seconds = seconds / rows


@dataclass(slots=True)
class StepWork:
    """What one step of a computation graph has done, without the steps in its block.

    runs: how often it was computed. entries: of its values, all instances and pairs together, at
    the last threshold. rows, seconds: scored and spent, at all thresholds together.
    """

    runs: int = 0
    entries: int = 0
    rows: int = 0
    seconds: float = 0.0


class Profile:
    """The work of each step of one computation graph, for `explain`. Not shared by threads."""

    def __init__(self) -> None:
        self._graph = ComputationGraph((), ())
        self._work: dict[int, StepWork] = {}
        self._around: list[StepWork] = []

    def steps(self) -> Iterator[tuple[str, Step, StepWork | None]]:
        """Name, step and work of every step.

        None for one that did not run by itself: a binder may compute its whole block at once.
        """
        for name, step in self._graph.steps():
            yield name, step, self._work.get(id(step))

    def to_list(self) -> list[dict[str, object]]:
        """Plain values for JSON; seconds, and no work for a step that did not run by itself."""
        return [
            {"step": name, "kind": step.kind.value, "expected": step.expected}
            | (asdict(work) if work else {})
            for name, step, work in self.steps()
        ]

    def begin(self, graph: ComputationGraph) -> None:
        """The graph is computed, at another threshold if it was before."""
        if graph is not self._graph:
            self._graph, self._work = graph, {}
        for work in self._work.values():
            work.entries = 0

    @contextmanager
    def measured(self, step: Step, meter: BudgetMeter) -> Iterator[StepWork]:
        """Count what is done inside for this step, and no longer for the one around it."""
        own = self._work.setdefault(id(step), StepWork())
        rows, start = meter.rows, perf_counter()
        self._around.append(own)
        try:
            yield own
        finally:
            self._around.pop()
            scored, seconds = meter.rows - rows, perf_counter() - start
            own.runs += 1
            own.rows += scored
            own.seconds += seconds
            if self._around:
                self._around[-1].rows -= scored
                self._around[-1].seconds -= seconds
