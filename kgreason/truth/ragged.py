"""Compressed rows as tensors: row i of many is at offsets[i]:offsets[i + 1]. See `kgreason.ragged`.

On a CPU numpy repeats values ten times as fast as torch, so the functions choose by device.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import torch
from torch import Tensor


def repeated(values: Tensor, counts: Tensor, total: int) -> Tensor:
    """values[i] counts[i] times over, `total` in all."""
    if values.device.type == "cpu":
        return torch.from_numpy(np.repeat(values.numpy(), counts.numpy()))
    return torch.repeat_interleave(values, counts, output_size=total)


def offsets_of(lengths: Tensor) -> Tensor:
    """(rows,) entries of each row -> (rows + 1,) int64 where each row begins, and the end."""
    offsets = torch.zeros(lengths.shape[0] + 1, dtype=torch.int64, device=lengths.device)
    torch.cumsum(lengths, 0, out=offsets[1:])
    return offsets


def segments(offsets: Tensor, total: int) -> Tensor:
    """(rows + 1,) offsets of `total` entries -> (entries,) int64 the row of each, ascending."""
    rows = torch.arange(offsets.shape[0] - 1, device=offsets.device)
    return repeated(rows, offsets.diff(), total)


def gather_ranges(offsets: Tensor, rows: Tensor) -> tuple[Tensor, Tensor]:
    """Where the entries of `rows` are, in that order, repeats allowed.

    offsets: (n + 1,), rows: (m,) -> offsets (m + 1,) of the new rows, and (entries,) positions.
    """
    starts = offsets[rows]
    lengths = offsets[rows + 1] - starts
    new_offsets = offsets_of(lengths)
    total = int(new_offsets[-1])
    positions = repeated(starts - new_offsets[:-1], lengths, total)
    return new_offsets, positions.add_(torch.arange(total, device=offsets.device))


def joined_offsets(parts: Iterable[Tensor]) -> Tensor:
    """Offsets of the rows of one or more parts, one part after the other."""
    return offsets_of(torch.cat([part.diff() for part in parts]))
