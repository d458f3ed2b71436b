"""Networks with random weights, in checkpoints and in loops over edges."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import torch
from torch import Tensor

from kgreason.predictors.checkpoints.format import CheckpointInfo, save_checkpoint
from kgreason.predictors.gnn.ultra.network import Ultra

Edge = tuple[int, int, int]
"""Receiver, label, sender."""


def network(dimension: int = 8, seed: int = 0) -> Ultra:
    """Weights as training begins with them."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        model = Ultra(dimension)
    model.requires_grad_(requires_grad=False)
    return model.eval()


def save(path: Path, model: Ultra) -> Path:
    """A checkpoint of the networks."""
    info = CheckpointInfo("ultra", model.dimension, 0, 0, arguments={"layers": 6})
    save_checkpoint(path, info, model.state_dict())
    return path


def in_a_loop(
    weights: dict[str, Tensor], edges: Iterable[Edge], meetings: Iterable[Edge], row: Tensor,
    relation: int, seen_from: int, relations: int,
) -> Tensor:  # fmt: skip
    """Logits (entities,) by the formulas of the paper, edge by edge.

    row: (entities,) the membership of each entity.
    """
    dimension = weights["entity_model.mlp.2.weight"].shape[1] // 2

    def layer(
        states: Tensor, start: Tensor, edges: Iterable[Edge], table: Tensor, at: str
    ) -> Tensor:
        message = start.clone()
        for receiver, label, sender in edges:
            message[receiver] += states[sender] * table[label]
        new = torch.cat((states, message), 1) @ weights[f"{at}.linear.weight"].T
        new = new + weights[f"{at}.linear.bias"]
        centred = new - new.mean(1, keepdim=True)
        new = centred / (centred.square().mean(1, keepdim=True) + 1e-5).sqrt()
        new = new * weights[f"{at}.layer_norm.weight"] + weights[f"{at}.layer_norm.bias"]
        return states + new.clamp(min=0)

    start = torch.zeros(relations, dimension, dtype=row.dtype)
    start[seen_from] = 1
    described = start
    for i in range(6):
        at = f"relation_model.layers.{i}"
        described = layer(described, start, meetings, weights[f"{at}.relation.weight"], at)
    start = row[:, None] * described[relation]
    states = start
    for i in range(6):
        at = f"entity_model.layers.{i}"
        inner = described @ weights[f"{at}.relation_projection.0.weight"].T
        inner = (inner + weights[f"{at}.relation_projection.0.bias"]).clamp(min=0)
        table = inner @ weights[f"{at}.relation_projection.2.weight"].T
        table = table + weights[f"{at}.relation_projection.2.bias"]
        states = layer(states, start, edges, table, at)
    asked = described[relation].expand_as(states)
    inner = torch.cat((states, asked), 1) @ weights["entity_model.mlp.0.weight"].T
    inner = (inner + weights["entity_model.mlp.0.bias"]).clamp(min=0)
    return (inner @ weights["entity_model.mlp.2.weight"].T + weights["entity_model.mlp.2.bias"])[
        :, 0
    ]
