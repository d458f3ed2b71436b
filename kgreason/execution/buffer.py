"""Sparse rows side by side in one growing buffer, the least recently used evicted first."""

from __future__ import annotations

import torch
from torch import Tensor

from kgreason.truth.ragged import gather_ranges, offsets_of
from kgreason.truth.rows import TruthRows
from kgreason.truth.vector import pick

# What a row takes besides its entries: its key, its position, its offset and its last use.
_ROW_BYTES = 32
# Entries that compaction moves at a time: what it holds besides the buffer.
_MOVED_AT_ONCE = 1 << 20


class RowBuffer:
    """Rows by an int64 key. A row that is asked for by its position must be held.

    The rows lie in the order in which they came; what is kept moves left in that order.
    """

    def __init__(self, dtype: torch.dtype, device: torch.device) -> None:
        # Ascending, with the position of each key's row.
        self._keys = torch.zeros(0, dtype=torch.int64, device=device)
        self._positions = self._keys
        # In the order of the rows.
        self._offsets = torch.zeros(1, dtype=torch.int64, device=device)
        self._last_use = self._keys
        self._entities = torch.zeros(0, dtype=torch.int32, device=device)
        self._truths = torch.zeros(0, dtype=dtype, device=device)
        self._now = 0

    def __len__(self) -> int:
        return self._keys.shape[0]

    @property
    def rows(self) -> TruthRows:
        """All rows as they lie, not copied."""
        return TruthRows(self._offsets, self._entities, self._truths)

    @property
    def entries(self) -> int:
        """Entries of all rows together."""
        return int(self._offsets[-1])

    @property
    def size(self) -> int:
        """Bytes that the rows take."""
        return self._bytes(self.entries, len(self))

    def bytes_of(self, rows: TruthRows) -> int:
        """Bytes that these rows would take."""
        return self._bytes(rows.entities.shape[0], len(rows))

    def find(self, keys: Tensor) -> Tensor:
        """(keys,) positions of the rows of these keys, −1 where it is not held."""
        if not len(self):
            return torch.full_like(keys, -1)
        places = torch.searchsorted(self._keys, keys).clamp_(max=len(self) - 1)
        is_held = pick(self._keys, places) == keys
        return pick(self._positions, places).masked_fill_(~is_held, -1)

    def touch(self, positions: Tensor) -> None:
        """The rows at these positions are now the last used."""
        self._now += 1
        self._last_use.index_fill_(0, positions, self._now)

    def lengths(self, positions: Tensor) -> Tensor:
        """Entries of each row."""
        return pick(self._offsets, positions + 1) - pick(self._offsets, positions)

    def take(self, positions: Tensor) -> TruthRows:
        """A copy of the rows at these positions, repeats allowed."""
        offsets, entries = gather_ranges(self._offsets, positions)
        return TruthRows(offsets, pick(self._entities, entries), pick(self._truths, entries))

    def append(self, keys: Tensor, rows: TruthRows, limit: int) -> None:
        """Add rows with ascending keys, none of them held.

        limit: bytes beyond which the buffer takes no more room than its entries need.
        """
        used, count = self.entries, len(self)
        needed = used + rows.entities.shape[0]
        if needed > self._entities.shape[0]:
            # Growing by halves keeps the copying linear in what is stored.
            limited = min(self._entities.shape[0] * 3 // 2, limit // self._entry_bytes)
            self._resize(max(needed, limited))
        self._entities[used:needed] = rows.entities
        self._truths[used:needed] = rows.truths.to(self._truths.dtype)
        self._offsets = torch.cat([self._offsets, rows.offsets[1:] + used])
        self._last_use = torch.cat([self._last_use, torch.full_like(keys, self._now)])
        place = torch.arange(count, count + keys.shape[0], device=keys.device)
        self._keys, self._positions = _merged((self._keys, self._positions), (keys, place))

    def evict(self, limit: int, needed: Tensor) -> None:
        """Keep at most `limit` bytes: rows of the keys `needed`, then those last used."""
        kept = self._most_recent(limit, needed)
        # Where each row goes; −1 for those that go for good.
        goes_to = torch.full_like(self._last_use, -1)
        goes_to[kept] = torch.arange(kept.shape[0], device=kept.device)
        offsets = offsets_of(self.lengths(kept))
        self._move_left(kept, offsets)
        self._offsets, self._last_use = offsets, self._last_use[kept]
        positions = goes_to[self._positions]
        stays = positions >= 0
        self._keys, self._positions = self._keys[stays], positions[stays]
        if self._entities.shape[0] * self._entry_bytes > 2 * max(limit, self.size):
            self._resize(self.entries)

    @property
    def _entry_bytes(self) -> int:
        return self._entities.element_size() + self._truths.element_size()

    def _bytes(self, entries: int, rows: int) -> int:
        return entries * self._entry_bytes + rows * _ROW_BYTES

    def _most_recent(self, limit: int, needed: Tensor) -> Tensor:
        """Positions, ascending, of the rows to keep."""
        last_use = self._last_use.clone()
        held = self.find(needed)
        last_use[held[held >= 0]] = self._now + 1
        order = torch.argsort(last_use, descending=True, stable=True)
        taken = (self.lengths(order) * self._entry_bytes + _ROW_BYTES).cumsum(0)
        keep = (taken <= limit) | (last_use[order] > self._now)
        return order[keep].sort().values

    def _move_left(self, kept: Tensor, offsets: Tensor) -> None:
        """Move the entries of the rows at the ascending positions `kept` to the front.

        None moves to the right, so that doing it part by part overwrites nothing that is needed.
        """
        start = 0
        while start < kept.shape[0]:
            last = int(offsets[start]) + _MOVED_AT_ONCE
            end = max(start + 1, int(torch.searchsorted(offsets, last, right=True)) - 1)
            _, entries = gather_ranges(self._offsets, kept[start:end])
            here = slice(int(offsets[start]), int(offsets[end]))
            self._entities[here] = pick(self._entities, entries)
            self._truths[here] = pick(self._truths, entries)
            start = end

    def _resize(self, size: int) -> None:
        self._entities = _resized(self._entities, self.entries, size)
        self._truths = _resized(self._truths, self.entries, size)


def _merged(old: tuple[Tensor, Tensor], new: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
    """Ascending keys with their positions, from two such pairs without a key in common."""
    total = old[0].shape[0] + new[0].shape[0]
    at = torch.searchsorted(old[0], new[0])
    at += torch.arange(new[0].shape[0], device=at.device)
    is_old = torch.ones(total, dtype=torch.bool, device=at.device)
    is_old[at] = False
    found = []
    for before, more in zip(old, new, strict=True):
        whole = torch.empty(total, dtype=torch.int64, device=at.device)
        whole[is_old] = before
        whole[at] = more
        found.append(whole)
    return found[0], found[1]


def _resized(values: Tensor, used: int, size: int) -> Tensor:
    resized = torch.empty(size, dtype=values.dtype, device=values.device)
    resized[:used] = values[:used]
    return resized
