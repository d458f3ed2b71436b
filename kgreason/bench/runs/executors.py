"""What computes a method's values: the engine, or message passing; one table for the runner."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

from kgreason.bench.runs.settings import RunSettings
from kgreason.errors import UsageError
from kgreason.execution import Value
from kgreason.formula import Query
from kgreason.knowledge import KnowledgeGraph
from kgreason.methods.rankers import RANKERS
from kgreason.predictors import load_predictor
from kgreason.predictors.rowcache.cache import row_cache
from kgreason.topk import Reasoner, StopCondition


class Executor(Protocol):
    """Answers questions over one knowledge graph."""

    @property
    def gives_truths(self) -> bool:
        """Whether its values are truths, and not only scores to rank by."""
        ...

    def values(
        self, queries: Sequence[Query[int]], stops: Sequence[StopCondition]
    ) -> Iterator[Value]:
        """The value of each question, in order, exact or bounds that meet its stop condition.

        The bits of an exact value depend on no other question.
        """
        ...

    def close(self) -> None:
        """No more is asked: write what is to be kept."""
        ...


class Reasoned:
    """The engine: normal form, plan, batched computation."""

    gives_truths = True

    def __init__(self, reasoner: Reasoner) -> None:
        self._reasoner = reasoner

    def values(
        self, queries: Sequence[Query[int]], stops: Sequence[StopCondition]
    ) -> Iterator[Value]:
        plans = [self._reasoner.prepare(query)[1] for query in queries]
        yield from self._reasoner.settle(plans, stops)

    def close(self) -> None:
        self._reasoner.flush()


def _reasoner(graph: KnowledgeGraph, settings: RunSettings, calibration: str) -> Executor:
    recipe = settings.recipe(graph, calibration)
    predictor = load_predictor(recipe.models, graph, recipe.settings)
    kept = row_cache(recipe, graph, settings.note)
    facts = graph.index(recipe.settings.splits(graph))
    return Reasoned(Reasoner(predictor, facts, recipe.settings, kept))


def _ranker(graph: KnowledgeGraph, settings: RunSettings, _: str) -> Executor:
    assert settings.model is not None
    if settings.machine.row_cache is not None:
        raise UsageError(
            f"the method {settings.method.name} has no rows to keep", remedy="leave out --row-cache"
        )
    make = RANKERS[settings.method.executor]
    return make(settings.method, graph, settings.model, settings.machine)


EXECUTORS: Mapping[str, Callable[[KnowledgeGraph, RunSettings, str], Executor]] = {
    "reasoner": _reasoner,
    **dict.fromkeys(RANKERS, _ranker),
}
"""Makers by the name that `Method.executor` bears; the last argument is a calibration's text."""
