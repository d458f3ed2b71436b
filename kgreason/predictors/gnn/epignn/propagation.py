"""Message passing from one source per graph, all nodes at once, round by round."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch
from torch import Tensor

from kgreason.predictors.gnn.epignn.batch import Level, Union
from kgreason.predictors.gnn.epignn.model import Design, Pooling, logarithms, start_state

# Keeps a contradiction (nothing left possible) a probability vector: the uniform one.
TRACE = 1e-18


def sweep(
    union: Union, levels: Sequence[Level], matrices: Sequence[Tensor], design: Design
) -> Tensor:
    """States of all nodes after the last round: (nodes, n), each facet summing to 1.

    matrices: by label, state @ matrix is the message along such an edge. Sources hold the identity
    throughout; nodes that were not reached stay uniform, which is to know nothing.
    """
    *_, states = rounds(union, levels, matrices, design)
    return states


def rounds(
    union: Union, levels: Sequence[Level], matrices: Sequence[Tensor], design: Design
) -> Iterator[Tensor]:
    """The states that `sweep` begins with, then those after each round."""
    dtype, device = matrices[0].dtype, matrices[0].device
    start = start_state(design, dtype=dtype).to(device)
    states = torch.full((union.node_count, design.dimension), 1 / design.facet, dtype=dtype)
    states = states.to(device)
    states[torch.from_numpy(union.sources).to(device)] = start
    yield states
    for level in levels:
        if level.counts:
            messages = messages_of(states, level, matrices)
            # No message ever goes to a source, so that it keeps the identity.
            pooled = pool(messages, level.spoken, level.heard, level.incoming, design)
            states = states.index_copy(0, level.nodes, pooled)
        yield states


def messages_of(states: Tensor, level: Level, matrices: Sequence[Tensor]) -> Tensor:
    """(messages, n): φ(state of the source, label), group by group."""
    groups = states.index_select(0, level.source).split(level.counts)
    return torch.cat(
        [group @ matrices[label] for group, label in zip(groups, level.labels, strict=True)]
    )


def pool(
    messages: Tensor, spoken: Tensor, heard: Tensor, incoming: Tensor, design: Design
) -> Tensor:
    """ψ: what the messages to each node say together, (nodes, n).

    messages: (messages, n). spoken, heard: (edges,) int64, which message goes to which node.
    incoming: (nodes, 1) edges to each node, at least 1. A node without any gets uniform facets.
    """
    nodes = incoming.shape[0]
    facets = (nodes, design.facets, design.facet)
    if design.pooling == "min":
        pooled = _least(messages.index_select(0, spoken), heard, nodes).view(facets) + TRACE
        pooled = pooled / pooled.sum(-1, keepdim=True)
    else:
        # Products as sums of logarithms cannot underflow.
        sums = messages.new_zeros((nodes, design.dimension))
        sums = sums.index_add(0, heard, logarithms(messages).index_select(0, spoken))
        pooled = torch.softmax(_divided(sums, incoming, design.pooling).view(facets), -1)
    return pooled.view(nodes, design.dimension)


def _least(messages: Tensor, heard: Tensor, nodes: int) -> Tensor:
    least = messages.new_ones((nodes, messages.shape[1]))
    index = heard.unsqueeze(1).expand_as(messages)
    return least.scatter_reduce(0, index, messages, "amin")


def _divided(sums: Tensor, incoming: Tensor, pooling: Pooling) -> Tensor:
    return sums / incoming.to(sums.dtype) if pooling == "mean" else sums
