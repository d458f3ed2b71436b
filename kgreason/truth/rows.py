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

    def dense(self, entity_count: int) -> Tensor:
        """(rows, entities) truth values."""
        out = torch.zeros(
            (len(self), entity_count), dtype=self.truths.dtype, device=self.truths.device
        )
        out[self.row, self.entities.long()] = self.truths
        return out
