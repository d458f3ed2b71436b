"""Each (entity, relation) row is asked of the predictor once, then kept within a byte budget."""

from __future__ import annotations

from dataclasses import dataclass
from time import monotonic

import torch
from torch import Tensor

from kgreason.execution.budget import Purse
from kgreason.predictors.base import LinkPredictor
from kgreason.truth.rows import TruthRows
from kgreason.truth.vector import TruthVector, gather_ranges

_ENTRY_BYTES = 8


@dataclass(frozen=True, slots=True)
class Work:
    """What a computation has done, counted: the honest measure of a question's cost.

    rows: rows the predictor was asked for; passes: calls to the predictor; pairs: bindings of a
    variable to an entity, per instance; largest: most entries that one intermediate held.
    """

    rows: int = 0
    passes: int = 0
    pairs: int = 0
    largest: int = 0

    def __sub__(self, before: Work) -> Work:
        """Work done since; the largest intermediate is that of the whole time."""
        return Work(
            self.rows - before.rows,
            self.passes - before.passes,
            self.pairs - before.pairs,
            self.largest,
        )

    def __str__(self) -> str:
        return (
            f"{self.rows:,} rows scored in {self.passes:,} passes, {self.pairs:,} bindings, "
            f"largest intermediate {self.largest:,} entries"
        )


class RowStore:
    """Rows by (entity, relation), fetched on demand in one pass for all that are missing.

    When the budget is full the store forgets everything and starts again; rows asked for later are
    then scored a second time, and counted so. purse: what may still be spent, None for no limit;
    OutOfBudget is raised before rows that would exceed it.
    """

    def __init__(
        self, predictor: LinkPredictor, dtype: torch.dtype, device: torch.device, budget: int
    ) -> None:
        self.predictor = predictor
        self.purse: Purse | None = None
        self.rows = 0
        self.passes = 0
        self._dtype = dtype
        self._device = device
        self._capacity = max(1, budget // _ENTRY_BYTES)
        self._forget()

    def _forget(self) -> None:
        device = self._device
        self._keys = torch.zeros(0, dtype=torch.int64, device=device)
        self._rows = torch.zeros(0, dtype=torch.int64, device=device)
        self._offsets = torch.zeros(1, dtype=torch.int64, device=device)
        self._entities = torch.zeros(0, dtype=torch.int32, device=device)
        self._truths = torch.zeros(0, dtype=self._dtype, device=device)
        self._used = 0

    @property
    def mean_entries(self) -> float:
        """Mean number of entities listed in the rows held, or the predictor's expectation."""
        rows = self._keys.shape[0]
        return self._used / rows if rows >= 16 else self.predictor.price().entries

    def gather(self, heads: Tensor, relations: Tensor) -> TruthVector:
        """heads, relations: (rows,) int64 -> one row per pair, repeats allowed."""
        positions = self._positions(heads, relations)
        offsets, entries = gather_ranges(self._offsets, positions)
        background = torch.zeros(heads.shape[0], dtype=self._dtype, device=self._device)
        return TruthVector(
            self.predictor.entity_count,
            background,
            offsets,
            self._entities[entries],
            self._truths[entries],
        )

    def lengths(self, heads: Tensor, relations: Tensor) -> Tensor:
        """Number of entities that each row lists: (rows,) int64."""
        positions = self._positions(heads, relations)
        return self._offsets[positions + 1] - self._offsets[positions]

    def _positions(self, heads: Tensor, relations: Tensor) -> Tensor:
        keys = relations * self.predictor.entity_count + heads
        wanted = keys.unique()
        missing = wanted[~self._holds(wanted)]
        if missing.shape[0]:
            if self._used >= self._capacity:
                self._forget()
                missing = wanted
            self._fetch(missing)
        return self._rows[torch.searchsorted(self._keys, keys)]

    def _holds(self, keys: Tensor) -> Tensor:
        if not self._keys.shape[0]:
            return torch.zeros_like(keys, dtype=torch.bool)
        at = torch.searchsorted(self._keys, keys).clamp(max=self._keys.shape[0] - 1)
        return self._keys[at] == keys

    def _fetch(self, keys: Tensor) -> None:
        count = self.predictor.entity_count
        asked = keys.shape[0]
        if self.purse is not None:
            self.purse.ask(asked)
        start = monotonic()
        rows = self.predictor.rows(keys % count, keys // count)
        if self.purse is not None:
            self.purse.spend(asked, monotonic() - start)
        self.rows += asked
        self.passes += 1
        self._append(keys, rows)

    def _append(self, keys: Tensor, rows: TruthRows) -> None:
        size = rows.entities.shape[0]
        needed = self._used + size
        if needed > self._entities.shape[0]:
            # Growing by halves keeps the copying linear in what is stored.
            grown = max(needed, self._entities.shape[0] * 3 // 2)
            self._entities = _grown(self._entities, self._used, grown)
            self._truths = _grown(self._truths, self._used, grown)
        self._entities[self._used : needed] = rows.entities
        self._truths[self._used : needed] = rows.truths.to(self._dtype)
        first = self._offsets.shape[0] - 1
        self._offsets = torch.cat([self._offsets, rows.offsets[1:] + self._used])
        self._used = needed
        new = torch.arange(first, first + keys.shape[0], device=keys.device)
        self._keys, order = torch.cat([self._keys, keys]).sort()
        self._rows = torch.cat([self._rows, new])[order]


def _grown(values: Tensor, used: int, size: int) -> Tensor:
    grown = torch.empty(size, dtype=values.dtype, device=values.device)
    grown[:used] = values[:used]
    return grown
