"""How well a reasoner ranks the answers that the observed facts do not give."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from time import perf_counter

from kgreason.bench.check import Progress
from kgreason.bench.metrics import (
    METRICS,
    filtered_ranks,
    mean_figures,
    question_figures,
    tie_share,
)
from kgreason.bench.questions import BenchmarkQuestion, Suite, require_fit
from kgreason.bench.values import vector_of
from kgreason.knowledge import KnowledgeGraph
from kgreason.reasoner import Reasoner


@dataclass(frozen=True, slots=True)
class TypeFigures:
    """One type: the mean of every metric over its questions that have hard answers.

    figures: by metric name, in [0, 1]. seconds: wall-clock. rows: rows the predictor scored for it,
    fewer when an earlier type already asked for them.
    """

    figures: dict[str, float]
    questions: int
    seconds: float
    rows: int


@dataclass(frozen=True, slots=True)
class RankingReport:
    """Figures type by type."""

    suite: str
    ties: str
    types: dict[str, TypeFigures] = field(default_factory=dict)

    def mean(self, metric: str = "MRR") -> float:
        """The mean over types, as published tables average them."""
        return mean_figures([found.figures for found in self.types.values()])[metric]

    def __str__(self) -> str:
        lines = [f"{self.suite}, ties {self.ties}"]
        lines.append("type   " + "".join(f"{name:>9}" for name in METRICS) + "   asked   seconds")
        for name, found in self.types.items():
            shown = "".join(f"{100 * found.figures[metric]:9.2f}" for metric in METRICS)
            lines.append(f"{name:7}{shown}{found.questions:8}{found.seconds:10.2f}")
        return "\n".join(lines)


def evaluate(
    suite: Suite,
    graph: KnowledgeGraph,
    reasoner: Reasoner,
    types: Iterable[str] | None = None,
    limit: int | None = None,
    *,
    ties: str = "expected",
    progress: Progress | None = None,
) -> RankingReport:
    """Filtered ranks of hard answers over the first `limit` questions of each type.

    types, limit: None for all; see `Suite.only`. ties: a policy of `metrics.TIES`.
    Raises DataError when the questions belong to another graph.
    """
    tie_share(ties)
    chosen = suite.only(types, limit)
    require_fit(chosen, graph)
    return RankingReport(
        suite.name,
        ties,
        {
            name: _evaluate_type(name, questions, reasoner, ties, progress)
            for name, questions in chosen.questions.items()
        },
    )


def _evaluate_type(
    name: str,
    questions: tuple[BenchmarkQuestion, ...],
    reasoner: Reasoner,
    ties: str,
    progress: Progress | None,
) -> TypeFigures:
    start, rows = perf_counter(), reasoner.work.rows
    # A question without hard answers has nothing to rank.
    asked = [question for question in questions if len(question.hard)]
    plans = [reasoner.prepare(question.query)[1] for question in asked]
    figures = []
    for question, value in zip(asked, reasoner.stream(plans), strict=True):
        ranks = filtered_ranks(vector_of(value), question.easy, question.hard, ties)
        figures.append(question_figures(ranks))
        if progress is not None:
            progress(name, len(figures), len(asked))
    return TypeFigures(
        mean_figures(figures), len(asked), perf_counter() - start, reasoner.work.rows - rows
    )
