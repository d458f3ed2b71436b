"""The benchmark runner: questions of all types in common batches, each written when it is done.

A question's figures do not depend on its batch, on the order or on the memory ceiling, so a run
that was ended and gone on with is the run that was not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import islice, zip_longest
from pathlib import Path
from time import perf_counter

import torch

from kgreason import __version__
from kgreason.bench.averages import family_of
from kgreason.bench.fingerprints import facts_fingerprint, model_fingerprint, suite_fingerprint
from kgreason.bench.methods import Method
from kgreason.bench.metrics import Ranks, question_figures, rank_bounds, tie_share
from kgreason.bench.questions import BenchmarkQuestion, Suite, require_fit, restrict
from kgreason.bench.records import FORMAT, Header, Record, Run, RunFile
from kgreason.bench.values import vector_or_bounds
from kgreason.errors import UsageError
from kgreason.execution import Bounds, Value
from kgreason.formula import Exists, walk
from kgreason.knowledge import KnowledgeGraph
from kgreason.planning import Plan
from kgreason.predictors import load_predictor
from kgreason.reasoner import DEFAULT_MEMORY, Reasoner
from kgreason.truth import resolve_logic

DEFAULT_BATCH = 64

Progress = Callable[[int, int, float], None]
"""Called with the questions done, their total, and the mean reciprocal rank of those done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """What a run does.

    model: a checkpoint, None for methods without one. observed: splits whose facts are known.
    tolerance: how far a question's mean reciprocal rank may be from the exact one, 0 for exact.
    batch: questions computed together, and written together. max_memory: bytes; neither of these
    two changes a figure.
    """

    method: Method
    model: Path | None = None
    observed: tuple[str, ...] = ("train",)
    ties: str = "expected"
    dtype: str = "float32"
    device: str = "cpu"
    max_memory: int = DEFAULT_MEMORY
    batch: int = DEFAULT_BATCH
    tolerance: float = 0.0


@dataclass(frozen=True, slots=True)
class Task:
    """A question and its place in its suite."""

    suite: Suite
    type: str
    index: int
    question: BenchmarkQuestion

    @property
    def key(self) -> tuple[str, str, int]:
        return self.suite.name, self.type, self.index


def run(
    suites: Sequence[Suite],
    graphs: Mapping[Path, KnowledgeGraph],
    settings: RunSettings,
    output: Path,
    *,
    types: Sequence[str] | None = None,
    limit: int | None = None,
    progress: Progress | None = None,
) -> Run:
    """Ask what is not in `output` yet, writing as it goes, and return the whole run.

    suites: as read; types and limit restrict them (see `Suite.only`), and their fingerprints do
    not depend on it. graphs: by the path that a suite names. A question without hard answers has
    nothing to rank and is left out. Raises UsageError when `output` holds another run.
    """
    tie_share(settings.ties)
    if settings.method.scores == (settings.model is None):
        raise UsageError(
            f"the method {settings.method.name} needs {'a' if settings.method.scores else 'no'} "
            "model",
            remedy="give a checkpoint with -m" if settings.method.scores else "leave out -m",
        )
    _require_own_names(suites)
    chosen = restrict(suites, types, limit)
    for suite in chosen:
        require_fit(suite, graphs[suite.graph])
    whole = {suite.name: suite for suite in suites}
    header = make_header([(whole[suite.name], suite) for suite in chosen], graphs, settings)
    with RunFile(output, header) as file:
        tasks = {path: list(_tasks(chosen, path)) for path in graphs}
        total = sum(map(len, tasks.values()))
        sums = [record.figures["MRR"] for record in file.run.records]
        for path, several in tasks.items():
            left = [task for task in several if task.key not in file]
            if not left:
                continue
            for records in answer(left, graphs[path], settings):
                file.append(records)
                sums += [record.figures["MRR"] for record in records]
                if progress is not None:
                    progress(len(sums), total, sum(sums) / len(sums))
        return file.run


