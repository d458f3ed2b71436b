"""Each (entity, relation) row is asked of the predictor once, then kept within a byte budget."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from time import monotonic

import torch
from torch import Tensor

from kgreason.execution.budget import Purse
from kgreason.execution.held_rows import HeldRows
from kgreason.predictors.protocol import LinkPredictor, RowShelf
from kgreason.truth.rows import TruthRows
from kgreason.truth.vector import TruthVector

Later = Callable[[int], tuple[Tensor, Tensor]]
"""Heads and relations of at most so many rows that may be asked for later, the likeliest first."""


@dataclass(frozen=True, slots=True)
class Work:
    """What a computation has done, counted: the honest measure of a question's cost.

    rows: rows that were needed and had to be scored (those that only fill a pass, which takes no
    longer for them, count when they are needed); passes: calls to the predictor; pairs: bindings
    of a variable to an entity, per instance; largest: most entries that one intermediate held;
    read: rows that were read from where they were kept before, instead of being scored; foreseen:
    entities for which all links that lead there were bounded.
    """

    rows: int = 0
    passes: int = 0
    pairs: int = 0
    largest: int = 0
    read: int = 0
    foreseen: int = 0

    def __sub__(self, before: Work) -> Work:
        """Work done since; the largest intermediate is that of the whole time."""
        return Work(
            self.rows - before.rows,
            self.passes - before.passes,
            self.pairs - before.pairs,
            self.largest,
            self.read - before.read,
            self.foreseen - before.foreseen,
        )

    def __str__(self) -> str:
        read = f"{self.read:,} rows read, " if self.read else ""
        foreseen = f", links to {self.foreseen:,} entities bounded" if self.foreseen else ""
        return (
            f"{read}{self.rows:,} rows scored in {self.passes:,} passes, {self.pairs:,} bindings, "
            f"largest intermediate {self.largest:,} entries{foreseen}"
        )


class RowStore:
    """Rows by (entity, relation), fetched on demand in one pass for all that are missing.

    budget: bytes. Before it is exceeded the rows least recently used are let go until half of it is
    free; those that the request at hand names are kept, however many they are. Rows asked for
    again later are scored a second time, and counted so. Where a pass has room left, rows that may
    be asked for later ride along; they count when they are. shelf: where rows are kept for good;
    what is there is not scored. purse: what may still be spent, None for no limit; OutOfBudget is
    raised before rows that would exceed it.
    """

    def __init__(
        self,
        predictor: LinkPredictor,
        dtype: torch.dtype,
        device: torch.device,
        budget: int,
        shelf: RowShelf | None = None,
    ) -> None:
        self.predictor = predictor
        self.purse: Purse | None = None
        self.rows = 0
        self.passes = 0
        self.read = 0
        self._shelf = shelf
        self._budget = budget
        self._held = HeldRows(dtype, device)
        # How many rows, and how many entries they have together.
        self._fetched = 0, 0
        # Keys of rows that are not let go for now.
        self._kept = torch.zeros(0, dtype=torch.int64, device=device)
        # Keys of rows that rode along and were not asked for yet.
        self._early = torch.zeros(0, dtype=torch.int64, device=device)

    @property
    def mean_entries(self) -> float:
        """Mean number of entities listed in the rows fetched, or the predictor's expectation."""
        rows, entries = self._fetched
        return entries / rows if rows >= 16 else self.predictor.price().entries

    def gather(self, heads: Tensor, relations: Tensor) -> TruthVector:
        """heads, relations: (rows,) int64 -> one row per pair, repeats allowed."""
        rows = self._held.take(self.positions(heads, relations))
        return TruthVector.from_rows(rows, self.predictor.entity_count)

    def lengths(self, heads: Tensor, relations: Tensor) -> Tensor:
        """Number of entities that each row lists: (rows,) int64."""
        return self._held.lengths(self.positions(heads, relations))

    @property
    def held(self) -> TruthRows:
        """All rows held, where `positions` says, until the next is asked for."""
        return self._held.rows

    def positions(self, heads: Tensor, relations: Tensor, later: Later | None = None) -> Tensor:
        """Where the rows lie in `held`: (rows,) int64. later: what may be asked for next."""
        keys = relations * self.predictor.entity_count + heads
        positions = self._held.find(keys)
        absent = keys[positions < 0].unique()
        missing = self._not_read(absent, keys)
        self._pay(keys, missing)
        if missing.shape[0]:
            more = self._riders(missing, later)
            scored = torch.cat([missing, more]).sort().values
            self._fetch(scored, self._scored(scored, missing.shape[0]), keys)
            self._early = torch.cat([self._early, more])
        if absent.shape[0]:
            return self.use(keys)
        self._held.use(positions)
        return positions

    def find(self, keys: Tensor) -> Tensor:
        """Where the rows of these keys lie in `held`, −1 where they do not: (rows,) int64."""
        return self._held.find(keys)

    def use(self, keys: Tensor) -> Tensor:
        """Where the rows of these keys, all of them held, lie; they are now the last used."""
        positions = self._held.find(keys)
        self._held.use(positions)
        return positions

    @contextmanager
    def keeping(self, keys: Tensor) -> Iterator[None]:
        """Inside, rows of these keys are not let go."""
        self._kept = keys
        try:
            yield
        finally:
            self._kept = keys[:0]

    def add(self, keys: Tensor, rows: TruthRows) -> None:
        """Hold rows made of others, with ascending keys.

        Their relations are numbers that the predictor does not have.
        """
        self._hold(keys, rows, keys)

    def _not_read(self, absent: Tensor, needed: Tensor) -> Tensor:
        """Those of the absent keys that are not on the shelf; rows that are there are held."""
        if self._shelf is None or not absent.shape[0]:
            return absent
        found, rows = self._shelf.find(absent)
        self.read += len(rows)
        self._fetch(absent[found], rows, needed)
        return absent[~found]

    def _pay(self, keys: Tensor, missing: Tensor) -> None:
        """Count the rows asked for that are to be scored, or rode along with others."""
        asked = missing.shape[0]
        if self._early.shape[0]:
            now = torch.isin(self._early, keys)
            # One that was let go since is among the missing.
            asked += int((now & ~torch.isin(self._early, missing)).sum())
        if asked and self.purse is not None:
            self.purse.pay(asked, self._in_blocks(missing.shape[0]))
        if self._early.shape[0]:
            self._early = self._early[~now]
        self.rows += asked

    def _in_blocks(self, rows: int) -> int:
        """Rows that take as long: a block that is not full takes as long as a full one."""
        together = self.predictor.price().rows_per_pass
        return -(-rows // together) * together

    def _riders(self, missing: Tensor, later: Later | None) -> Tensor:
        """Keys of the rows that fill the last block, the likeliest to be asked for."""
        room = -missing.shape[0] % self.predictor.price().rows_per_pass
        if later is None or not room:
            return missing[:0]
        # Some of them may be here already.
        heads, relations = later(4 * room)
        keys = relations * self.predictor.entity_count + heads
        keys = keys[(self._held.find(keys) < 0) & ~torch.isin(keys, missing)]
        return missing.new_tensor(list(dict.fromkeys(keys.tolist()))[:room])

    def _fetch(self, keys: Tensor, rows: TruthRows, needed: Tensor) -> None:
        """Hold rows of the predictor, and count their entries."""
        count, entries = self._fetched
        self._fetched = count + len(rows), entries + rows.entities.shape[0]
        self._hold(keys, rows, needed)

    def _hold(self, keys: Tensor, rows: TruthRows, needed: Tensor) -> None:
        """Hold more rows; those that are needed do not go for them."""
        more = self._held.bytes_of(rows)
        if len(self._held) and self._held.size + more > self._budget:
            needed = torch.cat([needed, self._kept])
            self._held.let_go(min(self._budget // 2, self._budget - more), needed)
            self.flush()
        self._held.append(keys, rows, self._budget)

    def _scored(self, keys: Tensor, asked: int) -> TruthRows:
        count = self.predictor.entity_count
        start = monotonic()
        rows = self.predictor.rows(keys % count, keys // count)
        if self.purse is not None:
            self.purse.note(self._in_blocks(asked), monotonic() - start)
        self.passes += 1
        if self._shelf is not None:
            self._shelf.add(keys, rows)
        return rows

    def flush(self) -> None:
        """Write the rows that are to be kept for good."""
        if self._shelf is not None:
            self._shelf.flush()
