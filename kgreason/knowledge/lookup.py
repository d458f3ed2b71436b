"""Finding rows of a string column by exact value."""

from __future__ import annotations

from functools import cached_property

import numpy as np
import polars as pl
from numpy.typing import NDArray

# Up to here a dictionary answers in well under a microsecond for some ten MB; beyond, sorted
# 64-bit hashes take 16 bytes per row whatever the strings are.
_DICTIONARY_ROWS = 500_000


class StringLookup:
    """Exact lookup in a column of strings, built upon first use. Null rows are never found."""

    def __init__(self, values: pl.Series) -> None:
        self._values = values

    def find(self, value: str) -> tuple[int, ...]:
        """Rows that hold this value, ascending."""
        if len(self._values) <= _DICTIONARY_ROWS:
            return self._dictionary.get(value, ())
        hashes, order = self._hashes
        wanted = pl.Series([value], dtype=pl.String).hash().to_numpy()[0]
        start = int(np.searchsorted(hashes, wanted, side="left"))
        end = int(np.searchsorted(hashes, wanted, side="right"))
        rows = sorted(int(row) for row in order[start:end])
        return tuple(row for row in rows if self._values[row] == value)

    @cached_property
    def _dictionary(self) -> dict[str, tuple[int, ...]]:
        found: dict[str, tuple[int, ...]] = {}
        for row, value in enumerate(self._values.to_list()):
            if value is not None:
                found[value] = (*found.get(value, ()), row)
        return found

    @cached_property
    def _hashes(self) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        rows = np.flatnonzero(self._values.is_not_null().to_numpy())
        hashes = self._values.hash().to_numpy()[rows]
        order = np.argsort(hashes, kind="stable")
        return hashes[order], rows[order]
