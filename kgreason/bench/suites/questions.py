"""Benchmark questions with their published answers, by type."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kgreason.choose import require
from kgreason.errors import DataError, UsageError
from kgreason.formula import Atom, Constant, Query, terms, walk
from kgreason.knowledge import KnowledgeGraph

Ids = NDArray[np.int64]

COPY_AGAIN = "download or copy the file again"
"""The remedy for a damaged file."""


@dataclass(frozen=True, slots=True, eq=False)
class BenchmarkQuestion:
    """A question over ids with its published answers.

    easy: answers that follow from the train and valid facts; hard: those that need test facts.
    Both are ascending entity ids; for k > 1 answer variables (n, k), rows in lexical order.
    key: the question as the file spells it, for messages. missing: for each hard answer the fewest
    facts it needs that are not observed, where known.
    """

    query: Query[int]
    easy: Ids
    hard: Ids
    key: object
    missing: Ids | None = None

    @property
    def answers(self) -> Ids:
        """All published answers, ascending."""
        return np.unique(np.concatenate([self.easy, self.hard]), axis=0)


@dataclass(frozen=True, slots=True)
class Suite:
    """Questions by type (`1p`, `2in`, `3c`, …) and the source of the knowledge graph they ask.

    fingerprint: of that graph, where the suite knows it; see `splits.fingerprint`.
    """

    name: str
    graph: Path
    questions: Mapping[str, tuple[BenchmarkQuestion, ...]]
    fingerprint: str | None = None

    def __len__(self) -> int:
        return sum(map(len, self.questions.values()))

    @property
    def types(self) -> tuple[str, ...]:
        """Names of the types, in the suite's order."""
        return tuple(self.questions)

    def only(self, types: Iterable[str] | None = None, limit: int | None = None) -> Suite:
        """The first `limit` questions of these types; None means all.

        Raises UsageError for a type the suite does not have, or a limit below 1.
        """
        if limit is not None and limit < 1:
            raise UsageError(f"a limit of {limit} questions a type", remedy="give at least 1")
        chosen = self.types if types is None else tuple(dict.fromkeys(types))
        for name in chosen:
            require("question type", name, self.questions, owner=self.name)
        return replace(self, questions={name: self.questions[name][:limit] for name in chosen})


def restrict(
    suites: Sequence[Suite], types: Sequence[str] | None = None, limit: int | None = None
) -> list[Suite]:
    """The suites with what is wanted of them, without those that have none of the types.

    Raises UsageError for a type that no suite has.
    """
    if types is None:
        return [suite.only(None, limit) for suite in suites]
    if nowhere := [kind for kind in types if not any(kind in one.types for one in suites)]:
        suites[0].only(nowhere)
    kept = ((suite, [kind for kind in types if kind in suite.types]) for suite in suites)
    return [suite.only(kinds, limit) for suite, kinds in kept if kinds]


def require_fit(suite: Suite, graph: KnowledgeGraph) -> None:
    """DataError when the graph is not the suite's, or lacks an id that a question names."""
    if suite.fingerprint is not None:
        from kgreason.bench.suites.splits import fingerprint

        if fingerprint(graph) != suite.fingerprint:
            raise DataError(
                f"{suite.name} is not about {graph.name} (its names or facts differ)",
                remedy="give the graph the suite was made for, with the same splits",
            )
    for name, questions in suite.questions.items():
        for question in questions:
            entities, relations = _ids(question)
            if max(entities) < graph.entity_count and max(relations) < graph.relation_count:
                continue
            raise DataError(
                f"{suite.name}, {name}: {question.key!r} names entity {max(entities)} and base "
                f"relation {max(relations)}; {graph.name} has {graph.entity_count:,} entities and "
                f"{graph.relation_count:,} relations",
                remedy="the questions belong to another knowledge graph",
            )


def _ids(question: BenchmarkQuestion) -> tuple[list[int], list[int]]:
    """Entities (with the largest answer) and base relations that a question names; −1 for none."""
    entities, relations = [-1], [-1]
    entities += [int(ids.max()) for ids in (question.easy, question.hard) if len(ids)]
    for part in walk(question.query.formula):
        entities += [t.name for t in terms(part) if isinstance(t, Constant)]
        if isinstance(part, Atom) and isinstance(part.relation, int):
            relations.append(part.relation)
    return entities, relations


def ascending(values: Iterable[object], where: str) -> Ids:
    """Entity ids as an ascending array; DataError naming the place when one is not an id."""
    listed = list(values)
    if not all(map(_is_id, listed)):
        raise DataError(f"{where}: an answer is not an entity id", remedy=COPY_AGAIN)
    return np.unique(np.array(listed, dtype=np.int64))


def ascending_tuples(values: Iterable[Iterable[object]], arity: int, where: str) -> Ids:
    """(n, arity) tuples of entity ids in lexical order, each once; DataError for anything else."""
    listed = [tuple(value) for value in values]
    if not all(len(value) == arity and all(map(_is_id, value)) for value in listed):
        raise DataError(
            f"{where}: an answer is not a tuple of {arity} entity ids", remedy=COPY_AGAIN
        )
    return np.unique(np.array(listed, dtype=np.int64).reshape(-1, arity), axis=0)


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0