def make_header(
    suites: Sequence[tuple[Suite, Suite]],
    graphs: Mapping[Path, KnowledgeGraph],
    settings: RunSettings,
) -> Header:
    """Everything that a figure depends on. suites: pairs of a whole suite and what is asked."""
    model = settings.model
    return {
        "format": FORMAT,
        "version": __version__,
        "method": asdict(settings.method),
        "model": model and {"name": model.name, "sha256": model_fingerprint(model)},
        "observed": list(settings.observed),
        "ties": settings.ties,
        "tolerance": settings.tolerance,
        "dtype": settings.dtype,
        "device": settings.device,
        "suites": [
            {
                "name": asked.name,
                "family": family_of(whole.types),
                "graph": graphs[asked.graph].name,
                "calibration": settings.method.calibration_for(graphs[asked.graph].name),
                "sha256": suite_fingerprint(whole),
                "facts_sha256": facts_fingerprint(graphs[asked.graph], settings.observed),
                "types": {kind: len(_rankable(asked, kind)) for kind in asked.types},
            }
            for whole, asked in suites
        ],
        "machine": {"max_memory": settings.max_memory, "batch": settings.batch},
    }


def make_reasoner(graph: KnowledgeGraph, settings: RunSettings, calibration: str) -> Reasoner:
    """The engine as the method wants it."""
    method = settings.method
    predictor = load_predictor(
        settings.model or "facts",
        graph,
        observed=settings.observed,
        observed_truth=method.observed_truth,
        calibration=calibration,
        device=settings.device,
        dtype=settings.dtype,
    )
    return Reasoner(
        predictor,
        graph.index(settings.observed),
        resolve_logic(method.logic),
        method.semantics,
        dtype=torch.float64 if settings.dtype == "float64" else torch.float32,
        device=settings.device,
        max_memory=settings.max_memory,
        frontier=method.frontier,
    )


def answer(
    tasks: Iterable[Task], graph: KnowledgeGraph, settings: RunSettings
) -> Iterator[list[Record]]:
    """Records of the tasks, batch by batch; those of one calibration after those of another."""
    calibrations: dict[str, list[Task]] = {}
    for task in tasks:
        direct = not any(isinstance(part, Exists) for part in walk(task.question.query.formula))
        calibration = settings.method.calibration_for(graph.name, direct=direct)
        calibrations.setdefault(calibration, []).append(task)
    for calibration, several in calibrations.items():
        yield from _answer(several, make_reasoner(graph, settings, calibration), settings)


def _answer(
    tasks: Iterable[Task], reasoner: Reasoner, settings: RunSettings
) -> Iterator[list[Record]]:
    waiting = iter(tasks)
    while batch := list(islice(waiting, settings.batch)):
        start = perf_counter()
        plans = [reasoner.prepare(task.question.query)[1] for task in batch]
        ranks = _ranks([task.question for task in batch], plans, reasoner, settings)
        seconds = (perf_counter() - start) / len(batch)
        yield [
            Record(
                *task.key,
                repr(task.question.key),
                question_figures(r),
                r.tolist(),
                round(seconds, 6),
            )
            for task, r in zip(batch, ranks, strict=True)
        ]


def _ranks(
    questions: Sequence[BenchmarkQuestion],
    plans: Sequence[Plan],
    reasoner: Reasoner,
    settings: RunSettings,
) -> list[Ranks]:
    """Ranks of every question's hard answers, from no more rows than prove them."""

    def bounds(question: BenchmarkQuestion, value: Value) -> tuple[Ranks, Ranks]:
        return rank_bounds(vector_or_bounds(value), question.easy, question.hard, settings.ties)

    def enough(number: int, value: Bounds) -> bool:
        best, worst = bounds(questions[number], value)
        return float((1 / best - 1 / worst).mean()) <= 2 * settings.tolerance

    found = []
    for question, value in zip(questions, reasoner.settle(plans, enough), strict=True):
        best, worst = bounds(question, value)
        found.append(2 / (1 / best + 1 / worst))
    return found


def _require_own_names(suites: Sequence[Suite]) -> None:
    names = [suite.name for suite in suites]
    if len(set(names)) < len(names):
        raise UsageError(
            f"two suites are called {max(names, key=names.count)}", remedy="run them one by one"
        )


def _tasks(suites: Sequence[Suite], graph: Path) -> Iterator[Task]:
    """Questions over one graph, the types in turn: any stretch of them is like the whole."""
    columns = [
        [Task(suite, kind, index, question) for index, question in _rankable(suite, kind)]
        for suite in suites
        if suite.graph == graph
        for kind in suite.types
    ]
    for row in zip_longest(*columns):
        yield from (task for task in row if task is not None)


def _rankable(suite: Suite, kind: str) -> list[tuple[int, BenchmarkQuestion]]:
    return [(i, one) for i, one in enumerate(suite.questions[kind]) if len(one.hard)]
