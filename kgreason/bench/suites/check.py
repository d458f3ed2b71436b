"""Exactness: over the facts of all splits the answers must be those the suite publishes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from time import perf_counter
from typing import TYPE_CHECKING

import numpy as np

from kgreason.answers import rank
from kgreason.bench.suites.questions import BenchmarkQuestion, Ids, Suite, require_fit
from kgreason.bench.suites.values import vector_of
from kgreason.knowledge import KnowledgeGraph
from kgreason.predictors import FactPredictor
from kgreason.settings import Settings
from kgreason.topk.reasoner import Reasoner
from kgreason.truth import GODEL

if TYPE_CHECKING:
    from kgreason.execution import Exact
    from kgreason.planning import Plan

MAX_LISTED = 5
"""How many differing questions of a type a report keeps, and how many answers it spells of each."""

CRISP = Settings(logic=GODEL)
Progress = Callable[[str, int, int], None]
"""Called with a type's name, its questions done and their total."""


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """A question whose computed answers are not the published ones."""

    type: str
    key: object
    missing: Ids
    extra: Ids

    def __str__(self) -> str:
        return f"{self.type} {self.key!r}: missing {_few(self.missing)}, extra {_few(self.extra)}"


@dataclass(frozen=True, slots=True)
class TypeCheck:
    """One type: questions with equal answers, of how many, in how many seconds."""

    equal: int
    total: int
    seconds: float
    differences: tuple[Difference, ...] = ()


@dataclass(frozen=True, slots=True)
class CheckReport:
    """What a check found, type by type."""

    suite: str
    types: dict[str, TypeCheck] = field(default_factory=dict)

    @property
    def equal(self) -> int:
        """Questions whose answers are exactly the published ones."""
        return sum(found.equal for found in self.types.values())

    @property
    def total(self) -> int:
        """Questions asked."""
        return sum(found.total for found in self.types.values())

    @property
    def seconds(self) -> float:
        """Wall-clock time of all types."""
        return sum(found.seconds for found in self.types.values())

    @property
    def is_exact(self) -> bool:
        """Whether every question has its published answers."""
        return self.equal == self.total

    @property
    def differences(self) -> tuple[Difference, ...]:
        """The first few differing questions of every type."""
        return tuple(d for found in self.types.values() for d in found.differences)

    def __str__(self) -> str:
        lines = [
            f"{name:6} {found.equal:5} of {found.total:5}  {found.seconds:6.2f} s"
            for name, found in self.types.items()
        ]
        lines += [str(difference) for difference in self.differences]
        whole = f"{self.suite}: {self.equal:,} of {self.total:,} exact in {self.seconds:.1f} s"
        return "\n".join([*lines, whole])


def check(
    suite: Suite,
    graph: KnowledgeGraph,
    *,
    settings: Settings = CRISP,
    progress: Progress | None = None,
) -> CheckReport:
    """Ask every question of the facts of all splits and compare with easy ∪ hard.

    Truths are then 0 or 1, so the answers are the same under every logic.
    Raises DataError when the questions belong to another graph.
    """
    require_fit(suite, graph)
    facts = graph.index()
    reasoner = Reasoner(FactPredictor(facts), facts, settings)
    return CheckReport(
        suite.name,
        {
            name: _check_type(name, questions, reasoner, progress)
            for name, questions in suite.questions.items()
        },
    )


def _check_type(
    name: str,
    questions: tuple[BenchmarkQuestion, ...],
    reasoner: Reasoner,
    progress: Progress | None,
) -> TypeCheck:
    start = perf_counter()
    plans = [reasoner.prepare(question.query)[1] for question in questions]
    equal = 0
    different: list[Difference] = []
    for i, value in enumerate(reasoner.stream(plans)):
        found = _tuples(value, plans[i], questions[i])
        difference = _compare(name, questions[i], found)
        if difference is None:
            equal += 1
        elif len(different) < MAX_LISTED:
            different.append(difference)
        if progress is not None:
            progress(name, i + 1, len(questions))
    return TypeCheck(equal, len(questions), perf_counter() - start, tuple(different))


def answers_of(value: Exact) -> Ids:
    """Entities of positive truth of one question's value, ascending."""
    _, entities, _ = vector_of(value).expand()
    return entities.cpu().numpy().astype(np.int64, copy=False)


def _tuples(value: Exact, plan: Plan, question: BenchmarkQuestion) -> Ids:
    """The answers in the form of the published ones: entities, or rows of entities."""
    if len(question.query.free) == 1:
        return answers_of(value)
    found = rank(value, plan.columns, question.query.free).entities
    return np.unique(found.cpu().numpy().astype(np.int64, copy=False), axis=0)


def _compare(name: str, question: BenchmarkQuestion, found: Ids) -> Difference | None:
    published = question.answers
    if np.array_equal(found, published):
        return None
    return Difference(name, question.key, _without(published, found), _without(found, published))


def _without(these: Ids, others: Ids) -> Ids:
    """The ids, or rows of ids, that are not among the others."""
    if these.ndim == 1:
        return np.setdiff1d(these, others, assume_unique=True)
    known = set(map(tuple, others.tolist()))
    kept = [row for row in these.tolist() if tuple(row) not in known]
    return np.array(kept, dtype=np.int64).reshape(-1, these.shape[1])


def _few(ids: Ids) -> str:
    if not len(ids):
        return "none"
    more = f" and {len(ids) - MAX_LISTED:,} more" if len(ids) > MAX_LISTED else ""
    return ", ".join(map(str, ids[:MAX_LISTED].tolist())) + more
