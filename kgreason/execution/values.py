"""What a step yields: one truth per instance, a truth vector, or a table of several variables."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kgreason.truth.vector import TruthVector, concatenate, gather_ranges


@dataclass(frozen=True, slots=True)
class Table:
    """Truth of tuples: row i binds columns[i] for instance owner[i], the vector gives the last.

    owner: (rows,) int64 ascending; columns: (rows, bound variables) int64; vector: (rows, entity).
    """

    owner: Tensor
    columns: Tensor
    vector: TruthVector


Value = Tensor | TruthVector | Table


def select(value: Value, rows: Tensor) -> Value:
    """Instances of a batched value, in the order of `rows`, repeats allowed."""
    if isinstance(value, TruthVector):
        return value.select(rows)
    if isinstance(value, Tensor):
        return value[rows]
    last = int(rows.max()) + 1 if rows.shape[0] else 0
    starts = torch.searchsorted(value.owner, torch.arange(last + 1, device=rows.device))
    offsets, positions = gather_ranges(starts, rows)
    owner = torch.repeat_interleave(torch.arange(rows.shape[0], device=rows.device), offsets.diff())
    return Table(owner, value.columns[positions], value.vector.select(positions))


def stack(tables: list[Table]) -> Table:
    """Tables of consecutive instances as one."""
    return Table(
        torch.cat([t.owner for t in tables]),
        torch.cat([t.columns for t in tables]),
        concatenate([t.vector for t in tables]),
    )
