"""Joins of facts along a path of relations, many heads at once, each pair found once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from kgreason.knowledge.index import FactIndex
from kgreason.ragged import Longs, segments

Table = NDArray[np.float64]

# Flags of (head, entity) pairs held at a time: 4 MB, about a core's share of the caches.
_BLOCK_PAIRS = 1 << 22
_BLOCK_ENTITIES = 4096
# Below this share of the pairs, sorting what was found is cheaper than flagging it.
_SPARSE = 64


def reach(index: FactIndex, heads: NDArray[np.integer], body: Sequence[int]) -> Longs:
    """Which entities a path leads to: ascending, distinct position · entities + entity.

    heads: (rows,) where the path begins; position is into them. body: directed relations. No step
    stays where it is or comes back to the beginning: a link that is concluded from itself would
    make every rule look good.
    """
    width = index.entity_count
    found = np.arange(len(heads), dtype=np.int64) * width + heads
    for relation in body:
        row, node = np.divmod(found, width)
        offsets, tails = index.rows(node, relation)
        step = segments(offsets)
        row = row[step]
        moved = (tails != node[step]) & (tails != heads[row])
        found = _distinct(row[moved] * width + tails[moved], len(heads) * width)
    return found


def first_path(
    index: FactIndex, head: int, body: Sequence[int], tail: int
) -> tuple[tuple[int, int, int], ...]:
    """Facts (head, directed relation, tail) of one path that `reach` counts; empty without one."""
    before: list[dict[int, int]] = []
    found = [head]
    for relation in body:
        offsets, tails = index.rows(np.array(found), relation)
        nodes = np.array(found)[segments(offsets)].tolist()
        step: dict[int, int] = {}
        for node, other in zip(nodes, tails.tolist(), strict=True):
            if other not in (node, head):
                step.setdefault(other, node)
        before.append(step)
        found = list(step)
    if tail not in before[-1]:
        return ()
    path = [tail]
    for step in reversed(before):
        path.append(step[path[-1]])
    path.reverse()
    return tuple(zip(path, body, path[1:], strict=False))


def blocks(index: FactIndex, heads: NDArray[np.integer]) -> Iterator[NDArray[np.integer]]:
    """Heads in portions whose pairs with all entities may be flagged in little memory."""
    size = max(1, _BLOCK_PAIRS // max(1, index.entity_count))
    for start in range(0, len(heads), size):
        yield heads[start : start + size]


def path_counts(index: FactIndex) -> Table:
    """(directed relations, directed relations) number of two-step paths r1(a, b), r2(b, c)."""
    total = np.zeros((index.relation_count, index.relation_count))
    for degrees in _degrees(index):
        # The tails of a relation are the heads of its inverse.
        total += degrees[np.arange(len(degrees)) ^ 1] @ degrees.T
    return total


def shared_heads(index: FactIndex) -> Table:
    """(directed relations, directed relations) number of entities that are heads of both."""
    total = np.zeros((index.relation_count, index.relation_count))
    for degrees in _degrees(index):
        occurs = (degrees > 0).astype(np.float64)
        total += occurs @ occurs.T
    return total


def _degrees(index: FactIndex) -> Iterator[Table]:
    """(directed relations, entities of a block) number of tails, block by block."""
    heads = [index.heads(relation) for relation in range(index.relation_count)]
    counts = [index.degrees(some, relation) for relation, some in enumerate(heads)]
    for start in range(0, index.entity_count, _BLOCK_ENTITIES):
        end = min(start + _BLOCK_ENTITIES, index.entity_count)
        found = np.zeros((index.relation_count, end - start))
        for relation, some in enumerate(heads):
            low, high = np.searchsorted(some, (start, end))
            found[relation, some[low:high] - start] = counts[relation][low:high]
        yield found


def _distinct(pairs: Longs, size: int) -> Longs:
    """The same pairs, ascending and each once; all lie in [0, size)."""
    if len(pairs) * _SPARSE < size:
        return np.unique(pairs)
    flags = np.zeros(size, dtype=np.bool_)
    flags[pairs] = True
    return np.flatnonzero(flags)
