"""ComplEx and DistMult as scorers: one matrix product per block of rows."""

from __future__ import annotations

import torch
from torch import Tensor

from kgreason.predictors.embedding.compositions import Composition
from kgreason.predictors.embedding.parallel import side_by_side
from kgreason.predictors.scorer import BlockShape, Coverage, DotProductScorer

# Of more entities than this a block of scores is far larger than a cache, and goes by in stripes.
_MANY = 1 << 20
_STRIPE = 1 << 15
# On an accelerator, where a step has a cost of its own.
_WIDE_STRIPE = 1 << 18
# Embeddings that one thread takes the product with at a time.
_PRODUCT_BYTES = 8 << 20


class BilinearScorer(DotProductScorer):
    """score(h, r, t) = compose(h, r) · t, one matrix product per block.

    entity: (entities, parts · d) and relation: (directed relations, parts · d), laid out as the
    composition says.
    Products are taken in `dtype`; scores are float64 when it is float64, else float32.
    """

    def __init__(
        self,
        composition: Composition,
        entity: Tensor,
        relation: Tensor,
        *,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
        coverage: Coverage | None = None,
    ) -> None:
        self._device = torch.device(device)
        self._coverage = coverage or Coverage()
        self._entity = entity.to(self._device, dtype).contiguous()
        self._relation = relation.to(self._device, dtype).contiguous()
        self.composition = composition
        self.dimension = entity.shape[1] // composition.parts
        self._stripe = self._stripe_width()
        self._at_once = self._columns_at_once()
        self._block = self._measure_block()

    @property
    def name(self) -> str:
        precision = str(self._entity.dtype).removeprefix("torch.")
        return f"{self.composition.name} (rank {self.dimension}, {precision})"

    @property
    def entity_count(self) -> int:
        return self._entity.shape[0]

    @property
    def relation_count(self) -> int:
        return self._relation.shape[0]

    @property
    def flops(self) -> float:
        return float(2 * self._entity.shape[0] * self._entity.shape[1])

    @property
    def coverage(self) -> Coverage:
        return self._coverage

    @property
    def block(self) -> BlockShape:
        return self._block

    @property
    def device(self) -> torch.device:
        return self._device

    @property
    def dtype(self) -> torch.dtype:
        return torch.float64 if self._entity.dtype == torch.float64 else torch.float32

    @property
    def tensors(self) -> dict[str, Tensor]:
        """`entity` and `relation`, on the CPU."""
        return {"entity": self._entity.cpu(), "relation": self._relation.cpu()}

    def scores(self, heads: Tensor, relations: Tensor) -> Tensor:
        queries = self.queries(heads, relations)
        if self.entity_count <= self.stripe:
            return self.among(queries, 0, self.entity_count)
        shape = queries.shape[0], self.entity_count
        scores = torch.empty(shape, dtype=self.dtype, device=self._device)

        def fill(start: int) -> None:
            stop = min(start + self.stripe, self.entity_count)
            scores[:, start:stop] = self.among(queries, start, stop)

        side_by_side(fill, range(0, self.entity_count, self.stripe), self._device)
        return scores

    def queries(self, heads: Tensor, relations: Tensor) -> Tensor:
        return self.composition.compose(self._entity[heads], self._relation[relations])

    def among(self, queries: Tensor, start: int, stop: int) -> Tensor:
        step = self._at_once
        if stop - start <= step:
            return self._product(queries, start, stop).to(self.dtype).contiguous()
        scores = torch.empty(
            (queries.shape[0], stop - start), dtype=self.dtype, device=self._device
        )
        for at in range(start, stop, step):
            end = min(at + step, stop)
            scores[:, at - start : end - start] = self._product(queries, at, end)
        return scores

    @property
    def embeddings(self) -> Tensor:
        return self._entity

    def columns(self, relation: int, tails: Tensor) -> Tensor:
        # The link read from its other end: one product instead of a query for every head.
        inverse = self.composition.inverse(self._relation[relation : relation + 1])
        queries = self.composition.compose(self._entity[tails], inverse)
        return (self._entity @ queries.T).to(self.dtype)

    def links(self, heads: Tensor, relation: int, tails: Tensor) -> Tensor:
        queries = self.queries(heads, torch.full_like(heads, relation))
        return (queries * self._entity[tails]).sum(1).to(self.dtype)

    def products(self, heads: Tensor, relation: int, points: Tensor) -> Tensor:
        queries = self.queries(heads, torch.full_like(heads, relation))
        return (queries @ points.T).to(self.dtype)

    def _product(self, queries: Tensor, start: int, stop: int) -> Tensor:
        if self._is_single:
            # Half again as fast as queries @ entity.T in the CPU libraries, at every block size.
            return (self._entity[start:stop] @ queries.T).T
        return queries @ self._entity[start:stop].T

    @property
    def _is_single(self) -> bool:
        return self._device.type == "cpu" and self._entity.dtype == torch.float32

    @property
    def stripe(self) -> int:
        return self._stripe

    def _stripe_width(self) -> int:
        if self.entity_count <= _MANY:
            return max(1, self.entity_count)
        return _STRIPE if self._device.type == "cpu" else _WIDE_STRIPE

    def _columns_at_once(self) -> int:
        """Columns of one product, a power of 2 that divides a stripe, or all of a stripe.

        One thread is up to a quarter faster while its operands stay in its cache. Splitting one
        product across threads costs more in synchronisation than it saves.
        """
        shared = self.stripe == self.entity_count and torch.get_num_threads() > 1
        if shared or not self._is_single:
            return self.stripe
        row = self._entity.shape[1] * self._entity.element_size()
        return min(_STRIPE, 1 << max(0, (_PRODUCT_BYTES // max(1, row)).bit_length() - 1))

    def _measure_block(self) -> BlockShape:
        """The smallest block whose rows equal, bit for bit, those of larger blocks.

        Matrix products may round differently in differently shaped blocks. Where a probe shows
        that they do (or on an accelerator, where one probe proves little), every block has one
        fixed shape.
        """
        if self._device.type != "cpu":
            return BlockShape(256, 256)
        small, large = 16, 64
        heads = torch.arange(large) % max(1, self.entity_count)
        queries = self.queries(heads, torch.arange(large) % max(1, self.relation_count))

        def keeps_bits(start: int) -> bool:
            stop = min(start + self.stripe, self.entity_count)
            whole = self.among(queries, start, stop)
            parts = (slice(0, small), slice(large - small, large))
            return all(_equal(self.among(queries[p], start, stop), whole[p]) for p in parts)

        if self.entity_count <= self.stripe:
            kept = keeps_bits(0)
        else:
            # All stripes but the last are alike.
            last = (self.entity_count - 1) // self.stripe * self.stripe
            kept = all(side_by_side(keeps_bits, (0, last), self._device))
        return BlockShape(small) if kept else BlockShape(large, large)


def _equal(left: Tensor, right: Tensor) -> bool:
    return bool(((left == right) | (left.isnan() & right.isnan())).all())
