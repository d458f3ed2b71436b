"""What computes a method's values: the engine, or message passing; one table for the runner."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Protocol

import torch

from kgreason.bench.runs.settings import RunSettings
from kgreason.errors import UsageError
from kgreason.execution import Value
from kgreason.formula import Query
from kgreason.knowledge import KnowledgeGraph
from kgreason.methods.nsmp import Nsmp
from kgreason.predictors import load_checkpoint, load_predictor
from kgreason.predictors.load import FACTS
from kgreason.predictors.rowcache.cache import RowMaking, row_shelf
from kgreason.topk import Reasoner, StopCondition
from kgreason.truth import resolve_logic


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
    method = settings.method
    model = settings.model or FACTS
    made: RowMaking = {
        "observed": settings.observed,
        "observed_truth": method.observed_truth,
        "calibration": calibration,
        "device": settings.device,
        "dtype": settings.dtype,
    }
    predictor = load_predictor(model, graph, **made)
    shelf = None
    if settings.row_cache is not None:
        shelf = row_shelf(settings.row_cache, model, predictor.name, graph, made, settings.note)
    reasoner = Reasoner(
        predictor,
        graph.index(settings.observed),
        resolve_logic(method.logic),
        method.semantics,
        dtype=torch.float64 if settings.dtype == "float64" else torch.float32,
        device=settings.device,
        max_memory=settings.max_memory,
        frontier=method.frontier,
        shelf=shelf,
    )
    return Reasoned(reasoner)


def _nsmp(graph: KnowledgeGraph, settings: RunSettings, _: str) -> Executor:
    messages = settings.method.messages_for(graph.name)
    assert settings.model is not None
    assert messages is not None
    if settings.row_cache is not None:
        raise UsageError("message passing has no rows to keep", remedy="leave out --row-cache")
    if settings.dtype == "bfloat16":
        raise UsageError("message passing has no bfloat16", remedy="use float32 or float64")
    model = load_checkpoint(
        settings.model, graph.vocabulary, device=settings.device, dtype=settings.dtype
    )
    return Nsmp(model, graph.index(settings.observed), messages)


EXECUTORS: Mapping[str, Callable[[KnowledgeGraph, RunSettings, str], Executor]] = {
    "reasoner": _reasoner,
    "nsmp": _nsmp,
}
"""Makers by the name that `Method.executor` bears; the last argument is a calibration's text."""
