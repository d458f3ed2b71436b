"""Finding rows of a string column by exact value without a Python dictionary."""

from __future__ import annotations

import numpy as np
import polars as pl
from numpy.typing import NDArray


class StringLookup:
    """Exact lookup in a column of strings through sorted 64-bit hashes: 16 bytes per row.

    Built upon first use, so that a graph that is only counted never pays for it. Null rows are
    never found.
    """

    def __init__(self, values: pl.Series) -> None:
        self._values = values
        self._table: tuple[NDArray[np.uint64], NDArray[np.int64]] | None = None

    def find(self, value: str) -> tuple[int, ...]:
        """Rows that hold this value, ascending."""
        hashes, order = self._sorted()
        wanted = pl.Series([value], dtype=pl.String).hash().to_numpy()[0]
        start = int(np.searchsorted(hashes, wanted, side="left"))
        end = int(np.searchsorted(hashes, wanted, side="right"))
        rows = sorted(int(row) for row in order[start:end])
        return tuple(row for row in rows if self._values[row] == value)

    def _sorted(self) -> tuple[NDArray[np.uint64], NDArray[np.int64]]:
        if self._table is None:
            rows = np.flatnonzero(self._values.is_not_null().to_numpy())
            hashes = self._values.hash().to_numpy()[rows]
            order = np.argsort(hashes, kind="stable")
            self._table = hashes[order], rows[order]
        return self._table
