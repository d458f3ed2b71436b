"""A checkpoint of EpiGNN over any knowledge graph that has its relations."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch

from kgreason.choose import nearest
from kgreason.errors import CheckpointError, UsageError
from kgreason.predictors.gnn.epignn.checkpoint import TrainedEpiGNN, read_epignn
from kgreason.predictors.gnn.epignn.scorer import EpiGNNScorer
from kgreason.ragged import Longs

if TYPE_CHECKING:
    from kgreason.knowledge import KnowledgeGraph


def load_epignn(
    path: str | Path,
    graph: KnowledgeGraph,
    observed: Iterable[str] | None = None,
    *,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
) -> EpiGNNScorer:
    """The model over the observed facts between entities; relations are matched by name.

    Raises CheckpointError for a graph without any of the model's relations, or with facts of a
    relation that the model was not trained on.
    """
    if dtype == torch.bfloat16:
        raise UsageError("EpiGNN has no scores in bfloat16", remedy="use float32 or float64")
    return over(read_epignn(path), graph, observed, dtype=dtype, device=device)


def over(
    trained: TrainedEpiGNN,
    graph: KnowledgeGraph,
    observed: Iterable[str] | None = None,
    *,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
) -> EpiGNNScorer:
    """See `load_epignn`."""
    literal = np.asarray(graph.vocabulary.literal)
    facts = graph.facts(observed).astype(np.int64)
    facts = facts[~(literal[facts[:, 0]] | literal[facts[:, 2]])]
    relations = aligned(trained, graph, np.unique(facts[:, 1]))
    facts[:, 1] = relations[2 * facts[:, 1]] // 2
    return EpiGNNScorer(trained, facts, graph.entity_count, relations, dtype=dtype, device=device)


def aligned(trained: TrainedEpiGNN, graph: KnowledgeGraph, used: Longs) -> Longs:
    """(directed relations of the graph,) directed relation of the model, −1 where it has none.

    used: base relations of the graph that have facts between entities.
    """
    names = graph.vocabulary.relation_names.to_list()
    number = {name: i for i, name in enumerate(trained.names)}
    base = np.array([number.get(name, -1) for name in names], dtype=np.int64)
    if not (base >= 0).any():
        raise CheckpointError(
            f"{graph.name} has none of the relations that the model was trained on",
            remedy=f"it was trained on: {_some(trained.names)}",
        )
    unknown = [names[relation] for relation in used.tolist() if base[relation] < 0]
    if unknown:
        near = nearest(unknown[0], trained.names)
        raise CheckpointError(
            f"{graph.name} has facts of relations that the model was not trained on: "
            f"{_some(unknown)}" + (f"; nearest to the first: {near[0]}" if near else ""),
            remedy="leave these facts out, or train a model on a graph that has them",
        )
    directed = np.stack((2 * base, 2 * base + 1), 1)
    return np.where(base[:, None] >= 0, directed, -1).reshape(-1)


def _some(names: Iterable[str]) -> str:
    shown = list(names)
    return ", ".join(shown[:8]) + (" …" if len(shown) > 8 else "")
