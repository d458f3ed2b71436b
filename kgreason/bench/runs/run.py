"""The benchmark runner: questions of all types in common batches, each written when it is done.

A question's figures do not depend on its batch, on the order or on the memory ceiling, so a run
that was ended and gone on with is the run that was not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from itertools import islice, zip_longest
from pathlib import Path
from time import perf_counter

from kgreason import __version__
from kgreason.bench.runs.averages import family_of
from kgreason.bench.runs.counting import Counter, entailed_below, has_negation
from kgreason.bench.runs.executors import EXECUTORS, Executor
from kgreason.bench.runs.metrics import least_open, rank_bounds
from kgreason.bench.runs.records import FORMAT, Header, Record, Run, RunFile
from kgreason.bench.runs.settings import RunSettings
from kgreason.bench.suites.fingerprints import suite_fingerprint
from kgreason.bench.suites.questions import BenchmarkQuestion, Ids, Suite, require_fit, restrict
from kgreason.bench.suites.values import vector_or_bounds
from kgreason.errors import UsageError
from kgreason.execution import Bounds, Open, Value
from kgreason.formula import Exists, Not, walk
from kgreason.knowledge import KnowledgeGraph
from kgreason.metrics.averages import question_figures
from kgreason.metrics.ranking import tie_share
from kgreason.settings import Settings, model_fingerprint
from kgreason.topk import AllTruths, StopCondition

Progress = Callable[[int, int, float], None]
"""Called with the questions done, their total, and the mean reciprocal rank of those done."""


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
    if settings.threshold is not None and not 0 < settings.threshold <= 1:
        raise UsageError(
            f"a threshold of {settings.threshold:g}", remedy="give a truth above 0, at most 1"
        )
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
    model, machine = settings.model, settings.machine
    return {
        "format": FORMAT,
        "version": __version__,
        "method": asdict(settings.method),
        "model": model and {"name": model.name, "sha256": model_fingerprint(str(model))},
        "observed": list(machine.splits(next(iter(graphs.values())))),
        "ties": settings.ties,
        "threshold": settings.threshold,
        "seed": settings.seed,
        "tolerance": settings.tolerance,
        "dtype": machine.dtype,
        "device": machine.device,
        "suites": [
            {
                "name": asked.name,
                "family": family_of(whole.types),
                "graph": graphs[asked.graph].name,
                "calibration": settings.method.calibration_for(graphs[asked.graph].name),
                "messages": _text(settings.method.messages_for(graphs[asked.graph].name)),
                "sha256": suite_fingerprint(whole),
                "facts_sha256": _known_facts(graphs[asked.graph], machine),
                "types": {kind: len(_rankable(asked, kind)) for kind in asked.types},
            }
            for whole, asked in suites
        ],
        "machine": {"max_memory": machine.max_memory, "batch": settings.batch},
    }


def _known_facts(graph: KnowledgeGraph, machine: Settings) -> str:
    return graph.fingerprint(machine.splits(graph))


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def answer(
    tasks: Iterable[Task], graph: KnowledgeGraph, settings: RunSettings
) -> Iterator[list[Record]]:
    """Records of the tasks, batch by batch; those of one calibration after those of another."""
    observed = settings.machine.splits(graph)
    counter = Counter(graph, observed, threshold=settings.threshold, seed=settings.seed)
    calibrations: dict[str, list[Task]] = {}
    for task in tasks:
        parts = {type(part) for part in walk(task.question.query.formula)}
        calibration = settings.method.calibration_for(
            graph.name, direct=Exists not in parts, negated=Not in parts
        )
        calibrations.setdefault(calibration, []).append(task)
    for calibration, several in calibrations.items():
        executor = EXECUTORS[settings.method.executor](graph, settings, calibration)
        yield from _answer(several, executor, counter, settings)
        executor.close()


def _answer(
    tasks: Iterable[Task], executor: Executor, counter: Counter, settings: RunSettings
) -> Iterator[list[Record]]:
    waiting = iter(tasks)
    while batch := list(islice(waiting, settings.batch)):
        asked = [task.question for task in batch]
        known = list(counter.entailed(asked))
        spent: list[float] = []
        stops = [_stop(*one, settings) for one in zip(asked, known, strict=True)]
        values = executor.values([question.query for question in asked], stops)
        records = []
        for task, value, entailed in zip(batch, _timed(values, spent), known, strict=True):
            question, truth = task.question, vector_or_bounds(value)
            best, worst = rank_bounds(truth, question.easy, question.hard, settings.ties)
            ranks = 2 / (1 / best + 1 / worst)
            counts = counter.counts(truth, question, entailed, truths=executor.gives_truths)
            missing = None if question.missing is None else question.missing.tolist()
            told = repr(question.key), question_figures(ranks), ranks.tolist()
            slack = float((1 / best - 1 / worst).mean()) / 2
            records.append(Record(*task.key, *told, 0.0, missing, counts, slack))
        seconds = round(sum(spent) / len(batch), 6)
        yield [replace(record, seconds=seconds) for record in records]


def _stop(question: BenchmarkQuestion, known: Ids, settings: RunSettings) -> StopCondition:
    if settings.threshold is not None:
        return AllTruths()
    return _Figures(question, known, settings)


@dataclass(frozen=True, slots=True)
class _Figures(StopCondition):
    """The ranks of the hard answers, and which entailed answers stand below others.

    known: entities, ascending, that the observed facts entail.
    """

    question: BenchmarkQuestion
    known: Ids
    settings: RunSettings

    def unresolved(self, bounds: Open) -> float | None:
        question = self.question
        assert isinstance(bounds, Bounds)
        best, worst = rank_bounds(bounds, question.easy, question.hard, self.settings.ties)
        if float((1 / best - 1 / worst).mean()) > 2 * self.settings.tolerance:
            return least_open(bounds, question.hard[best < worst])
        if has_negation(question):
            return None
        fewest, most = entailed_below(bounds, self.known)
        return None if fewest == most else 1.0


def _timed(values: Iterator[Value], spent: list[float]) -> Iterator[Value]:
    """The same values; `spent` gets the seconds that making each took."""
    while True:
        start = perf_counter()
        value = next(values, None)
        spent.append(perf_counter() - start)
        if value is None:
            return
        yield value


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
