"""Larger graphs out of small ones, to tell how far a model carries beyond what it has seen."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from kgreason.predictors.gnn.epignn.graphs import Edge, PairGraph, PairGraphs

# Edges of a graph that give way to graphs: from one to so many.
_MOST_REPLACED = 3


def grow(
    graphs: PairGraphs, labels: Tensor, count: int, random: torch.Generator
) -> list[tuple[PairGraph, int]]:
    """So many graphs, each with up to three edges replaced by a graph that has their relation.

    labels: (graphs,) the relation between head and tail, which is still the one that holds: what
    was stated in one step now follows from others. Fewer than `count`, or none, where a drawn
    graph has no edge of a relation that any graph is about.
    """
    about: dict[int, list[int]] = {}
    for position, label in enumerate(labels.tolist()):
        if graphs.head[position] != graphs.tail[position]:
            about.setdefault(label, []).append(position)
    found = []
    for position in _draw(len(graphs), count, random) if len(graphs) else ():
        grown = _grown(graphs, position, about, random)
        if grown is not None:
            found.append((grown, int(labels[position])))
    return found


def _grown(
    graphs: PairGraphs, position: int, about: Mapping[int, Sequence[int]], random: torch.Generator
) -> PairGraph | None:
    edges, head, tail = graphs.graph(position)
    open_edges = [i for i, (_, relation, _) in enumerate(edges) if relation in about]
    if not open_edges:
        return None
    replaced = min(len(open_edges), 1 + _draw(_MOST_REPLACED, 1, random)[0])
    order = torch.randperm(len(open_edges), generator=random)[:replaced].tolist()
    chosen = {open_edges[i] for i in order}
    nodes = int(graphs.nodes[position + 1] - graphs.nodes[position])
    found: list[Edge] = []
    for i, (source, relation, target) in enumerate(edges):
        if i not in chosen:
            found.append((source, relation, target))
            continue
        options = about[relation]
        part = options[_draw(len(options), 1, random)[0]]
        inner, start, end = graphs.graph(part)
        places = {start: source, end: target}
        found += [(places.get(s, nodes + s), r, places.get(t, nodes + t)) for s, r, t in inner]
        nodes += int(graphs.nodes[part + 1] - graphs.nodes[part])
    return found, head, tail


def _draw(below: int, count: int, random: torch.Generator) -> list[int]:
    return torch.randint(below, (count,), generator=random).tolist()
