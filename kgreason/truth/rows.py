"""Compressed sparse rows of truth values: what a link predictor hands out."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kgreason.truth.ragged import offsets_of, segments


def truth_dtype(scores: str) -> torch.dtype:
    """The dtype of truths that come from scores of a dtype: float64, else float32."""
    return torch.float64 if scores == "float64" else torch.float32


@dataclass(frozen=True, slots=True)
class TruthRows:
    """A batch of sparse rows over the entities.

    offsets: (rows + 1,) int64, row i owns entries offsets[i]:offsets[i + 1].
    entities: (entries,) int32 ids, strictly ascending within a row.
    truths: (entries,) float in (0, 1]; an entity that is not listed has truth 0.
    """

    offsets: Tensor
    entities: Tensor
    truths: Tensor

    def __len__(self) -> int:
        return self.offsets.shape[0] - 1

    @property
    def row(self) -> Tensor:
        """(entries,) int64: the row each entry belongs to."""
        return segments(self.offsets, self.entities.shape[0])

    @classmethod
    def from_dense(cls, truths: Tensor) -> TruthRows:
        """(rows, entities) truth values -> sparse rows of the non-zero ones."""
        row, entity = torch.nonzero(truths, as_tuple=True)
        counts = torch.bincount(row, minlength=truths.shape[0])
        return cls(offsets_of(counts), entity.to(torch.int32), truths[row, entity])

    def fault(self, count: int, entity_count: int) -> str | None:
        """What is wrong with rows that should be `count` and list so many entities; None if fine.

        Only their values are looked at, not their shapes.
        """
        if len(self) != count:
            return f"{len(self):,} rows for {count:,} pairs"
        if not self.truths.shape[0]:
            return None
        # Not a number is in no range, so that these are the comparisons that fail for it.
        least, most = (float(one) for one in self.truths.aminmax())
        if not (least > 0 and most <= 1):
            return f"truths from {least:g} to {most:g}, outside (0, 1]"
        row, entities = self.row, self.entities.long()
        if int(entities.min()) < 0 or int(entities.max()) >= entity_count:
            return f"an entity outside 0 to {entity_count - 1:,}"
        keys = row * entity_count + entities
        return "entities that do not ascend" if bool((keys.diff() <= 0).any()) else None

    def dense(self, entity_count: int) -> Tensor:
        """(rows, entities) truth values."""
        out = torch.zeros(
            (len(self), entity_count), dtype=self.truths.dtype, device=self.truths.device
        )
        out[self.row, self.entities.long()] = self.truths
        return out
