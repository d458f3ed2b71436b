"""Which grounded questions are worth asking, with their answers by the exact engine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from kgreason.bench.sampling.missing import MissingLinks
from kgreason.bench.suites.check import answers_of
from kgreason.bench.suites.questions import Ids
from kgreason.formula import (
    And,
    Formula,
    Not,
    Or,
    Query,
    children,
    conjunction,
    disjunction,
    rebuild,
)
from kgreason.knowledge import FactIndex
from kgreason.predictors import FactPredictor
from kgreason.settings import DEFAULT_MEMORY, Settings
from kgreason.topk.reasoner import Reasoner
from kgreason.truth import GODEL


@dataclass(frozen=True, slots=True, eq=False)
class Judged:
    """A question with its answers, ascending ids.

    easy: answers on the observed facts that all facts keep; hard: the others on all facts.
    missing: the missing links of each hard answer.
    """

    query: Query[int]
    easy: Ids
    hard: Ids
    missing: Ids


class Judge:
    """Accepts questions that are not trivial over one pair of observed and all facts."""

    def __init__(
        self,
        facts: NDArray[np.int32],
        observed: NDArray[np.int32],
        entity_count: int,
        relation_count: int,
        max_answers: int,
        *,
        max_memory: int = DEFAULT_MEMORY,
    ) -> None:
        """facts, observed: (facts, 3), the second among the first. relation_count: base ones."""
        self.max_answers = max_answers
        self.observed = FactIndex.from_facts(observed, entity_count, relation_count)
        self.facts = FactIndex.from_facts(facts, entity_count, relation_count)
        share = max_memory // 3
        self._on_all = _exact(self.facts, share)
        self._on_observed = _exact(self.observed, share)
        self._missing = MissingLinks(facts, self.observed, max_memory=share)

    def judge(self, queries: Sequence[Query[int]]) -> list[Judged | None]:
        """Each question with its answers, or None when it is trivial.

        Kept are questions with 1 … max_answers answers on all facts, one of them hard, whose
        answers change when any one of its negations or alternatives is left out.
        """
        verdicts: list[Judged | None] = [None] * len(queries)
        small = [
            (i, found)
            for i, found in enumerate(_answers(self._on_all, queries))
            if 0 < len(found) <= self.max_answers
        ]
        known = _answers(self._on_observed, [queries[i] for i, _ in small])
        kept = []
        for (i, found), before in zip(small, known, strict=True):
            hard = np.setdiff1d(found, before, assume_unique=True)
            if len(hard):
                kept.append((i, np.intersect1d(found, before, assume_unique=True), hard))
        idle = self._idle([queries[i] for i, _, _ in kept])
        kept = [one for one, is_idle in zip(kept, idle, strict=True) if not is_idle]
        asked = [queries[i] for i, _, _ in kept]
        counts = self._missing.count(asked, [hard for _, _, hard in kept])
        for (i, easy, hard), missing in zip(kept, counts, strict=True):
            verdicts[i] = Judged(queries[i], easy, hard, missing)
        return verdicts

    def _idle(self, queries: Sequence[Query[int]]) -> list[bool]:
        """Whether some negation or alternative of a question changes none of its answers."""
        pairs = [
            (i, Query(query.free, formula))
            for i, query in enumerate(queries)
            for formula in without_a_branch(query.formula)
        ]
        whole = list(_answers(self._on_all, queries)) if pairs else []
        idle = [False] * len(queries)
        for (i, _), found in zip(pairs, _answers(self._on_all, [q for _, q in pairs]), strict=True):
            idle[i] = idle[i] or np.array_equal(found, whole[i])
        return idle


def without_a_branch(formula: Formula[int]) -> Iterator[Formula[int]]:
    """The formula without one of its negated conjuncts or alternatives, each of them in turn."""
    parts = children(formula)
    same: Any = formula
    for i, part in enumerate(parts):
        others = [*parts[:i], *parts[i + 1 :]]
        if isinstance(formula, Or):
            yield disjunction(others)
        elif isinstance(formula, And) and isinstance(part, Not):
            yield conjunction(others)
        for changed in without_a_branch(part):
            yield rebuild(same, (*parts[:i], changed, *parts[i + 1 :]))


def _exact(facts: FactIndex, max_memory: int) -> Reasoner:
    return Reasoner(FactPredictor(facts), facts, Settings(logic=GODEL, max_memory=max_memory))


def _answers(reasoner: Reasoner, queries: Sequence[Query[int]]) -> Iterator[Ids]:
    plans = [reasoner.prepare(query)[1] for query in queries]
    return (answers_of(value) for value in reasoner.stream(plans))
