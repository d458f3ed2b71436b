"""Compressed rows in numpy: rows of any lengths end to end, row i at offsets[i]:offsets[i + 1].

`kgreason.truth.ragged` does the same with tensors.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

Longs = NDArray[np.int64]


def offsets_of(lengths: ArrayLike) -> Longs:
    """(rows,) entries of each row -> (rows + 1,) where each row begins, and the end."""
    lengths = np.asarray(lengths, dtype=np.int64)
    offsets = np.zeros(lengths.shape[0] + 1, dtype=np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def segments(offsets: Longs) -> Longs:
    """(rows + 1,) offsets -> (entries,) the row of each entry, ascending."""
    return np.repeat(np.arange(offsets.shape[0] - 1), np.diff(offsets))


def ranges(starts: Longs, lengths: Longs) -> tuple[Longs, Longs]:
    """The numbers starts[i], …, starts[i] + lengths[i] - 1 for each i, end to end.

    starts, lengths: (rows,) -> offsets (rows + 1,) of the new rows, and (entries,) numbers.
    """
    offsets = offsets_of(lengths)
    positions = np.arange(offsets[-1])
    positions += np.repeat(starts - offsets[:-1], lengths)
    return offsets, positions


def gather_ranges(offsets: Longs, rows: Longs) -> tuple[Longs, Longs]:
    """Where the entries of `rows` are, in that order, repeats allowed.

    offsets: (n + 1,), rows: (m,) -> offsets (m + 1,) of the new rows, and (entries,) positions.
    """
    starts = offsets[rows]
    return ranges(starts, offsets[rows + 1] - starts)
