"""The narrow door: a link predictor turns (entity, relation) pairs into rows of truth values."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from torch import Tensor

    from kgreason.knowledge import FactIndex
    from kgreason.truth.rows import TruthRows


@dataclass(frozen=True, slots=True)
class RowPrice:
    """Estimated cost of one row: floating-point operations and expected listed entities.

    facts_only: rows are the observed facts and nothing else, so degrees tell their exact length.
    head_bounds: operations of `LinkPredictor.top_heads` for one tail; None for a predictor that
    gives no such bounds.
    rows_per_pass: up to this many rows, asked for at once, take as long as one.
    """

    flops: float
    entries: float
    facts_only: bool = False
    head_bounds: float | None = None
    rows_per_pass: int = 1


def fact_price(index: FactIndex) -> RowPrice:
    """What a row of observed facts costs: the mean number of tails that a pair with any has."""
    pairs = sum(len(index.heads(relation)) for relation in range(index.relation_count))
    tails = 2 * index.fact_count / pairs if pairs else 0.0
    return RowPrice(1.0 + tails, tails, facts_only=True)


@dataclass(frozen=True, slots=True)
class RowBounds:
    """What is known of some rows before they are scored.

    known: for each row the links whose truth is known, with this truth; others: an upper bound of
    every other link of any of the rows, in [0, 1].
    """

    known: TruthRows
    others: float

    @property
    def is_trivial(self) -> bool:
        """Whether nothing is known."""
        return self.others >= 1 and not len(self.known.entities)


@dataclass(frozen=True, slots=True)
class HeadBounds:
    """Upper bounds of the links of one relation to some tails, without any row.

    heads: (tails, count) int64, the heads with the greatest bounds; most: (tails, count), these
    bounds in falling order; exact: (tails, count) bool, which of them are the truths themselves;
    rest: (tails,) an upper bound of every other head's link.
    """

    heads: Tensor
    most: Tensor
    exact: Tensor
    rest: Tensor


Link = tuple[int, int, int]
"""Head, directed relation, tail."""
Path = tuple[Link, ...]
"""Known facts, each beginning where the one before it ends."""


class LinkPredictor(ABC):
    """Truth of `relation(head, tail)` for every tail, one row per (head, relation) pair.

    Relations are *directed* ids: 2k is base relation k, 2k + 1 its inverse. A predictor is
    deterministic: the same pair gives the same row, alone or in any batch. What a predictor cannot
    tell it leaves to the defaults, which say so.
    """

    @property
    @abstractmethod
    def name(self) -> str:
        """A short description for people: model, calibration, observed facts."""

    @property
    @abstractmethod
    def entity_count(self) -> int:
        """Number of entities; ids are 0 … entity_count − 1."""

    @property
    @abstractmethod
    def relation_count(self) -> int:
        """Number of directed relations (twice the base relations)."""

    @abstractmethod
    def rows(self, heads: Tensor, relations: Tensor) -> TruthRows:
        """heads, relations: (rows,) int64 -> one sparse row per pair, truths in (0, 1]."""

    @abstractmethod
    def price(self) -> RowPrice:
        """Expected cost of one row."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user should know about the predictions, one sentence each."""
        return ()

    def domain(self, relation: int) -> Tensor | None:
        """Entities (int64, ascending) whose row under `relation` may be non-empty; None for all."""
        return None

    def scope(self, relation: int) -> Tensor | None:
        """(entities,) bool: between which entities links can be predicted; None for all."""
        return None

    def bounds(self, heads: Tensor, relations: Tensor) -> RowBounds:
        """heads, relations: (rows,) int64 -> what is known of these rows without scoring them."""
        return nothing_known(heads)

    def top_heads(self, relation: int, tails: Tensor, count: int) -> HeadBounds | None:
        """tails: (tails,) int64 -> for each the `count` heads with the greatest upper bounds.

        None exactly where `price().head_bounds` is None.
        """
        return None

    def paths(self, head: int, relation: int, tail: int, most: int) -> tuple[Path, ...]:
        """At most `most` paths of known facts that support a link, strongest first."""
        return ()


class PredictorWrapper(LinkPredictor):
    """A predictor that stands for another one: everything is forwarded.

    A subclass overrides what it changes and keeps all that the inner predictor can do.
    """

    def __init__(self, inner: LinkPredictor) -> None:
        self.inner = inner

    @property
    def name(self) -> str:
        return self.inner.name

    @property
    def entity_count(self) -> int:
        return self.inner.entity_count

    @property
    def relation_count(self) -> int:
        return self.inner.relation_count

    def rows(self, heads: Tensor, relations: Tensor) -> TruthRows:
        return self.inner.rows(heads, relations)

    def price(self) -> RowPrice:
        return self.inner.price()

    @property
    def notes(self) -> tuple[str, ...]:
        return self.inner.notes

    def domain(self, relation: int) -> Tensor | None:
        return self.inner.domain(relation)

    def scope(self, relation: int) -> Tensor | None:
        return self.inner.scope(relation)

    def bounds(self, heads: Tensor, relations: Tensor) -> RowBounds:
        return self.inner.bounds(heads, relations)

    def top_heads(self, relation: int, tails: Tensor, count: int) -> HeadBounds | None:
        return self.inner.top_heads(relation, tails, count)

    def paths(self, head: int, relation: int, tail: int, most: int) -> tuple[Path, ...]:
        return self.inner.paths(head, relation, tail, most)


class RowShelf(Protocol):
    """Where rows that a predictor has computed may be kept, and found again.

    keys: (rows,) int64, relation · entity count + head.
    """

    def find(self, keys: Tensor) -> tuple[Tensor, TruthRows]:
        """Which of the keys have a row here, (keys,) bool, and these rows in the keys' order."""
        ...

    def add(self, keys: Tensor, rows: TruthRows) -> None:
        """Keep these rows; they may be found at once, or only after `flush`."""
        ...

    def flush(self) -> None:
        """See to it that everything added is found from now on."""
        ...


def nothing_known(heads: Tensor) -> RowBounds:
    """The bounds of the rows of these heads, (rows,), when nothing is known of them."""
    from kgreason.truth.rows import TruthRows

    return RowBounds(TruthRows.from_dense(heads.new_zeros((len(heads), 0)).float()), 1.0)


def backwards(path: Path) -> Path:
    """The same facts from the other end."""
    return tuple((tail, relation ^ 1, head) for head, relation, tail in reversed(path))
