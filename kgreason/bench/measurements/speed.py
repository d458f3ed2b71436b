"""How fast questions are answered, and for how many rows, against other ways to do it.

All in one run, on the same questions, batch by batch. Every batch starts cold, with no row at hand
(the model and the facts are loaded), and is asked again at once, which is warm. Ratios within a run
mean something on a busy machine too.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import torch

from kgreason.answers import rank, without
from kgreason.bench.measurements.dense import DenseEvaluator
from kgreason.bench.measurements.dense_links import require_room
from kgreason.bench.measurements.roofline import (
    TimedPredictor,
    clock,
    forget_peak,
    peak_memory,
    product_rate,
)
from kgreason.bench.runs.metrics import ProvedRanks, rank_bounds, same_first
from kgreason.bench.suites.questions import BenchmarkQuestion, Suite
from kgreason.bench.suites.values import vector_or_bounds
from kgreason.errors import UsageError
from kgreason.execution import BudgetMeter, RowStore, Value, lower
from kgreason.execution.memory import ROWS, MemoryPool
from kgreason.knowledge import FactIndex, KnowledgeGraph
from kgreason.metrics.averages import Ranks
from kgreason.metrics.ranking import filtered_ranks
from kgreason.predictors import CalibratedPredictor, FactPredictor, load_predictor
from kgreason.predictors.scorer import scoring_dtype
from kgreason.settings import Settings
from kgreason.topk import Reasoner, StopCondition, TopK
from kgreason.truth.rows import TruthRows, truth_dtype
from kgreason.truth.vector import TruthVector

FULL, RANKS, TOP = "all truths", "proved ranks", "proved top {}"
DENSE, CACHED = "dense", "dense in cache"
AS_PUBLISHED = Settings(calibration="softmax-degree")
Progress = Callable[[int, int, str], None]
"""Called with the questions done, their total (over all ways), and the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedSettings:
    """What is measured.

    batch: questions computed together. top: how many new answers are to be proved. beams:
    candidates that beams keep. dense: of how many questions of each type the dense evaluation is
    timed, None for all. values: most values of a cycle's variable that it enumerates, see
    `DenseEvaluator`.
    """

    model: Path
    reasoning: Settings = AS_PUBLISHED
    batch: int = 1
    top: int = 10
    beams: tuple[int, ...] = (8, 64)
    dense: int | None = None
    values: int | None = 16


@dataclass(frozen=True, slots=True)
class Way:
    """One way to answer. wants: FULL, RANKS, TOP, DENSE or CACHED; frontier: see `Reasoner`."""

    name: str
    wants: str
    frontier: int | None = None


