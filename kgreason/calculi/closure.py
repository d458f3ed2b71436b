"""Algebraic closure (path consistency): what a composition table entails about small graphs.

R(i, j) ← R(i, j) ∩ R(i, k) ∘ R(k, j) for all nodes until nothing changes (Mackworth, Artificial
Intelligence 8, 1977; Ladkin & Maddux, JACM 41, 1994), all graphs of one size at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

import numpy as np
from numpy.typing import NDArray

from kgreason.calculi.small_graphs import SmallGraphs
from kgreason.calculi.table import CompositionTable, Sets
from kgreason.choose import unknown
from kgreason.errors import DataError
from kgreason.ragged import Longs, gather_ranges, segments

# A batch's matrices and their intermediates stay within the caches of a small machine.
_BATCH_ENTRIES = 1 << 18
_CHUNK_BITS = 8


class Composer:
    """Composition of sets of relations, by tables over chunks of their bits."""

    def __init__(self, table: CompositionTable) -> None:
        count = len(table.relations)
        chunks = -(-count // _CHUNK_BITS)
        self._bits = -(-count // chunks)
        self.dtype = np.dtype(next(f"u{size}" for size in (1, 2, 4, 8) if 8 * size >= count))
        self._lookups = [
            (a * self._bits, b * self._bits, self._lookup(table, a * self._bits, b * self._bits))
            for a in range(chunks)
            for b in range(chunks)
        ]

    def __call__(self, left: Sets, right: Sets) -> Sets:
        """left, right: sets of the composer's dtype, broadcast -> what may hold over both."""
        mask = (1 << self._bits) - 1
        found = None
        for low_left, low_right, lookup in self._lookups:
            rows = ((left >> low_left) & mask).astype(np.int32) << self._bits
            part = lookup.take(rows | ((right >> low_right) & mask).astype(np.int32))
            found = part if found is None else np.bitwise_or(found, part, out=found)
        assert found is not None
        return found

    def _lookup(self, table: CompositionTable, left: int, right: int) -> Sets:
        """(4 ** bits,) composition of every set of one chunk with every set of another."""
        cells = np.zeros((self._bits, self._bits), dtype=self.dtype)
        part = table.cells[left : left + self._bits, right : right + self._bits]
        cells[: part.shape[0], : part.shape[1]] = part
        sets = np.arange(1 << self._bits)
        has = (sets[:, None] >> np.arange(self._bits)) & 1 == 1
        rows = np.zeros((len(sets), self._bits), dtype=self.dtype)
        for bit in range(self._bits):
            rows[has[:, bit]] |= cells[bit]
        out = np.zeros((len(sets), len(sets)), dtype=self.dtype)
        for bit in range(self._bits):
            out[:, has[:, bit]] |= rows[:, bit : bit + 1]
        return out.reshape(-1)


def close(
    graphs: SmallGraphs,
    table: CompositionTable,
    progress: Callable[[int], None] | None = None,
) -> Sets:
    """(graphs,) the set of relations that the closure leaves between head and tail.

    0 where a graph contradicts itself. progress: told the number of graphs done. Raises DataError
    for a relation that the table lacks.
    """
    place = {name: i for i, name in enumerate(table.relations)}
    used = set(graphs.relations.tolist())
    missing = [name for i, name in enumerate(graphs.names) if i in used and name not in place]
    if missing:
        raise unknown("relation", missing[0], table.relations, DataError, "the composition table")
    composer = Composer(table)
    # A label that no edge has may be missing from the table: no closure can give it.
    position = np.array([place.get(name, 0) for name in graphs.names], dtype=np.int64)
    edges = (np.uint64(1) << position.astype(np.uint64))[graphs.relations].astype(composer.dtype)
    found = np.zeros(len(graphs), dtype=np.uint64)
    done = 0
    for chosen, nodes in _batches(graphs):
        matrices = _matrices(graphs, table, edges, chosen, nodes)
        _close(matrices, composer)
        found[chosen] = matrices[np.arange(len(chosen)), graphs.heads[chosen], graphs.tails[chosen]]
        done += len(chosen)
        if progress is not None:
            progress(done)
    return found


def _batches(graphs: SmallGraphs) -> Iterator[tuple[Longs, int]]:
    """Positions of graphs with equally many nodes, and that number."""
    counts = graphs.node_counts
    for nodes in np.unique(counts).tolist():
        alike = np.flatnonzero(counts == nodes)
        size = max(1, _BATCH_ENTRIES // nodes**2)
        for start in range(0, len(alike), size):
            yield alike[start : start + size], nodes


def _matrices(
    graphs: SmallGraphs, table: CompositionTable, edges: Sets, chosen: Longs, nodes: int
) -> Sets:
    """(graphs, nodes, nodes) sets of relations, as far as edges, identity and converses tell."""
    dtype = edges.dtype
    found = np.full((len(chosen), nodes, nodes), dtype.type(table.universe), dtype=dtype)
    if table.identity is not None:
        at = np.arange(nodes)
        found[:, at, at] = dtype.type(1 << table.identity)
    offsets, edge = gather_ranges(graphs.offsets, chosen)
    graph = segments(offsets)
    source, target, label = graphs.sources[edge], graphs.targets[edge], edges[edge]
    np.bitwise_and.at(found, (graph, source, target), label)
    if table.converse is not None:
        back = np.array([1 << i for i in table.converse], dtype=dtype)
        position = np.log2(label.astype(np.float64)).astype(np.int64)
        np.bitwise_and.at(found, (graph, target, source), back[position])
    return found


def _close(matrices: NDArray[np.unsignedinteger], composer: Composer) -> None:
    """Refine in place until nothing changes; graphs that are done are left alone."""
    active = np.arange(len(matrices))
    while len(active):
        before = matrices[active]
        work = before.copy()
        for k in range(work.shape[1]):
            work &= composer(work[:, :, k, None], work[:, k, None, :])
        matrices[active] = work
        active = active[(work != before).any(axis=(1, 2))]
