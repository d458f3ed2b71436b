"""Many small graphs as one: the disjoint union over which a sweep runs, and its schedule."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgreason.ragged import Longs

Mask = NDArray[np.bool_]
# Products of fewer rows than this are rounded otherwise than the same rows among others.
LEAST_ROWS = 4
# Rounds over graphs of any shape.
MOST_ROUNDS = 64


@dataclass(frozen=True, slots=True)
class Level:
    """The messages of one round, grouped by label; a node says the same to all with one label.

    source: (messages,) int64 nodes. labels: of the groups. counts: their sizes. nodes: (receivers,)
    int64, who gets any. spoken, heard: (edges,) int64 positions among the messages and among the
    receivers. incoming: (receivers, 1) how many edges lead to each.
    """

    source: Tensor
    labels: tuple[int, ...]
    counts: tuple[int, ...]
    nodes: Tensor
    spoken: Tensor
    heard: Tensor
    incoming: Tensor


@dataclass(frozen=True)
class Union:
    """A disjoint union of graphs, each with one source.

    Edges in any order; self-loops and edges into a source carry no message, for neither says
    anything about how the source is related to others. rounds: (graphs,) after how many rounds the
    states of a graph are final; graph: (nodes,) the graph of each node.
    """

    node_count: int
    sources: Longs
    graph: Longs
    source: Longs
    target: Longs
    label: Longs
    rounds: Longs

    @cached_property
    def distance(self) -> Longs:
        """(nodes,) steps from the graph's source, within its rounds; −1 for what is not reached."""
        distance = np.full(self.node_count, -1, dtype=np.int64)
        distance[self.sources] = 0
        limits = self.rounds[self.graph]
        for step in range(1, int(self.rounds.max(initial=0)) + 1):
            ahead = self.target[distance[self.source] == step - 1]
            fresh = ahead[(distance[ahead] < 0) & (limits[ahead] >= step)]
            if not len(fresh):
                break
            distance[fresh] = step
        return distance

    @cached_property
    def carrying(self) -> Longs:
        """(edges,) those along which anything is said, by label and source."""
        carries = (self.source != self.target) & (self.distance[self.target] != 0)
        kept = np.flatnonzero(carries & (self.distance[self.source] >= 0))
        order = self.label[kept] * self.node_count + self.source[kept]
        return kept[np.argsort(order, kind="stable")]

    @cached_property
    def settled(self) -> Longs:
        """(nodes,) the one round that decides a node's state, or −1 where every round counts.

        Where ways have no cycles, and end within the rounds, a state is final after the steps of
        the longest way to the node, and nothing final depends on what it was before.
        """
        source, target = self.source[self.carrying], self.target[self.carrying]
        longest = np.full(self.node_count, -1, dtype=np.int64)
        longest[self.sources] = 0
        for step in range(1, int(self.rounds.max(initial=0)) + 2):
            ahead = target[longest[source] == step - 1]
            if not len(ahead):
                break
            longest[ahead] = step
        endless = np.zeros(len(self.rounds), dtype=np.bool_)
        endless[self.graph[longest > self.rounds[self.graph]]] = True
        return np.where(endless[self.graph], -1, longest)

    def levels(self, device: torch.device | str = "cpu", *, padded: bool = False) -> list[Level]:
        """The messages of each round: a node speaks from the round after it is reached.

        padded: fill groups up to the size at which a product's rows have the same bits in any
        company.
        """
        kept = self.carrying
        source, target, label = self.source[kept], self.target[kept], self.label[kept]
        starts, limits = self.distance[source], self.rounds[self.graph[source]]
        decided = self.settled[target]
        levels: list[Level] = []
        before: Mask | None = None
        for step in range(1, int(self.rounds.max(initial=0)) + 1):
            counts = np.where(decided < 0, limits >= step, decided == step)
            active = (starts < step) & counts
            if before is None or not np.array_equal(active, before):
                parts = (source[active], target[active], label[active])
                level = _level(parts, self.node_count, torch.device(device), padded)
            levels.append(level)
            before = active
        return levels


def _level(
    edges: tuple[Longs, Longs, Longs], node_count: int, device: torch.device, padded: bool
) -> Level:
    """edges: (edges,) source, target and label, by label and source."""
    source, target, label = edges
    fresh = np.ones(len(source), dtype=np.bool_)
    fresh[1:] = (source[1:] != source[:-1]) | (label[1:] != label[:-1])
    spoken = np.cumsum(fresh) - 1
    source, label = source[fresh], label[fresh]
    starts = np.flatnonzero(np.diff(label, prepend=-1))
    counts = np.diff(starts, append=len(label))
    if padded and (counts < LEAST_ROWS).any():
        missing = np.maximum(LEAST_ROWS - counts, 0)
        source = np.insert(
            source, np.repeat(starts + counts, missing), np.repeat(source[starts], missing)
        )
        spoken = spoken + np.repeat(np.cumsum(missing) - missing, counts)[spoken]
        counts = counts + missing
    incoming = np.bincount(target, minlength=node_count)
    nodes = np.flatnonzero(incoming)
    place = np.cumsum(incoming > 0) - 1
    return Level(
        torch.from_numpy(source).to(device),
        tuple(label[starts].tolist()),
        tuple(counts.tolist()),
        torch.from_numpy(nodes).to(device),
        torch.from_numpy(spoken).to(device),
        torch.from_numpy(place[target]).to(device),
        torch.from_numpy(incoming[nodes, None]).to(device),
    )
