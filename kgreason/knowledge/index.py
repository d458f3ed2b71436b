"""Facts indexed both ways, as compressed sparse rows in numpy."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from kgreason.errors import UsageError
from kgreason.ragged import Longs, ranges

if TYPE_CHECKING:
    from collections.abc import Iterable

Ints = NDArray[np.int32]


class FactIndex:
    """Distinct facts by (directed relation, head).

    Directed relation 2k is base relation k read from head to tail, 2k + 1 the same facts read from
    tail to head. Lookups take and give numpy arrays; `heads` and `relations` broadcast.
    Ids outside the graph raise `UsageError`.
    """

    def __init__(
        self, entity_count: int, relation_count: int, keys: Longs, offsets: Longs, tails: Ints
    ) -> None:
        """`keys` = relation · entity_count + head, ascending and distinct; see `from_facts`."""
        self.entity_count = entity_count
        self.relation_count = relation_count
        self._keys = keys
        self._offsets = offsets
        self._tails = tails

    @classmethod
    def from_facts(cls, facts: NDArray[np.int32], entity_count: int, relations: int) -> FactIndex:
        """Index (facts, 3) rows of head, base relation, tail over `relations` base relations."""
        triples = np.asarray(facts).reshape(-1, 3)
        head, relation, tail = triples.T
        _check_range(head, entity_count, "entity")
        _check_range(relation, relations, "relation")
        _check_range(tail, entity_count, "entity")
        if 2 * relations * entity_count**2 < 2**63:
            keys, tails = _sorted_packed(head, relation, tail, entity_count)
        else:
            keys, tails = _sorted_pairs(head, relation, tail, entity_count)
        starts = np.flatnonzero(np.diff(keys, prepend=-1))
        offsets = np.append(starts, len(keys)).astype(np.int64)
        return cls(entity_count, 2 * relations, keys[starts], offsets, tails)

    @property
    def fact_count(self) -> int:
        """Distinct facts, each counted once though it is indexed in both directions."""
        return len(self._tails) // 2

    @cached_property
    def fact_counts(self) -> Longs:
        """(directed relations,) facts under each directed relation."""
        return np.diff(self._offsets[self._relation_starts])

    @cached_property
    def head_counts(self) -> Longs:
        """(directed relations,) entities with at least one tail under each directed relation."""
        return np.diff(self._relation_starts)

    @cached_property
    def _relation_starts(self) -> Longs:
        """(directed relations + 1,) where each directed relation's keys begin."""
        relations = np.arange(self.relation_count + 1, dtype=np.int64)
        return np.searchsorted(self._keys, relations * self.entity_count)

    def rows(self, heads: ArrayLike, relations: ArrayLike) -> tuple[Longs, Ints]:
        """Known tails of each pair: offsets (pairs + 1,) and entities, ascending within a pair."""
        starts, ends = self._spans(heads, relations)
        offsets, positions = ranges(starts, ends - starts)
        return offsets, self._tails[positions]

    def degrees(self, heads: ArrayLike, relations: ArrayLike) -> Longs:
        """Number of known tails of each pair."""
        starts, ends = self._spans(heads, relations)
        return ends - starts

    def degree(self, head: int, relation: int) -> int:
        """Number of known tails of one pair, without the cost of arrays."""
        if not (0 <= head < self.entity_count and 0 <= relation < self.relation_count):
            return int(self.degrees(head, relation)[0])
        key = relation * self.entity_count + head
        position = int(np.searchsorted(self._keys, key))
        if position == len(self._keys) or self._keys[position] != key:
            return 0
        return int(self._offsets[position + 1] - self._offsets[position])

    def contains(
        self, heads: ArrayLike, relations: ArrayLike, tails: ArrayLike
    ) -> NDArray[np.bool_]:
        """Whether each `relation(head, tail)` is a fact."""
        head, relation, tail = np.broadcast_arrays(
            *(np.atleast_1d(np.asarray(ids, dtype=np.int64)) for ids in (heads, relations, tails))
        )
        _check_range(tail, self.entity_count, "entity")
        low, end = self._spans(head, relation)
        if not len(self._tails):
            return np.zeros(len(tail), dtype=np.bool_)
        high = end
        # A binary search in every row at once: as many rounds as the longest row has bits.
        while np.any(low < high):
            middle = (low + high) // 2
            open_ = low < high
            below = open_ & (self._at(middle) < tail)
            low = np.where(below, middle + 1, low)
            high = np.where(open_ & ~below, middle, high)
        found: NDArray[np.bool_] = (low < end) & (self._at(low) == tail)
        return found

    def heads(self, relation: int) -> Ints:
        """Entities, ascending, with at least one tail under a directed relation."""
        _check_range(np.asarray([relation]), self.relation_count, "relation")
        start, end = self._relation_starts[relation : relation + 2]
        return (self._keys[start:end] - relation * self.entity_count).astype(np.int32)

    def tail_count(self, relation: int) -> int:
        """Facts under a directed relation."""
        _check_range(np.asarray([relation]), self.relation_count, "relation")
        return int(self.fact_counts[relation])

    def __repr__(self) -> str:
        return (
            f"FactIndex({self.fact_count:,} facts, {self.entity_count:,} entities, "
            f"{self.relation_count:,} directed relations)"
        )

    def _at(self, positions: Longs) -> Ints:
        return self._tails[np.minimum(positions, len(self._tails) - 1)]

    def _spans(self, heads: ArrayLike, relations: ArrayLike) -> tuple[Longs, Longs]:
        head, relation = np.broadcast_arrays(
            *(np.atleast_1d(np.asarray(ids, dtype=np.int64)) for ids in (heads, relations))
        )
        # An id out of range would silently address the row of another relation.
        _check_range(head, self.entity_count, "entity")
        _check_range(relation, self.relation_count, "relation")
        if not len(self._keys):
            return np.zeros(len(head), dtype=np.int64), np.zeros(len(head), dtype=np.int64)
        key = relation * self.entity_count + head
        position = np.minimum(np.searchsorted(self._keys, key), len(self._keys) - 1)
        found = self._keys[position] == key
        starts = self._offsets[position]
        return starts, np.where(found, self._offsets[position + 1], starts)


