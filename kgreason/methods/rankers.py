"""What ranks the entities where a method is no setting of the engine, by the executor's name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from kgreason.errors import UsageError
from kgreason.files.cache import find_model_file
from kgreason.knowledge import KnowledgeGraph
from kgreason.methods.methods import Method
from kgreason.methods.nsmp import Nsmp
from kgreason.methods.propagation import Propagation, load_propagation
from kgreason.predictors import load_checkpoint
from kgreason.settings import Settings
from kgreason.truth.rows import truth_dtype

Ranker = Nsmp | Propagation


def _nsmp(method: Method, graph: KnowledgeGraph, model: str | Path, settings: Settings) -> Ranker:
    messages = method.messages_for(graph.name)
    assert messages is not None
    if settings.dtype == "bfloat16":
        raise UsageError("message passing has no bfloat16", remedy="use float32 or float64")
    scorer = load_checkpoint(model, graph.vocabulary, device=settings.device, dtype=settings.dtype)
    return Nsmp(scorer, graph.index(settings.splits(graph)), messages)


def _propagation(
    method: Method, graph: KnowledgeGraph, model: str | Path, settings: Settings
) -> Ranker:
    return load_propagation(
        find_model_file(str(model)),
        graph,
        settings.splits(graph),
        device=settings.device,
        dtype=truth_dtype(settings.dtype),
    )


RANKERS: Mapping[str, Callable[[Method, KnowledgeGraph, str | Path, Settings], Ranker]] = {
    "nsmp": _nsmp,
    "propagation": _propagation,
}
