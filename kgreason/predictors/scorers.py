"""Scorers: raw scores of blocks of (head, relation) rows. Scores never leave `predictors`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol, runtime_checkable

import torch
from torch import Tensor

from kgreason.errors import UsageError
from kgreason.predictors.composition import Composition

DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float64": torch.float64}


@dataclass(frozen=True, slots=True)
class Coverage:
    """What a scorer was trained on, where that is less than the whole vocabulary.

    entities: (columns,) int64, ascending vocabulary ids of the scorer's entities; None for all.
    relations: (directed relations,) bool, True where trained; None for all.
    """

    entities: Tensor | None = None
    relations: Tensor | None = None


@dataclass(frozen=True, slots=True)
class BlockShape:
    """Row counts at which the bits of a row do not depend on its company.

    A block must hold a multiple of `multiple` rows and at most `limit` (None: any number).
    """

    multiple: int
    limit: int | None = None


class Scorer(Protocol):
    """Scores of every entity for a block of (head, directed relation) pairs."""

    @property
    def name(self) -> str:
        """Model and size, for people."""
        ...

    @property
    def entity_count(self) -> int:
        """Columns of a block: the entities the scorer covers."""
        ...

    @property
    def relation_count(self) -> int:
        """Directed relations."""
        ...

    @property
    def coverage(self) -> Coverage:
        """Which part of the vocabulary the scorer covers."""
        ...

    @property
    def block(self) -> BlockShape:
        """The block shapes to ask for."""
        ...

    @property
    def flops(self) -> float:
        """Floating-point operations per row."""
        ...

    @property
    def device(self) -> torch.device:
        """Where scores are made."""
        ...

    @property
    def dtype(self) -> torch.dtype:
        """Precision of the scores: float32 or float64."""
        ...

    def scores(self, heads: Tensor, relations: Tensor) -> Tensor:
        """(rows,) int64 heads (as columns) and relations -> (rows, entities) scores.

        float32 or float64, in any memory layout; the caller may overwrite them.
        """
        ...


@runtime_checkable
class ColumnScorer(Protocol):
    """A scorer whose score is a dot product of what a head and a relation make with a tail."""

    def columns(self, relation: int, tails: Tensor) -> Tensor:
        """tails: (tails,) int64 -> (entities, tails) scores of every head.

        Equal to the rows' scores but for the rounding of `dtype`.
        """
        ...

    def links(self, heads: Tensor, relation: int, tails: Tensor) -> Tensor:
        """heads, tails: (links,) int64 -> (links,) scores, rounded as in `columns`."""
        ...

    @property
    def embeddings(self) -> Tensor:
        """(entities, numbers) the tails' side of the dot product."""
        ...

    def products(self, heads: Tensor, relation: int, points: Tensor) -> Tensor:
        """heads: (heads,) int64; points: (points, numbers) in the place of tails -> the scores."""
        ...


class BilinearScorer:
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
        return self._product(self._queries(heads, relations)).to(self.dtype)

    @property
    def embeddings(self) -> Tensor:
        return self._entity

    def columns(self, relation: int, tails: Tensor) -> Tensor:
        # The link read from its other end: one product instead of a query for every head.
        inverse = self.composition.inverse(self._relation[relation : relation + 1])
        queries = self.composition.compose(self._entity[tails], inverse)
        return (self._entity @ queries.T).to(self.dtype)

    def links(self, heads: Tensor, relation: int, tails: Tensor) -> Tensor:
        queries = self._queries(heads, torch.full_like(heads, relation))
        return (queries * self._entity[tails]).sum(1).to(self.dtype)

    def products(self, heads: Tensor, relation: int, points: Tensor) -> Tensor:
        queries = self._queries(heads, torch.full_like(heads, relation))
        return (queries @ points.T).to(self.dtype)

    def _queries(self, heads: Tensor, relations: Tensor) -> Tensor:
        return self.composition.compose(self._entity[heads], self._relation[relations])

    def _product(self, queries: Tensor) -> Tensor:
        if self._device.type == "cpu" and queries.dtype == torch.float32:
            # Half again as fast as queries @ entity.T in the CPU libraries, at every block size.
            return (self._entity @ queries.T).T
        return queries @ self._entity.T

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
        queries = self._queries(heads, torch.arange(large) % max(1, self.relation_count))
        whole = self._product(queries)
        starts = (0, large - small)
        if all(_equal(self._product(queries[s : s + small]), whole[s : s + small]) for s in starts):
            return BlockShape(small)
        return BlockShape(large, large)


def _equal(left: Tensor, right: Tensor) -> bool:
    return bool(((left == right) | (left.isnan() & right.isnan())).all())


def scoring_dtype(name: str | torch.dtype) -> torch.dtype:
    """`float32`, `bfloat16` or `float64` -> dtype; anything else is a UsageError."""
    if isinstance(name, torch.dtype):
        return name
    if name not in DTYPES:
        raise UsageError(
            f"no scoring precision named {name!r}", remedy=f"use one of: {', '.join(DTYPES)}"
        )
    return DTYPES[name]