def _keys(head: Ints, relation: Ints, tail: Ints, entity_count: int) -> Longs:
    """Keys of both directions, all forward ones first; filled in place, for graphs are large."""
    count = len(head)
    keys = np.empty(2 * count, dtype=np.int64)
    np.multiply(relation, 2, out=keys[:count], dtype=np.int64)
    np.add(keys[:count], 1, out=keys[count:])
    keys *= entity_count
    keys[:count] += head
    keys[count:] += tail
    return keys


def _sorted_packed(head: Ints, relation: Ints, tail: Ints, entity_count: int) -> tuple[Longs, Ints]:
    """Distinct (key, tail) pairs in order; one 64-bit number each sorts faster than two columns."""
    packed = _keys(head, relation, tail, entity_count)
    packed *= entity_count
    packed[: len(head)] += tail
    packed[len(head) :] += head
    packed.sort()
    fresh = np.ones(len(packed), dtype=np.bool_)
    np.not_equal(packed[1:], packed[:-1], out=fresh[1:])
    if not fresh.all():
        packed = packed[fresh]
    tails = np.remainder(packed, max(entity_count, 1)).astype(np.int32)
    packed //= max(entity_count, 1)
    return packed, tails


def _sorted_pairs(head: Ints, relation: Ints, tail: Ints, entity_count: int) -> tuple[Longs, Ints]:
    """As `_sorted_packed`, for graphs so large that a pair does not fit into 64 bits."""
    keys = _keys(head, relation, tail, entity_count)
    tails = np.concatenate([tail, head]).astype(np.int32)
    order = np.lexsort((tails, keys))
    keys, tails = keys[order], tails[order]
    fresh = np.ones(len(keys), dtype=np.bool_)
    fresh[1:] = (np.diff(keys) != 0) | (np.diff(tails) != 0)
    return keys[fresh], tails[fresh]


def _check_range(ids: NDArray[np.integer[Any]], count: int, kind: str) -> None:
    if ids.size and (int(ids.min()) < 0 or int(ids.max()) >= count):
        wrong = ids[(ids < 0) | (ids >= count)].ravel()[0]
        raise UsageError(f"no {kind} has the id {wrong}", remedy=f"{kind} ids are 0 … {count - 1}")


def concatenate(parts: Iterable[NDArray[np.int32]]) -> NDArray[np.int32]:
    """(facts, 3) rows one after another; no parts at all give no rows."""
    rows = [part for part in parts if len(part)]
    if len(rows) == 1:
        return rows[0]
    return np.concatenate(rows) if rows else np.empty((0, 3), dtype=np.int32)
