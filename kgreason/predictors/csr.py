"""Building, stacking and reordering the sparse rows that predictors hand out."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from kgreason.truth.ragged import gather_ranges, joined_offsets
from kgreason.truth.rows import TruthRows

if TYPE_CHECKING:
    from kgreason.knowledge import FactIndex


def compress(truths: Tensor) -> TruthRows:
    """(rows, entities) truth values in [0, 1] -> sparse rows of the positive ones."""
    flat = above(truths, truths.new_zeros(1, 1))
    rows, width = truths.shape
    starts = torch.arange(rows + 1, device=truths.device) * width
    return TruthRows(
        torch.searchsorted(flat, starts),
        (flat % max(1, width)).to(torch.int32),
        truths.reshape(-1)[flat],
    )


def above(values: Tensor, floor: Tensor) -> Tensor:
    """(rows, columns), (rows, 1) -> flat positions, ascending, of what is above its row's floor."""
    if values.device.type == "cpu":
        # On a CPU numpy compares and finds set bits several times faster than torch.
        return torch.from_numpy(np.flatnonzero(values.numpy() > floor.numpy()))
    return torch.nonzero((values > floor).view(-1)).view(-1)


def listed(rows: Tensor, entities: Tensor, truths: Tensor, count: int, width: int) -> TruthRows:
    """`count` sparse rows of entries in any order, (entries,) each; of equal places the last."""
    keys = rows * width + entities
    keys, order = keys.sort(stable=True)
    last = torch.ones_like(keys, dtype=torch.bool)
    torch.ne(keys[1:], keys[:-1], out=last[:-1])
    keys = keys[last]
    starts = torch.arange(count + 1, device=keys.device) * width
    return TruthRows(
        torch.searchsorted(keys, starts),
        (keys % max(1, width)).to(torch.int32),
        truths[order[last]],
    )


def stack(parts: list[TruthRows]) -> TruthRows:
    """The rows of one or more parts, one after the other."""
    if len(parts) == 1:
        return parts[0]
    return TruthRows(
        joined_offsets(part.offsets for part in parts),
        torch.cat([part.entities for part in parts]),
        torch.cat([part.truths for part in parts]),
    )


def take(rows: TruthRows, order: Tensor) -> TruthRows:
    """Row `order[i]` of `rows` as row i."""
    offsets, entries = gather_ranges(rows.offsets, order)
    return TruthRows(offsets, rows.entities[entries], rows.truths[entries])


def fact_rows(
    index: FactIndex,
    heads: Tensor,
    relations: Tensor,
    truth: float,
    dtype: torch.dtype,
    device: torch.device,
) -> TruthRows:
    """The known facts of each (head, relation) pair, all with the same truth."""
    starts, tails = index.rows(heads.cpu().numpy(), relations.cpu().numpy())
    entities = torch.from_numpy(np.ascontiguousarray(tails, dtype=np.int32)).to(device)
    return TruthRows(
        torch.from_numpy(np.ascontiguousarray(starts, dtype=np.int64)).to(device),
        entities,
        torch.full((entities.shape[0],), truth, dtype=dtype, device=device),
    )
