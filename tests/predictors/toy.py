"""A small graph with literals, and weights for it."""

from __future__ import annotations

import torch
from torch import Tensor

from kgreason.knowledge import KnowledgeGraph
from kgreason.predictors.checkpoints.format import CheckpointInfo

STRING = "^^<http://www.w3.org/2001/XMLSchema#string>"


def toy_graph() -> KnowledgeGraph:
    people = [f"p{i}" for i in range(20)]
    triples = [(a, "knows", b) for i, a in enumerate(people) for b in people[i + 1 : i + 4]]
    triples += [(p, "lives_in", f"city{i % 3}") for i, p in enumerate(people[:15])]
    triples += [(p, "called", f'"{p}"{STRING}') for p in people[:6]]
    return KnowledgeGraph.from_triples(triples)


def weights(graph: KnowledgeGraph, rank: int = 8, seed: int = 0) -> dict[str, Tensor]:
    random = torch.Generator().manual_seed(seed)
    rows = {"entity": graph.entity_count, "relation": 2 * graph.relation_count}
    return {name: torch.randn(count, 2 * rank, generator=random) for name, count in rows.items()}


def complex_info(graph: KnowledgeGraph, rank: int = 8) -> CheckpointInfo:
    return CheckpointInfo(
        "complex",
        rank,
        graph.entity_count,
        graph.relation_count,
        graph.vocabulary.fingerprint(),
    )


def every_pair(graph: KnowledgeGraph) -> tuple[Tensor, Tensor]:
    """All (head, directed relation) pairs, heads fastest."""
    relations = torch.arange(2 * graph.relation_count).repeat_interleave(graph.entity_count)
    return torch.arange(graph.entity_count).repeat(2 * graph.relation_count), relations
