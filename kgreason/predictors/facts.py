"""The predictor that knows only what is written: truth 1 for every fact, 0 for the rest."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from kgreason.predictors.csr import fact_rows
from kgreason.predictors.protocol import LinkPredictor, RowBounds, RowPrice, fact_price
from kgreason.truth.rows import TruthRows

if TYPE_CHECKING:
    from kgreason.knowledge import FactIndex


class FactPredictor(LinkPredictor):
    """Facts of some splits as a link predictor; with it the engine is an exact query engine."""

    def __init__(
        self,
        index: FactIndex,
        *,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        self._index = index
        self._device = torch.device(device)
        self._dtype = dtype

    @property
    def name(self) -> str:
        return f"facts ({self._index.fact_count:,} observed)"

    @property
    def entity_count(self) -> int:
        return self._index.entity_count

    @property
    def relation_count(self) -> int:
        return self._index.relation_count

    def rows(self, heads: Tensor, relations: Tensor) -> TruthRows:
        return fact_rows(self._index, heads, relations, 1.0, self._dtype, self._device)

    def bounds(self, heads: Tensor, relations: Tensor) -> RowBounds:
        """All there is: the facts, and nothing else."""
        return RowBounds(self.rows(heads, relations), 0.0)

    def domain(self, relation: int) -> Tensor:
        heads = np.asarray(self._index.heads(relation), dtype=np.int64)
        return torch.from_numpy(heads).to(self._device)

    def price(self) -> RowPrice:
        return self._price

    @cached_property
    def _price(self) -> RowPrice:
        return fact_price(self._index)