@dataclass(slots=True)
class Measured:
    """One way on the questions of one type.

    cold, warm: seconds of each question, the share of its batch; no warm for a way that keeps
    nothing. rows: rows scored for each, cold. ranks: of each question's hard answers, None where
    they are not computed for all. compared: questions whose outcome is known, equal: those of them
    that came out exactly as with all truths computed.
    scoring: operations per second of the products in the time that scoring rows took, and product
    that of the bare product just before; None where no row was scored, or for other ways than FULL.
    seconds: in which rows were scored. counts: how many questions, by type.
    """

    way: str
    type: str
    cold: list[float] = field(default_factory=list)
    warm: list[float] = field(default_factory=list)
    rows: list[float] = field(default_factory=list)
    ranks: list[Ranks] | None = None
    compared: int = 0
    equal: int = 0
    scoring: float | None = None
    product: float | None = None
    seconds: float = 0.0
    counts: list[tuple[str, int]] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Speed:
    """A whole run. peaks: by way, most bytes held in memory while it was at work."""

    suite: str
    settings: SpeedSettings
    predictor: str
    block_rows: int
    measured: tuple[Measured, ...]
    peaks: dict[str, int]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a question: exact ranks where known, and the first answers that are new."""

    ranks: Ranks | None
    first: list[tuple[int, float]]


def ways(settings: SpeedSettings) -> tuple[Way, ...]:
    """The ways that a run compares, the first of them what the others are held to."""
    beams = (Way(f"beam {size}", FULL, size) for size in settings.beams)
    dense = (Way(DENSE, DENSE), Way(CACHED, CACHED)) if settings.dense != 0 else ()
    top = TOP.format(settings.top)
    return (Way(FULL, FULL), Way(RANKS, RANKS), Way(f"{top} new", TOP), *beams, *dense)


def measure(
    suite: Suite, graph: KnowledgeGraph, settings: SpeedSettings, progress: Progress | None = None
) -> Speed:
    """Answer every question of the suite in every way.

    Raises UsageError for a model without scores, LimitError where dense matrices do not fit.
    """
    predictor = load_predictor(settings.model, graph, settings.reasoning)
    if not isinstance(predictor, CalibratedPredictor):
        raise UsageError("known facts have no rows to score", remedy="give a checkpoint with -m")
    if settings.dense != 0:
        require_room(graph.entity_count)
    # What planning wants to know of the model is learnt before the clock starts.
    predictor.price()
    questions = {kind: _rankable(asked) for kind, asked in suite.questions.items()}
    run = _Run(graph, predictor, settings)
    total = len(ways(settings)) * sum(map(len, questions.values()))
    done, found, peaks = 0, [], {}
    for way in ways(settings):
        forget_peak()
        for kind, asked in questions.items():
            found.append(run.measure(way, kind, asked))
            done += len(asked)
            if progress is not None:
                progress(done, total, f"{way.name}, {kind}")
        peaks[way.name] = peak_memory()
    whole = predictor.name, predictor.block_rows
    return Speed(suite.name, settings, *whole, tuple(found), peaks)


def _rankable(questions: Sequence[BenchmarkQuestion]) -> list[BenchmarkQuestion]:
    return [one for one in questions if len(one.hard)]


class _Run:
    """Measures one way and type after the other; remembers what computing all truths gave."""

    def __init__(
        self, graph: KnowledgeGraph, predictor: CalibratedPredictor, settings: SpeedSettings
    ) -> None:
        self._predictor = predictor
        self._settings = settings
        self._reasoning = settings.reasoning
        self._facts: FactIndex = graph.index(self._reasoning.splits(graph))
        self._known = Reasoner(FactPredictor(self._facts), self._facts)
        self._expected: dict[str, list[Outcome | None]] = {}
        self._dtype = truth_dtype(settings.reasoning.dtype)

    def measure(self, way: Way, kind: str, questions: Sequence[BenchmarkQuestion]) -> Measured:
        found = Measured(way.name, kind)
        if way.name == FULL:
            found.product = product_rate(self._predictor, scoring_dtype(self._reasoning.dtype))
        timed = TimedPredictor(self._predictor)
        outcomes: list[Outcome | None]
        if way.wants in (DENSE, CACHED):
            questions = questions[: self._settings.dense]
            outcomes = [self._dense(one, found, way) for one in questions]
        else:
            size = self._settings.batch
            outcomes = [
                outcome
                for start in range(0, len(questions), size)
                for outcome in self._batch(way, questions[start : start + size], timed, found)
            ]
        found.counts.append((kind, len(questions)))
        if way.name == FULL:
            found.scoring, found.seconds = timed.rate or None, timed.seconds
        expected = self._expected.setdefault(kind, outcomes)
        pairs = [
            (one, other)
            for one, other in zip(outcomes, expected, strict=False)
            if one is not None and other is not None
        ]
        found.compared, found.equal = len(pairs), sum(_is_equal(*pair) for pair in pairs)
        ranks = [one.ranks for one in outcomes if one is not None and one.ranks is not None]
        found.ranks = ranks if ranks and len(ranks) == len(outcomes) else None
        return found

    def _batch(
        self,
        way: Way,
        questions: Sequence[BenchmarkQuestion],
        timed: TimedPredictor,
        found: Measured,
    ) -> Iterator[Outcome]:
        reasoner = Reasoner(timed, self._facts, self._reasoning.but(frontier=way.frontier))
        now = clock(self._reasoning.device)
        start = now()
        meter = BudgetMeter()
        values = self._values(reasoner, way, questions, meter)
        cold = now() - start
        rows = meter.rows
        self._values(reasoner, way, questions, BudgetMeter())
        warm = now() - start - cold
        share = len(questions)
        found.cold += [cold / share] * share
        found.warm += [warm / share] * share
        found.rows += [rows / share] * share
        for question, value in zip(questions, values, strict=True):
            yield self._outcome(way, question, value)

    def _values(
        self,
        reasoner: Reasoner,
        way: Way,
        questions: Sequence[BenchmarkQuestion],
        meter: BudgetMeter,
    ) -> list[Value]:
        plans = [reasoner.prepare(question.query)[1] for question in questions]
        if way.wants == FULL:
            return list(reasoner.truths(plans, meter))
        return list(reasoner.settle(plans, [self._stop(way, one) for one in questions], meter))

    def _stop(self, way: Way, question: BenchmarkQuestion) -> StopCondition:
        if way.wants == RANKS:
            return ProvedRanks(question.easy, question.hard)
        return TopK(self._settings.top, self._known_answers(question))

    def _known_answers(self, question: BenchmarkQuestion) -> torch.Tensor:
        _, plan = self._known.prepare(question.query)
        (value,) = self._known.truths([plan])
        return rank(value, plan.columns, question.query.free).entities

    def _dense(self, question: BenchmarkQuestion, found: Measured, way: Way) -> Outcome | None:
        """None where only a part of what the outcome depends on was computed."""
        memory, device = self._reasoning.max_memory, torch.device(self._reasoning.device)
        store = RowStore(self._predictor, self._dtype, device, MemoryPool(memory).own(ROWS))
        evaluator = DenseEvaluator(
            store,
            memory,
            values=self._settings.values,
            whole=way.wants == DENSE,
            dtype=self._dtype,
            device=device,
        )
        form, _ = self._known.prepare(question.query)
        dense = evaluator.evaluate(form.graph)
        found.cold.append(dense.seconds)
        if dense.truths is None:
            return None
        rows = TruthRows.from_dense(dense.truths[None])
        vector = TruthVector.from_rows(rows, self._predictor.entity_count)
        return self._outcome(Way(way.name, FULL), question, vector)

    def _outcome(self, way: Way, question: BenchmarkQuestion, value: Value) -> Outcome:
        bounds = vector_or_bounds(value)
        ranks: Ranks | None = None
        if way.wants == FULL:
            assert isinstance(bounds, TruthVector)
            ranks = filtered_ranks(bounds, question.easy, question.hard)
        elif way.wants == RANKS:
            ranks, _ = rank_bounds(bounds, question.easy, question.hard)
        if way.wants == RANKS:
            return Outcome(ranks, [])
        free = question.query.free
        first = without(rank(lower(value), free, free), self._known_answers(question))
        pairs = zip(first.entities[:, 0].tolist(), first.truths.tolist(), strict=True)
        return Outcome(ranks, list(pairs)[: self._settings.top])


def _is_equal(found: Outcome, expected: Outcome) -> bool:
    if found.ranks is None or expected.ranks is None:
        return same_first(found.first, expected.first)
    return bool(np.array_equal(found.ranks, expected.ranks))
