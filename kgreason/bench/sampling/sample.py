"""New suites: questions of given types about any knowledge graph that has splits.

Every try of a type draws from a generator of its own, seeded by the seed, the type's name and the
number of the try; the first tries that succeed are the suite. So it depends neither on the number
of processes nor on which other types are asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from random import Random

from kgreason.bench.sampling.grounding import Links, Outline, facts_of, ground
from kgreason.bench.sampling.judging import Judge, Judged
from kgreason.bench.sampling.redundancy import is_redundant
from kgreason.bench.sampling.scheduling import in_order
from kgreason.bench.sampling.types import QuestionType
from kgreason.bench.suites.questions import BenchmarkQuestion
from kgreason.bench.suites.splits import Splits
from kgreason.bench.suites.template import filled, spelled
from kgreason.errors import UsageError
from kgreason.formula import Query
from kgreason.knowledge import KnowledgeGraph

MAX_ANSWERS = 100
"""As in BetaE's and FIT's sets: more answers make a question about a kind, not about entities."""
ATTEMPTS = 4000
"""Tries for each question wanted before a type is given up."""
_CHUNK = 200

Progress = Callable[[str, int, int], None]
"""Called with a type's name, its questions found and how many are wanted."""


@dataclass(frozen=True, slots=True)
class Wish:
    """What to sample. attempts: tries for each question wanted before a type is given up."""

    per_type: int
    seed: int = 0
    max_answers: int = MAX_ANSWERS
    attempts: int = ATTEMPTS

    def __post_init__(self) -> None:
        for name in ("per_type", "max_answers", "attempts"):
            if getattr(self, name) < 1:
                raise UsageError(
                    f"{name.replace('_', ' ')} is {getattr(self, name)}", remedy="give at least 1"
                )


@dataclass(frozen=True, slots=True)
class Sampled:
    """Questions by type, and of every type how many tries they took."""

    questions: Mapping[str, tuple[BenchmarkQuestion, ...]]
    tries: Mapping[str, int]


def sample(
    graph: KnowledgeGraph,
    splits: Splits,
    types: Mapping[str, QuestionType],
    wish: Wish,
    *,
    processes: int = 1,
    progress: Progress | None = None,
) -> Sampled:
    """`wish.per_type` different questions of each type, fewer where the tries run out.

    Accepted are questions with a hard answer and at most `max_answers` answers, whose negations and
    alternatives matter and which `is_redundant` does not refuse. An observed answer that other
    splits' facts refute counts as no answer.
    Raises UsageError for a number of processes below 1.
    """
    if processes < 1:
        raise UsageError(f"{processes} processes", remedy="give at least 1")
    work = Work(graph, splits, types, wish)
    questions: dict[str, tuple[BenchmarkQuestion, ...]] = {}
    tries: dict[str, int] = {}
    with in_order(work, processes) as attempt:
        for name in types:
            found: dict[Query[int], Judged] = {}
            tries[name] = 0
            for start, judged in attempt(name, wish.per_type * wish.attempts, _CHUNK):
                for number, one in judged:
                    if len(found) < wish.per_type and one.query not in found:
                        found[one.query] = one
                        tries[name] = number + 1
                if progress is not None:
                    progress(name, len(found), wish.per_type)
                if len(found) == wish.per_type:
                    break
                tries[name] = min(start + _CHUNK, wish.per_type * wish.attempts)
            questions[name] = tuple(_question(one, graph) for one in found.values())
    return Sampled(questions, tries)


class Work:
    """One process's share: it carries the facts over, and makes its engines where it arrives."""

    def __init__(
        self,
        graph: KnowledgeGraph,
        splits: Splits,
        types: Mapping[str, QuestionType],
        wish: Wish,
    ) -> None:
        self._facts = graph.facts(splits.all)
        self._observed = graph.facts(splits.observed)
        self._counts = graph.entity_count, graph.relation_count
        self._outlines = {name: Outline.of(kind) for name, kind in types.items()}
        self._wish = wish
        self._made: tuple[Links, Judge] | None = None

    def attempt(self, name: str, start: int, end: int) -> list[tuple[int, Judged]]:
        """The accepted ones among the tries start … end − 1 of a type, with their numbers."""
        outline = self._outlines[name]
        tried = [
            (number, query)
            for number in range(start, end)
            if (query := self._candidate(outline, name, number)) is not None
        ]
        _, judge = self._tools()
        verdicts = judge.judge([query for _, query in tried])
        return [
            (number, verdict)
            for (number, _), verdict in zip(tried, verdicts, strict=True)
            if verdict is not None
        ]

    def _candidate(self, outline: Outline, name: str, number: int) -> Query[int] | None:
        """A question worth judging: the answer it was drawn for seems to be a hard one."""
        links, judge = self._tools()
        found = ground(outline, links, Random(f"{self._wish.seed}/{name}/{number}"))  # noqa: S311
        if found is None:
            return None
        if outline.positive:
            needed = facts_of(outline.positive, found.nodes, found.relations)
            if judge.observed.contains(*needed).all():
                return None
        query = filled(outline.kind.template, found.relations, found.entities)
        return None if is_redundant(query) else query

    def _tools(self) -> tuple[Links, Judge]:
        if self._made is None:
            self._made = (
                Links(self._facts, self._counts[0]),
                Judge(self._facts, self._observed, *self._counts, self._wish.max_answers),
            )
        return self._made


def _question(one: Judged, graph: KnowledgeGraph) -> BenchmarkQuestion:
    text = spelled(one.query, graph.vocabulary)
    return BenchmarkQuestion(one.query, one.easy, one.hard, text, one.missing)
