"""The graph of relations: which of them meet at an entity, and how (Galkin et al., ICLR 2024)."""

from __future__ import annotations

import numpy as np

from kgreason.errors import LimitError
from kgreason.predictors.gnn.edges import Edges
from kgreason.ragged import Longs, gather_ranges, offsets_of

MEETINGS = 4
"""Kinds of edges: two relations share a head, share a tail, one's head is the other's tail, one's
tail is the other's head."""
MOST_EDGES = 20_000_000
_AT_ONCE = 1 << 22


def relation_graph(heads: Longs, relations: Longs, relation_count: int, entity_count: int) -> Edges:
    """The edges between directed relations; each is also the inverse of the relation beside it.

    heads, relations: (edges,) int64 of every fact in both directions, the relations 2k and 2k + 1.
    The receiver of an edge is the first of the two relations. Raises LimitError for a graph of more
    than MOST_EDGES: its relations are too many.
    """
    pairs = np.unique(heads * relation_count + relations)
    entity, out = pairs // relation_count, pairs % relation_count
    starts = offsets_of(np.bincount(entity, minlength=entity_count))
    # The relations out of an entity are the inverses of those that lead to it.
    keys = _shared(out, entity, starts, relation_count)
    first, second = keys // relation_count, keys % relation_count
    # i and j share a head where both lead away; i^1 and j^1 then share a tail, and so on.
    kinds = [
        (first, second),
        (first ^ 1, second ^ 1),
        (first, second ^ 1),
        (first ^ 1, second),
    ]
    receiver = np.concatenate([one for one, _ in kinds])
    sender = np.concatenate([other for _, other in kinds])
    label = np.repeat(np.arange(MEETINGS), len(keys))
    return Edges.of(receiver, label, sender, relation_count, MEETINGS)


def _shared(out: Longs, entity: Longs, starts: Longs, relation_count: int) -> Longs:
    """Ascending keys i · relations + j of relations that lead away from one entity."""
    found = np.zeros(0, dtype=np.int64)
    degrees = np.diff(starts)[entity]
    ends = np.cumsum(degrees)
    start = 0
    while start < len(out):
        before = ends[start - 1] if start else 0
        stop = max(start + 1, int(np.searchsorted(ends, before + _AT_ONCE, side="right")))
        offsets, places = gather_ranges(starts, entity[start:stop])
        first = np.repeat(out[start:stop], np.diff(offsets))
        found = np.unique(np.concatenate([found, first * relation_count + out[places]]))
        if MEETINGS * len(found) > MOST_EDGES:
            raise LimitError(
                f"the graph's relations meet in more than {MOST_EDGES:,} ways",
                remedy="leave out relations, or use a model that is trained on the graph",
            )
        start = stop
    return found
