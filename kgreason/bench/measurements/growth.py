"""How time and rows grow with the graph, the model and the question, on synthetic graphs.

One size grows at a time, the others stay at `Shape`'s own. What is timed is the proof of the first
new answers, cold, on questions that are paths.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from kgreason.answers import rank
from kgreason.bench.measurements.roofline import clock, clock_name, table_reads
from kgreason.bench.measurements.synthetic import Shape, World, make_paths, make_world
from kgreason.bench.tables import Cell, Table
from kgreason.execution import Budget, BudgetMeter
from kgreason.formula import Query
from kgreason.predictors import FactPredictor
from kgreason.settings import USUAL, Settings
from kgreason.topk import Reasoner, TopK

AXES: dict[str, tuple[int, ...]] = {
    "entities": (10_000, 30_000, 100_000, 300_000, 1_000_000, 5_000_000),
    "facts": (5, 20, 80),
    "rank": (50, 100, 200, 400),
    "variables": (1, 2, 3, 4, 5, 6),
    "batch": (1, 4, 16, 64),
}
"""Fields of `Shape` and the sizes that each takes."""

Progress = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthSettings:
    """axes: which sizes grow. largest: most entities. questions: batches at each point.

    top: how many new answers are proved. seconds: after which a batch is ended, unproved.
    """

    axes: tuple[str, ...] = tuple(AXES)
    largest: int = 100_000
    questions: int = 5
    top: int = 10
    seconds: float = 30.0
    reasoning: Settings = USUAL
    seed: int = 0


@dataclass(frozen=True, slots=True)
class Point:
    """One size. seconds, rows: medians over the batches, for each question; proved: batches.

    reads: time of a pass over the entities, in those of reading their embeddings; 0 not measured.
    """

    size: int
    seconds: float
    rows: float
    proved: int
    batches: int
    reads: float = 0.0


@dataclass(frozen=True, slots=True)
class Curve:
    """The points of one axis, by size."""

    axis: str
    points: tuple[Point, ...]

    def exponent(self, of: str) -> float | None:
        """Slope of log(`seconds` or `rows`) over log(size), by least squares; None for a point."""
        kept = [(p.size, getattr(p, of)) for p in self.points if getattr(p, of) > 0]
        if len(kept) < 2:
            return None
        size, value = np.log(np.array(kept, dtype=float)).T
        return float(np.polyfit(size, value, 1)[0])


def grow(settings: GrowthSettings, progress: Progress | None = None) -> list[Curve]:
    """Measure every curve."""
    shapes = {axis: list(_shapes(axis, settings.largest)) for axis in settings.axes}
    total, done = sum(map(len, shapes.values())), 0
    curves, made = [], _Worlds(settings)
    for axis, several in shapes.items():
        points = []
        for shape in several:
            size = getattr(shape, axis)
            if progress is not None:
                progress(done, total, f"{axis} {size:,}")
            point = _point(size, shape, made.of(shape), settings)
            if axis == "entities":
                point = replace(point, reads=table_reads(made.of(shape).predictor))
            points.append(point)
            done += 1
        curves.append(Curve(axis, tuple(points)))
    return curves


def _shapes(axis: str, largest: int) -> Iterator[Shape]:
    base = Shape(entities=min(Shape().entities, largest))
    for size in AXES[axis]:
        if axis != "entities" or size <= largest:
            yield replace(base, **{axis: size})


class _Worlds:
    """The world of the last shape: several points may share it, two are never held at once."""

    def __init__(self, settings: GrowthSettings) -> None:
        self._settings = settings
        self._key: object = None
        self._world: World | None = None

    def of(self, shape: Shape) -> World:
        key = (shape.entities, shape.facts, shape.rank)
        if self._world is None or key != self._key:
            self._world = None
            self._world = make_world(shape, self._settings.seed, self._settings.reasoning.device)
            self._key = key
        return self._world


def _point(size: int, shape: Shape, world: World, settings: GrowthSettings) -> Point:
    count = settings.questions * shape.batch
    asked = make_paths(world, shape.variables, count, settings.seed)
    world.predictor.price()
    seconds, rows, proved = [], [], 0
    for start in range(0, count, shape.batch):
        spent, scored, certain = _timed(asked[start : start + shape.batch], world, settings)
        seconds.append(spent / shape.batch)
        rows.append(scored / shape.batch)
        proved += certain
    middle = float(np.median(seconds)), float(np.median(rows))
    return Point(size, *middle, proved, settings.questions)


def _timed(
    asked: Sequence[Query[int]], world: World, settings: GrowthSettings
) -> tuple[float, int, bool]:
    """Seconds and rows of a batch from nothing, and whether all of it was proved."""
    known = Reasoner(FactPredictor(world.index), world.index)
    reasoner = Reasoner(world.predictor, world.index, settings.reasoning)
    now = clock(settings.reasoning.device)
    start = now()
    wanted = []
    for query in asked:
        _, plan = known.prepare(query)
        (value,) = known.truths([plan])
        wanted.append(TopK(settings.top, rank(value, plan.columns, query.free).entities))
    plans = [reasoner.prepare(query)[1] for query in asked]
    meter = BudgetMeter(Budget(seconds=settings.seconds))
    found = list(reasoner.settle(plans, wanted, meter))
    spent = now() - start
    proved = all(one.is_met(value) for one, value in zip(wanted, found, strict=True))
    return spent, meter.rows, proved


def growth_tables(curves: Sequence[Curve], settings: GrowthSettings) -> list[Table]:
    """A table for each curve."""
    base = Shape(entities=min(Shape().entities, settings.largest))
    note = (
        f"otherwise {base.entities:,} entities, {base.facts} facts each, rank {base.rank}, paths "
        f"of {base.variables} variables, {base.batch} at a time; medians of {settings.questions}; "
        f"until the first {settings.top} new answers are proved, at most {settings.seconds:g} s; "
        f"seed {settings.seed}; {clock_name(settings.reasoning.device)}"
    )
    return [_table(curve, note) for curve in curves]


def _table(curve: Curve, note: str) -> Table:
    columns = [curve.axis, "ms a question", "rows a question", "proved"]
    notes = [_exponents(curve), note]
    with_reads = any(point.reads > 0 for point in curve.points)
    if with_reads:
        columns.append("table reads")
        notes.append("table reads: time of a block of rows, in those of reading all embeddings")
    rows = []
    for point in curve.points:
        proved = f"{point.proved} of {point.batches}"
        row: list[Cell] = [point.size, 1000 * point.seconds, point.rows, proved]
        rows.append((*row, point.reads) if with_reads else tuple(row))
    return Table(f"growth with {curve.axis}", tuple(columns), tuple(rows), tuple(notes))


def _exponents(curve: Curve) -> str:
    found = {name: curve.exponent(name) for name in ("seconds", "rows")}
    told = [f"{name} ∝ size^{slope:.2f}" for name, slope in found.items() if slope is not None]
    return "least squares of the logarithms: " + (", ".join(told) or "one point has no slope")
