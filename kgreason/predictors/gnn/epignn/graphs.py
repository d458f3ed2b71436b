"""Small graphs, each with a pair of nodes in question, end to end in arrays."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from kgreason.ragged import Longs, gather_ranges, offsets_of

Edge = tuple[int, int, int]
"""Source, base relation, target."""
PairGraph = tuple[Sequence[Edge], int, int]
"""Edges, head and tail."""


@dataclass(frozen=True, slots=True)
class PairGraphs:
    """Graphs with one pair each, end to end.

    nodes, edges, paths: (graphs + 1,) offsets of each graph's nodes, edges and path. source,
    target: node numbers within the graph; label: base relation. head, tail: the pair. path: nodes
    of one shortest path between the pair, edges taken either way; just the pair where there is
    none. rounds: the steps of the longest way from the head, see `needed_rounds`.
    """

    nodes: Longs
    edges: Longs
    paths: Longs
    source: Longs
    target: Longs
    label: Longs
    head: Longs
    tail: Longs
    path: Longs
    rounds: Longs

    def __len__(self) -> int:
        return len(self.head)

    def at(self, chosen: Longs) -> PairGraphs:
        """The graphs at these positions."""
        edge_offsets, edges = gather_ranges(self.edges, chosen)
        path_offsets, steps = gather_ranges(self.paths, chosen)
        return PairGraphs(
            offsets_of(np.diff(self.nodes)[chosen]),
            edge_offsets,
            path_offsets,
            self.source[edges],
            self.target[edges],
            self.label[edges],
            self.head[chosen],
            self.tail[chosen],
            self.path[steps],
            self.rounds[chosen],
        )

    def graph(self, position: int) -> PairGraph:
        """The graph at one position."""
        own = slice(self.edges[position], self.edges[position + 1])
        columns = (self.source[own], self.label[own], self.target[own])
        edges = list(zip(*(column.tolist() for column in columns), strict=True))
        return edges, int(self.head[position]), int(self.tail[position])

    @classmethod
    def of(cls, graphs: Iterable[PairGraph]) -> PairGraphs:
        """From single graphs; nodes may have any numbers, an edge given twice counts once."""
        every = [_prepared(graph) for graph in graphs]
        flat = _longs([number for one in every for edge in one.edges for number in edge])
        edges = flat.reshape(-1, 3)
        return cls(
            offsets_of([one.nodes for one in every]),
            offsets_of([len(one.edges) for one in every]),
            offsets_of([len(one.path) for one in every]),
            edges[:, 0],
            edges[:, 2],
            edges[:, 1],
            _longs([one.path[0] for one in every]),
            _longs([one.path[-1] for one in every]),
            _longs([node for one in every for node in one.path]),
            _longs([one.rounds for one in every]),
        )


@dataclass(frozen=True, slots=True)
class _Prepared:
    """A graph whose nodes are numbered from 0; the path leads from head to tail."""

    nodes: int
    edges: list[Edge]
    path: list[int]
    rounds: int


def _prepared(graph: PairGraph) -> _Prepared:
    edges, head, tail = graph
    number: dict[int, int] = {}
    for node in (head, tail, *(end for s, _, t in edges for end in (s, t))):
        number.setdefault(node, len(number))
    numbered = list(dict.fromkeys((number[s], r, number[t]) for s, r, t in edges))
    path = shortest_path(numbered, number[head], number[tail])
    return _Prepared(len(number), numbered, path, needed_rounds(numbered, number[head]))


def shortest_path(edges: Sequence[Edge], head: int, tail: int) -> list[int]:
    """Nodes of one shortest path, edges taken either way; the pair where there is none.

    Among several the one whose edges come first, which does not depend on how nodes are numbered.
    """
    near: dict[int, list[int]] = {}
    for source, _, target in edges:
        near.setdefault(source, []).append(target)
        near.setdefault(target, []).append(source)
    before = {head: head}
    frontier = [head]
    while frontier and tail not in before:
        ahead = []
        for node in frontier:
            for other in near.get(node, ()):
                if other not in before:
                    before[other] = node
                    ahead.append(other)
        frontier = ahead
    if tail not in before:
        return [head, tail]
    path = [tail]
    while path[-1] != head:
        path.append(before[path[-1]])
    return path[::-1]


def needed_rounds(edges: Sequence[Edge], head: int) -> int:
    """Rounds after which states are final: steps of the longest way from the head.

    In a graph with cycles, where ways have no end, the longest that could visit no node twice.
    """
    ahead: dict[int, set[int]] = {}
    for source, _, target in edges:
        if source != target and target != head:
            ahead.setdefault(source, set()).add(target)
    waiting = {head: 0}  # nodes ahead of the head, and how many edges lead to each
    order = [head]
    for node in order:
        for other in ahead.get(node, ()):
            if other not in waiting:
                order.append(other)
            waiting[other] = waiting.get(other, 0) + 1
    longest = {head: 0}
    ready = [head]
    for node in ready:
        for other in ahead.get(node, ()):
            longest[other] = max(longest.get(other, 0), longest[node] + 1)
            waiting[other] -= 1
            if not waiting[other]:
                ready.append(other)
    free_of_cycles = len(ready) == len(order)
    return max(longest.values()) if free_of_cycles else len(order) - 1


def _longs(numbers: list[int]) -> Longs:
    return np.array(numbers, dtype=np.int64)
