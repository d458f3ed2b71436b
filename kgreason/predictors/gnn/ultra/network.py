"""ULTRA's two networks.

Galkin et al., "Towards Foundation Models for Knowledge Graph Reasoning", ICLR 2024. The relation
network describes every relation as seen from the one asked for; the entity network (NBFNet: Zhu et
al., NeurIPS 2021) sends that description from the head along the edges. Neither knows an entity or
a relation by name. Names of modules are those of the published checkpoints.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from kgreason.predictors.gnn.edges import Edges
from kgreason.predictors.gnn.ultra.relation_graph import MEETINGS

LAYERS = 6


class _Layer(nn.Module):
    """x ← x + ReLU(LayerNorm(W [x ; m] + c)), where m is the message."""

    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.linear = nn.Linear(2 * dimension, dimension)
        self.layer_norm = nn.LayerNorm(dimension)

    def updated(self, states: Tensor, message: Tensor) -> Tensor:
        new: Tensor = self.layer_norm(self.linear(torch.cat((states, message), -1)))
        return states + new.relu_()


class _RelationLayer(_Layer):
    """A layer whose edges have learned weights."""

    def __init__(self, dimension: int) -> None:
        super().__init__(dimension)
        self.relation = nn.Embedding(MEETINGS, dimension)


class _EntityLayer(_Layer):
    """A layer whose edges have weights made of the relations' descriptions."""

    def __init__(self, dimension: int) -> None:
        super().__init__(dimension)
        self.relation_projection = nn.Sequential(
            nn.Linear(dimension, dimension), nn.ReLU(), nn.Linear(dimension, dimension)
        )


class _RelationNetwork(nn.Module):
    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.dimension = dimension
        self.layers = nn.ModuleList(_RelationLayer(dimension) for _ in range(LAYERS))

    def forward(self, edges: Edges, asked: Tensor) -> Tensor:
        """asked: (batch,) relations -> (relations, batch, d)."""
        layers = cast("Iterable[_RelationLayer]", self.layers)
        like = next(self.parameters())
        start = like.new_zeros(edges.receivers, len(asked), self.dimension)
        start[asked, torch.arange(len(asked), device=asked.device)] = 1
        states = start
        for layer in layers:
            message = edges.summed(states, layer.relation.weight.unsqueeze(1)) + start
            states = layer.updated(states, message)
        return states


class _EntityNetwork(nn.Module):
    def __init__(self, dimension: int) -> None:
        super().__init__()
        self.layers = nn.ModuleList(_EntityLayer(dimension) for _ in range(LAYERS))
        self.mlp = nn.Sequential(
            nn.Linear(2 * dimension, 2 * dimension), nn.ReLU(), nn.Linear(2 * dimension, 1)
        )

    def forward(
        self,
        edges: Edges,
        start: Tensor,
        asked: Tensor,
        described: Tensor,
        strengths: Sequence[Tensor | None],
    ) -> Tensor:
        """See `Ultra.forward`."""
        states, scratch = start, edges.scratch(start)
        layers = cast("Iterable[_EntityLayer]", self.layers)
        for layer, strength in zip(layers, strengths, strict=True):
            weights = layer.relation_projection(described)
            states = layer.updated(states, edges.summed(states, weights, strength, scratch) + start)
        again = asked.expand(states.shape[0], -1, -1)
        logits: Tensor = self.mlp(torch.cat((states, again), -1))
        return logits.squeeze(-1).T


class Ultra(nn.Module):
    """Both networks. dimension: d, of every state."""

    def __init__(self, dimension: int = 64) -> None:
        super().__init__()
        self.dimension = dimension
        self.relation_model = _RelationNetwork(dimension)
        self.entity_model = _EntityNetwork(dimension)

    @property
    def parameter_count(self) -> int:
        """Numbers that training learned."""
        return sum(one.numel() for one in self.parameters())

    def describe(self, relation_edges: Edges, asked: Tensor) -> Tensor:
        """asked: (batch,) directed relations -> (relations, batch, d) all as seen from these."""
        described: Tensor = self.relation_model(relation_edges, asked)
        return described

    def forward(
        self,
        edges: Edges,
        membership: Tensor,
        asked: Tensor,
        described: Tensor,
        strengths: Sequence[Tensor | None] = (None,) * LAYERS,
    ) -> Tensor:
        """Logits (batch, entities) that the relation asked for leads from the heads to each entity.

        membership: (batch, entities) in [0, 1], how far each entity is a head: 1 at a single head,
        or the truths of a fuzzy set (UltraQuery: Galkin et al., NeurIPS 2024). asked: (batch, d)
        the description of the relation asked for; described: (relations, batch or 1, d). strengths:
        (edges,) of each layer, by which messages are multiplied.
        """
        start = membership.T.unsqueeze(-1) * asked
        logits: Tensor = self.entity_model(edges, start, asked, described, strengths)
        return logits
