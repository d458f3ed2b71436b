"""The surroundings of heads in one large graph, cut out as a disjoint union."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgreason.predictors.gnn.epignn.batch import Union
from kgreason.ragged import Longs, gather_ranges, offsets_of, segments


@dataclass(frozen=True, slots=True)
class Asked:
    """Edges from heads that their graphs go without: (edges,) graph, label and target."""

    graph: Longs
    label: Longs
    target: Longs


@dataclass(frozen=True, slots=True)
class Surroundings:
    """A union and where its nodes come from: (nodes,) entities, and (graphs + 1,) their starts."""

    union: Union
    entity: Longs
    starts: Longs


@dataclass(frozen=True, slots=True)
class Neighbours:
    """Edges by their source: source e owns the edges offsets[e]:offsets[e + 1]."""

    offsets: Longs
    target: Longs
    label: Longs

    @classmethod
    def of(cls, source: Longs, label: Longs, target: Longs, entities: int) -> Neighbours:
        """(edges,) columns in any order; an edge given twice counts once, a self-loop not at all.

        A self-loop says nothing about how anything else is related.
        """
        kept = source != target
        edges = np.unique(np.stack((source[kept], label[kept], target[kept]), 1), axis=0)
        counts = np.bincount(edges[:, 0], minlength=entities)
        return cls(offsets_of(counts), edges[:, 2].copy(), edges[:, 1].copy())

    @property
    def entity_count(self) -> int:
        """Number of entities, with edges or without."""
        return len(self.offsets) - 1

    def around(self, heads: Longs, rounds: Longs, without: Asked | None = None) -> Surroundings:
        """What so many rounds can reach from each head, a graph of its own per head.

        heads, rounds: (graphs,). without: edges that are asked for; their inverses lead to the
        head, and such edges carry no message anyway.
        """
        count, width = len(heads), self.entity_count
        place = np.full(count * width, -1, dtype=np.int64)
        frontier = np.arange(count) * width + heads
        place[frontier] = 0
        found: list[tuple[Longs, Longs, Longs]] = []
        for step in range(int(rounds.max(initial=0))):
            frontier = frontier[rounds[frontier // width] > step]
            if not len(frontier):
                break
            offsets, positions = gather_ranges(self.offsets, frontier % width)
            owner = segments(offsets)
            source = frontier[owner]
            graph = source // width
            target, label = self.target[positions], self.label[positions]
            if without is not None and step == 0:
                kept = ~_among(without, graph, label, target)
                source, graph, target, label = (x[kept] for x in (source, graph, target, label))
            ahead = graph * width + target
            found.append((source, label, ahead))
            frontier = np.unique(ahead[place[ahead] < 0])
            place[frontier] = 0
        nodes = np.flatnonzero(place == 0)
        place[nodes] = np.arange(len(nodes))
        source, label, target = (
            np.concatenate(column) if column else np.zeros(0, dtype=np.int64)
            for column in (zip(*found, strict=True) if found else ((), (), ()))
        )
        owners = nodes // width
        union = Union(
            len(nodes),
            place[np.arange(count) * width + heads],
            owners,
            place[source],
            place[target],
            label,
            rounds,
        )
        return Surroundings(union, nodes % width, offsets_of(np.bincount(owners, minlength=count)))


def _among(edges: Asked, graph: Longs, label: Longs, target: Longs) -> NDArray[np.bool_]:
    """(edges,) whether each is one of `edges`."""
    labels = 1 + max(int(label.max(initial=0)), int(edges.label.max(initial=0)))
    targets = 1 + max(int(target.max(initial=0)), int(edges.target.max(initial=0)))
    keys = (graph * labels + label) * targets + target
    return np.isin(keys, (edges.graph * labels + edges.label) * targets + edges.target)
