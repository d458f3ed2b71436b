"""Scorers: raw scores of blocks of (head, relation) rows. Scores never leave `predictors`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass

import torch
from torch import Tensor

from kgreason.choose import choose
from kgreason.predictors.protocol import Path

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


class Scorer(ABC):
    """Scores of every entity for a block of (head, directed relation) pairs."""

    @property
    @abstractmethod
    def name(self) -> str:
        """Model and size, for people."""

    @property
    @abstractmethod
    def entity_count(self) -> int:
        """Columns of a block: the entities the scorer covers."""

    @property
    @abstractmethod
    def relation_count(self) -> int:
        """Directed relations."""

    @property
    @abstractmethod
    def flops(self) -> float:
        """Floating-point operations per row."""

    @property
    @abstractmethod
    def device(self) -> torch.device:
        """Where scores are made."""

    @property
    @abstractmethod
    def dtype(self) -> torch.dtype:
        """Precision of the scores: float32 or float64."""

    @abstractmethod
    def scores(self, heads: Tensor, relations: Tensor) -> Tensor:
        """(rows,) int64 heads (as columns) and relations -> (rows, entities) scores.

        float32 or float64, in any memory layout; the caller may overwrite them.
        """

    @property
    def coverage(self) -> Coverage:
        """Which part of the vocabulary the scorer covers: all of it."""
        return Coverage()

    @property
    def block(self) -> BlockShape:
        """The block shapes to ask for: any."""
        return BlockShape(1)

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about the scores, one sentence each."""
        return ()

    @property
    def dot_products(self) -> DotProductScorer | None:
        """The scorer itself where its scores are dot products, else None."""
        return None

    def paths(self, head: int, relation: int, tail: int, most: int) -> tuple[Path, ...]:
        """At most `most` paths of known facts that support a link, in columns, strongest first."""
        return ()


class DotProductScorer(Scorer):
    """A scorer whose score is a dot product of what a head and a relation make with a tail."""

    @property
    def dot_products(self) -> DotProductScorer:
        return self

    @property
    @abstractmethod
    def embeddings(self) -> Tensor:
        """(entities, numbers) the tails' side of the dot product."""

    @property
    @abstractmethod
    def stripe(self) -> int:
        """Tails to score at a time: all of them, or what stays in the cache where they are many."""

    @abstractmethod
    def columns(self, relation: int, tails: Tensor) -> Tensor:
        """tails: (tails,) int64 -> (entities, tails) scores of every head.

        Equal to the rows' scores but for the rounding of `dtype`.
        """

    @abstractmethod
    def links(self, heads: Tensor, relation: int, tails: Tensor) -> Tensor:
        """heads, tails: (links,) int64 -> (links,) scores, rounded as in `columns`."""

    @abstractmethod
    def queries(self, heads: Tensor, relations: Tensor) -> Tensor:
        """heads, relations: (rows,) int64 -> (rows, numbers) the other side of the product."""

    @abstractmethod
    def among(self, queries: Tensor, start: int, stop: int) -> Tensor:
        """(rows, numbers) -> (rows, stop − start) scores of these tails, row by row in memory.

        start: a multiple of `stripe`; stop: the next one, or the end. The bits are those of
        `scores`, and the caller may overwrite them.
        """

    @abstractmethod
    def products(self, heads: Tensor, relation: int, points: Tensor) -> Tensor:
        """heads: (heads,) int64; points: (points, numbers) in the place of tails -> the scores."""


def scoring_dtype(name: str | torch.dtype) -> torch.dtype:
    """`float32`, `bfloat16` or `float64` -> dtype; anything else is a UsageError."""
    if isinstance(name, torch.dtype):
        return name
    return choose("scoring precision", name, DTYPES)
