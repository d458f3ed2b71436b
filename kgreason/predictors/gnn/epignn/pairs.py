"""Questions about one pair in a small graph of its own: which relation holds from head to tail."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kgreason.predictors.gnn.epignn.batch import Union
from kgreason.predictors.gnn.epignn.graphs import PairGraphs
from kgreason.predictors.gnn.epignn.model import EpiGNN, compose, logarithms
from kgreason.predictors.gnn.epignn.propagation import pool, sweep
from kgreason.ragged import Longs, gather_ranges, offsets_of, segments

_BATCH = 512


@dataclass(frozen=True, slots=True)
class PairBatch:
    """Some of the graphs, each twice: swept from its head, and backwards from its tail.

    union: forward graphs first; backward edges are reversed and their labels follow the forward
    ones. path: (steps,) nodes of the forward half; owner: (steps,) their graphs; informed: (steps,)
    bool, whether both sweeps reach the node.
    """

    union: Union
    path: Tensor
    owner: Tensor
    informed: Tensor
    graphs: int


def batch_of(graphs: PairGraphs, chosen: Longs, relations: int, rounds: int | None) -> PairBatch:
    """The graphs at these positions; rounds: for all of them, or None for what each needs."""
    sizes = np.diff(graphs.nodes)[chosen]
    starts = offsets_of(sizes)
    total = int(starts[-1])
    edge_offsets, edges = gather_ranges(graphs.edges, chosen)
    path_offsets, steps = gather_ranges(graphs.paths, chosen)
    edge_owner, step_owner = segments(edge_offsets), segments(path_offsets)
    source = graphs.source[edges] + starts[edge_owner]
    target = graphs.target[edges] + starts[edge_owner]
    label = graphs.label[edges]
    graph = segments(starts)
    needed = graphs.rounds[chosen]
    last = needed if rounds is None else np.full_like(needed, rounds)
    union = Union(
        2 * total,
        np.concatenate((graphs.head[chosen], total + graphs.tail[chosen]))
        + np.tile(starts[:-1], 2),
        np.concatenate((graph, len(chosen) + graph)),
        np.concatenate((source, total + target)),
        np.concatenate((target, total + source)),
        np.concatenate((label, relations + label)),
        np.tile(last, 2),
    )
    path = graphs.path[steps] + starts[step_owner]
    informed = (union.distance[path] >= 0) & (union.distance[total + path] >= 0)
    return PairBatch(
        union,
        torch.from_numpy(path),
        torch.from_numpy(step_owner),
        torch.from_numpy(informed),
        len(chosen),
    )


def pair_states(model: EpiGNN, batch: PairBatch) -> Tensor:
    """(graphs, m, d): what both sweeps say of each pair, along its path.

    Uniform, hence equal scores for all relations, where no way leads from head to tail.
    """
    design = model.design
    matrices = (*model.forward_matrices().unbind(), *model.backward_matrices().unbind())
    levels = batch.union.levels(matrices[0].device)
    states = sweep(batch.union, levels, matrices, design)
    states = states.view(-1, design.facets, design.facet)
    half = batch.union.node_count // 2
    path = batch.path.to(states.device)
    both = compose(states[path], states[half + path], model.table()).flatten(1)
    spoken = batch.informed.nonzero().squeeze(1)
    heard = batch.owner[spoken]
    count = torch.bincount(heard, minlength=batch.graphs).clamp(min=1).unsqueeze(1)
    spoken, heard, count = (part.to(states.device) for part in (spoken, heard, count))
    pooled = pool(both, spoken, heard, count, design)
    return pooled.view(-1, design.facets, design.facet)


def pair_scores(model: EpiGNN, batch: PairBatch) -> Tensor:
    """(graphs, relations): − mean over facets of the cross-entropy between relation and state.

    At most 0; −log d for every relation where head and tail are not connected.
    """
    states = logarithms(pair_states(model, batch)).flatten(1)
    return states @ model.relations().flatten(1).T / model.design.facets


def score_pairs(model: EpiGNN, graphs: PairGraphs, *, rounds: int | None = None) -> Tensor:
    """(graphs, relations) scores of any number of pairs, batch by batch, without gradients.

    rounds: for all graphs, or None for what each needs.
    """
    # Graphs that need as many rounds go together, so that none waits for another.
    order = np.argsort(graphs.rounds, kind="stable")
    found = torch.empty((len(graphs), model.relation_count))
    with torch.no_grad():
        for start in range(0, len(order), _BATCH):
            chosen = order[start : start + _BATCH]
            batch = batch_of(graphs, chosen, model.relation_count, rounds)
            found[torch.from_numpy(chosen)] = pair_scores(model, batch).to("cpu", found.dtype)
    return found
