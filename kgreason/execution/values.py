"""What a step yields: truths per instance, a truth vector, a table, or bounds of one of these."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeGuard

import torch
from torch import Tensor

from kgreason.truth.ragged import gather_ranges, segments
from kgreason.truth.vector import TruthVector, concatenate


@dataclass(frozen=True, slots=True)
class Table:
    """Truth of tuples: each row binds its columns for its instance, the vector gives the last.

    instance: (rows,) int64 ascending; columns: (rows, bound variables) int64; vector: (rows,
    entity).
    """

    instance: Tensor
    columns: Tensor
    vector: TruthVector


Truths = Tensor | TruthVector
Exact = Truths | Table


@dataclass(frozen=True, slots=True)
class Bounds:
    """Truths known only to lie between two others, which are of one shape."""

    lower: Truths
    upper: Truths


@dataclass(frozen=True, slots=True)
class TableBounds:
    """Truths of tuples known only to lie between bounds.

    lower, upper: tables over backgrounds of 0; tuples of `lower` are among those of `upper`, in the
    same order. unseen: (instances,) upper bound of the truth of every tuple that `upper` lacks.
    """

    lower: Table
    upper: Table
    unseen: Tensor


Open = Bounds | TableBounds
"""A value that is not known exactly."""
Value = Exact | Open


def is_open(value: Value) -> TypeGuard[Open]:
    """Whether a value is known only between bounds."""
    return isinstance(value, Bounds | TableBounds)


def lower(value: Value) -> Exact:
    """The lower bound of a value; an exact value itself."""
    return value.lower if isinstance(value, Bounds | TableBounds) else value


def upper(value: Value) -> Exact:
    """The upper bound of a value; an exact value itself."""
    return value.upper if isinstance(value, Bounds | TableBounds) else value


def select(value: Value, rows: Tensor) -> Value:
    """Instances of a batched value, in the order of `rows`, repeats allowed."""
    if isinstance(value, Table):
        return _select_tuples(value, rows)
    if isinstance(value, TableBounds):
        tables = _select_tuples(value.lower, rows), _select_tuples(value.upper, rows)
        return TableBounds(*tables, value.unseen[rows])
    if isinstance(value, Bounds):
        return Bounds(_select(value.lower, rows), _select(value.upper, rows))
    return _select(value, rows)


def _select(value: Truths, rows: Tensor) -> Truths:
    return value[rows] if isinstance(value, Tensor) else value.select(rows)


def _select_tuples(value: Table, rows: Tensor) -> Table:
    last = int(rows.max()) + 1 if rows.shape[0] else 0
    starts = torch.searchsorted(value.instance, torch.arange(last + 1, device=rows.device))
    offsets, positions = gather_ranges(starts, rows)
    instance = segments(offsets, positions.shape[0])
    return Table(instance, value.columns[positions], value.vector.select(positions))


def stack(tables: list[Table]) -> Table:
    """Tables of consecutive instances as one."""
    return Table(
        torch.cat([t.instance for t in tables]),
        torch.cat([t.columns for t in tables]),
        concatenate([t.vector for t in tables]),
    )
