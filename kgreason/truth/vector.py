"""A batch of fuzzy sets over the entities, stored as sparse exceptions over a background truth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from kgreason.truth.ragged import gather_ranges, joined_offsets, repeated, segments
from kgreason.truth.rows import TruthRows

DENSE = 8
"""From one entry in so many places on, a place for each costs less than sorting the entries."""
# From one key in so many places on, a place for each costs less than a binary search for the key.
_DENSE_ENOUGH = 256
# Places laid out at a time: few enough to stay in the processor's cache.
_AT_ONCE = 1 << 18


@dataclass(frozen=True, slots=True)
class TruthVector:
    """Truth of every entity, for each row of a batch: (batch, entity), values in [0, 1].

    entity_count: number of entities.
    background: (batch,) truth of every entity that is not listed (0, or above 0 after a negation).
    offsets: (batch + 1,) int64; row i lists entries offsets[i]:offsets[i + 1].
    entities: (entries,) int32, strictly ascending within a row.
    truths: (entries,) truth of the listed entities.
    """

    entity_count: int
    background: Tensor
    offsets: Tensor
    entities: Tensor
    truths: Tensor

    @classmethod
    def from_rows(cls, rows: TruthRows, entity_count: int) -> TruthVector:
        """Sparse rows over a background of 0."""
        background = torch.zeros(len(rows), dtype=rows.truths.dtype, device=rows.truths.device)
        return cls(entity_count, background, rows.offsets, rows.entities, rows.truths)

    @classmethod
    def from_keys(
        cls, entity_count: int, background: Tensor, keys: Tensor, truths: Tensor
    ) -> TruthVector:
        """From sorted unique keys row · entity_count + entity."""
        starts = torch.arange(background.shape[0] + 1, device=keys.device) * entity_count
        offsets = torch.searchsorted(keys, starts)
        entities = keys
        if background.shape[0] > 1:
            # Divisions of int64 are slow.
            entities = keys - repeated(starts[:-1], offsets.diff(), keys.shape[0])
        return cls(entity_count, background, offsets, entities.int(), truths)

    @classmethod
    def constant(cls, entity_count: int, background: Tensor) -> TruthVector:
        """The same truth for every entity of a row; background: (batch,)."""
        empty = torch.zeros(background.shape[0] + 1, dtype=torch.int64, device=background.device)
        entities = torch.zeros(0, dtype=torch.int32, device=background.device)
        return cls(entity_count, background, empty, entities, background[:0])

    def __len__(self) -> int:
        return self.background.shape[0]

    @property
    def row(self) -> Tensor:
        """(entries,) int64: the row each entry belongs to."""
        return segments(self.offsets, self.entities.shape[0])

    @property
    def keys(self) -> Tensor:
        """(entries,) int64, ascending: row · entity_count + entity."""
        if len(self) == 1:
            return self.entities.long()
        return self.row.mul_(self.entity_count).add_(self.entities)

    @property
    def is_sparse(self) -> bool:
        """Whether every unlisted entity of every row has truth 0."""
        return not bool(self.background.any())

    def at(self, keys: Tensor) -> Tensor:
        """Truths at keys row · entity_count + entity, listed or not."""
        places = len(self) * self.entity_count
        if keys.shape[0] * DENSE >= places and places <= _AT_ONCE:
            return pick(self.dense().view(-1), keys)
        is_cpu = keys.device.type == "cpu"
        if is_cpu and keys.shape[0] * _DENSE_ENOUGH >= places and bool((keys.diff() >= 0).all()):
            return self._at_ascending(keys)
        if keys.shape[0] * DENSE >= places:
            return pick(self.dense().view(-1), keys)
        own = self.keys
        background = self.background[keys // self.entity_count]
        if own.shape[0] == 0:
            return background
        position = torch.searchsorted(own, keys).clamp(max=own.shape[0] - 1)
        found = pick(own, position) == keys
        return torch.where(found, pick(self.truths, position), background)

    def _at_ascending(self, keys: Tensor) -> Tensor:
        """The same for ascending keys, some rows at a time."""
        count, size = len(self), self.entity_count
        step = max(1, _AT_ONCE // size)
        starts = torch.arange(0, count + step, step)
        asked = torch.searchsorted(keys, starts * size).tolist()
        listed = pick(self.offsets, starts.clamp(max=count)).tolist()
        own, found = self.keys, self.truths.new_empty(keys.shape)
        for place, first in enumerate(starts[:-1].tolist()):
            laid_out = self.background[first : first + step, None].repeat(1, size).view(-1)
            mine = slice(listed[place], listed[place + 1])
            laid_out.scatter_(0, own[mine] - first * size, self.truths[mine])
            here = slice(asked[place], asked[place + 1])
            found[here] = pick(laid_out, keys[here] - first * size)
        return found

    def select(self, rows: Tensor) -> TruthVector:
        """The rows named by `rows`, in that order, repeats allowed; no copy when that is all."""
        if len(rows) == len(self) and torch.equal(rows, torch.arange(len(self)).to(rows)):
            return self
        offsets, positions = gather_ranges(self.offsets, rows)
        return TruthVector(
            self.entity_count,
            self.background[rows],
            offsets,
            pick(self.entities, positions),
            pick(self.truths, positions),
        )

    def expand(self, floor: float = 0.0) -> tuple[Tensor, Tensor, Tensor]:
        """(row, entity, truth) of every entity with truth above 0 and at least `floor`, row by row.

        A row over a background that qualifies lists all entities.
        """
        full = torch.nonzero((self.background > 0) & (self.background >= floor)).flatten()
        if not full.shape[0]:
            kept = nonzero((self.truths > 0) & (self.truths >= floor))
            return pick(self.row, kept), pick(self.entities, kept).long(), pick(self.truths, kept)
        every = torch.arange(self.entity_count, device=full.device)
        dense_keys = (full[:, None] * self.entity_count + every).flatten()
        keys = torch.cat([self.keys, dense_keys]).unique()
        truths = self.at(keys)
        kept = nonzero((truths > 0) & (truths >= floor))
        keys, truths = pick(keys, kept), pick(truths, kept)
        return keys // self.entity_count, keys % self.entity_count, truths

    def dense(self) -> Tensor:
        """(batch, entity) truths."""
        out = self.background[:, None].repeat(1, self.entity_count)
        out.view(-1).scatter_(0, self.keys, self.truths)
        return out


def pick(values: Tensor, places: Tensor) -> Tensor:
    """values[places] of two vectors, by the way that is three times as fast on a CPU."""
    return values.index_select(0, places)


def nonzero(values: Tensor) -> Tensor:
    """Ascending positions of what is not zero in a vector."""
    if values.device.type == "cpu":
        # numpy finds them ten times as fast as torch on a CPU.
        return torch.from_numpy(np.flatnonzero((values != 0).numpy()))
    return torch.nonzero(values).flatten()


def concatenate(vectors: list[TruthVector]) -> TruthVector:
    """Stack batches of rows, in order; at least one."""
    if len(vectors) == 1:
        return vectors[0]
    return TruthVector(
        vectors[0].entity_count,
        torch.cat([v.background for v in vectors]),
        joined_offsets(v.offsets for v in vectors),
        torch.cat([v.entities for v in vectors]),
        torch.cat([v.truths for v in vectors]),
    )
