"""Rows of the predictor by (entity, relation): scored once, then kept within a byte budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from time import monotonic

import torch
from torch import Tensor

from kgreason.errors import PredictorError
from kgreason.execution.budget import BudgetExceeded, BudgetMeter
from kgreason.execution.buffer import RowBuffer
from kgreason.execution.memory import Reservation
from kgreason.predictors.protocol import LinkPredictor, RowShelf
from kgreason.truth.rows import TruthRows
from kgreason.truth.vector import TruthVector

Prefetch = Callable[[int], tuple[Tensor, Tensor]]
"""Heads and relations of at most so many rows that may be needed next, the likeliest first."""


class RowStore:
    """Rows by (entity, relation), fetched on demand in one pass for all that are missing.

    reservation: before its share is exceeded, the least recently used rows are evicted until half
    of it is free; rows that the request at hand names stay, however many they are. Rows needed
    again later are scored a second time, and counted so. Spare capacity of a pass prefetches likely
    rows; they are counted when first used. shelf: the row cache; what it holds is not scored.

    Methods that may score take the meter of whoever needs the rows, and raise BudgetExceeded before
    rows that would exceed its budget.
    """

    def __init__(
        self,
        predictor: LinkPredictor,
        dtype: torch.dtype,
        device: torch.device,
        reservation: Reservation,
        shelf: RowShelf | None = None,
    ) -> None:
        self.predictor = predictor
        self._shelf = shelf
        self._reservation = reservation
        self._buffer = RowBuffer(dtype, device)
        # How many rows, and how many entries they have together.
        self._fetched = 0, 0
        none = torch.zeros(0, dtype=torch.int64, device=device)
        # Keys of rows that must not be evicted for now.
        self._pinned = none
        # Keys of rows that were prefetched and not needed yet.
        self._prefetched = none

    @property
    def mean_entries(self) -> float:
        """Mean number of entities listed in the rows fetched, or the predictor's expectation."""
        rows, entries = self._fetched
        return entries / rows if rows >= 16 else self.predictor.price().entries

    def gather(self, heads: Tensor, relations: Tensor, meter: BudgetMeter) -> TruthVector:
        """heads, relations: (rows,) int64 -> one row per pair, repeats allowed."""
        rows = self._buffer.take(self.positions(heads, relations, meter))
        return TruthVector.from_rows(rows, self.predictor.entity_count)

    def lengths(self, heads: Tensor, relations: Tensor, meter: BudgetMeter) -> Tensor:
        """Number of entities that each row lists: (rows,) int64."""
        return self._buffer.lengths(self.positions(heads, relations, meter))

    @property
    def held(self) -> TruthRows:
        """All rows held, where `positions` says, until the next is asked for."""
        return self._buffer.rows

    def positions(
        self, heads: Tensor, relations: Tensor, meter: BudgetMeter, prefetch: Prefetch | None = None
    ) -> Tensor:
        """Where the rows lie in `held`: (rows,) int64. prefetch: what may be needed next."""
        keys = relations * self.predictor.entity_count + heads
        positions = self._buffer.find(keys)
        absent = keys[positions < 0].unique()
        missing = self._not_read(absent, keys, meter)
        self._charge(keys, missing, meter)
        if missing.shape[0]:
            self._score(missing, keys, meter, prefetch)
        if absent.shape[0]:
            return self.touch(keys)
        self._buffer.touch(positions)
        return positions

    def find(self, keys: Tensor) -> Tensor:
        """Where the rows of these keys lie in `held`, −1 where they do not: (rows,) int64."""
        return self._buffer.find(keys)

    def touch(self, keys: Tensor) -> Tensor:
        """Where the rows of these keys, all of them held, lie; they are now the last used."""
        positions = self._buffer.find(keys)
        self._buffer.touch(positions)
        return positions

    @contextmanager
    def pinned(self, keys: Tensor) -> Iterator[None]:
        """Inside, rows of these keys are not evicted."""
        self._pinned = keys
        try:
            yield
        finally:
            self._pinned = keys[:0]

    def add(self, keys: Tensor, rows: TruthRows) -> None:
        """Hold rows made of others, with ascending keys.

        Their relations are numbers that the predictor does not have.
        """
        self._hold(keys, rows, keys)

    def flush(self) -> None:
        """Write the rows that are to be kept in the row cache."""
        if self._shelf is not None:
            self._shelf.flush()

    def _not_read(self, absent: Tensor, needed: Tensor, meter: BudgetMeter) -> Tensor:
        """Those of the absent keys that the row cache lacks; rows that it has are held."""
        if self._shelf is None or not absent.shape[0]:
            return absent
        found, rows = self._shelf.find(absent)
        meter.read += len(rows)
        self._fetch(absent[found], rows, needed)
        return absent[~found]

    def _charge(self, keys: Tensor, missing: Tensor, meter: BudgetMeter) -> None:
        """Charge the rows that are to be scored, or were prefetched and are needed now."""
        needed = missing.shape[0]
        if self._prefetched.shape[0]:
            now = torch.isin(self._prefetched, keys)
            # One that was evicted since is among the missing.
            needed += int((now & ~torch.isin(self._prefetched, missing)).sum())
        if needed:
            meter.charge(needed)
        if self._prefetched.shape[0]:
            self._prefetched = self._prefetched[~now]

    def _score(
        self, missing: Tensor, needed: Tensor, meter: BudgetMeter, prefetch: Prefetch | None
    ) -> None:
        """Score and hold the missing rows: in one pass, or in several where time may run out."""
        start, total, block = 0, missing.shape[0], self.predictor.price().rows_per_pass
        while start < total:
            try:
                meter.check()
            except BudgetExceeded:
                meter.refund(total - start)
                raise
            end = start + meter.affordable(total - start, block)
            part = missing[start:end]
            more = self._prefetch(part, prefetch) if end == total else part[:0]
            keys = torch.cat([part, more]).sort().values
            began = monotonic()
            rows = self.predictor.rows(
                keys % self.predictor.entity_count, keys // self.predictor.entity_count
            )
            if fault := rows.fault(keys.shape[0], self.predictor.entity_count):
                raise PredictorError(
                    f"{self.predictor.name} gives {fault}",
                    remedy="a row lists its entities in order, each with a truth in (0, 1]",
                )
            meter.observe(-(-(end - start) // block) * block, monotonic() - began)
            if self._shelf is not None:
                self._shelf.add(keys, rows)
            self._fetch(keys, rows, needed)
            self._prefetched = torch.cat([self._prefetched, more])
            start = end

    def _prefetch(self, missing: Tensor, prefetch: Prefetch | None) -> Tensor:
        """Keys of the rows that fill the last block of a pass, the likeliest to be needed."""
        room = -missing.shape[0] % self.predictor.price().rows_per_pass
        if prefetch is None or not room:
            return missing[:0]
        # Some of them may be held already.
        heads, relations = prefetch(4 * room)
        keys = relations * self.predictor.entity_count + heads
        keys = keys[(self._buffer.find(keys) < 0) & ~torch.isin(keys, missing)]
        return missing.new_tensor(list(dict.fromkeys(keys.tolist()))[:room])

    def _fetch(self, keys: Tensor, rows: TruthRows, needed: Tensor) -> None:
        """Hold rows of the predictor, and count their entries."""
        count, entries = self._fetched
        self._fetched = count + len(rows), entries + rows.entities.shape[0]
        self._hold(keys, rows, needed)

    def _hold(self, keys: Tensor, rows: TruthRows, needed: Tensor) -> None:
        """Hold more rows; those that are needed are not evicted for them."""
        more, share = self._buffer.bytes_of(rows), self._reservation.share
        if len(self._buffer) and self._buffer.size + more > share:
            needed = torch.cat([needed, self._pinned])
            self._buffer.evict(min(share // 2, share - more), needed)
            self.flush()
        self._buffer.append(keys, rows, share)
        self._reservation.size = self._buffer.size
