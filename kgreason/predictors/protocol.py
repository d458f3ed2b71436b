"""The narrow door: a link predictor turns (entity, relation) pairs into rows of truth values."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from torch import Tensor

    from kgreason.knowledge import FactIndex
    from kgreason.truth.rows import TruthRows


@dataclass(frozen=True, slots=True)
class RowPrice:
    """What one row costs, for estimates: floating-point operations and expected listed entities.

    facts_only: rows are the observed facts and nothing else, so degrees tell their exact length.
    foresight: operations that bounding all links to one tail takes (`Foresighted`); None for a
    predictor that cannot.
    together: up to so many rows, asked for at once, take as long as one.
    """

    flops: float
    entries: float
    facts_only: bool = False
    foresight: float | None = None
    together: int = 1


def fact_price(index: FactIndex) -> RowPrice:
    """What a row of observed facts costs: the mean number of tails that a pair with any has."""
    pairs = sum(len(index.heads(relation)) for relation in range(index.relation_count))
    tails = 2 * index.fact_count / pairs if pairs else 0.0
    return RowPrice(1.0 + tails, tails, facts_only=True)


class LinkPredictor(Protocol):
    """Truth of `relation(head, tail)` for every tail, one row per (head, relation) pair.

    Relations are *directed* ids: 2k is base relation k, 2k + 1 its inverse. A predictor is
    deterministic: the same pair gives the same row, alone or in any batch.
    """

    @property
    def name(self) -> str:
        """A short description for people: model, calibration, observed facts."""
        ...

    @property
    def entity_count(self) -> int:
        """Number of entities; ids are 0 … entity_count − 1."""
        ...

    @property
    def relation_count(self) -> int:
        """Number of directed relations (twice the base relations)."""
        ...

    def rows(self, heads: Tensor, relations: Tensor) -> TruthRows:
        """heads, relations: (rows,) int64 -> one sparse row per pair, truths in (0, 1]."""
        ...

    def domain(self, relation: int) -> Tensor | None:
        """Entities (int64, ascending) whose row under `relation` may be non-empty; None for all."""
        ...

    def price(self) -> RowPrice:
        """Expected cost of one row."""
        ...


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


@dataclass(frozen=True, slots=True)
class Likeliest:
    """What the links of one relation to some tails are at most, without any row.

    heads: (tails, count) int64, the heads with the greatest bounds; most: (tails, count), these
    bounds in falling order; exact: (tails, count) bool, which of them are the truths themselves;
    rest: (tails,) what no other head's link exceeds.
    """

    heads: Tensor
    most: Tensor
    exact: Tensor
    rest: Tensor


@runtime_checkable
class Foresighted(Protocol):
    """A predictor that bounds truths for less than the rows would cost."""

    def likeliest(self, relation: int, tails: Tensor, count: int) -> Likeliest:
        """tails: (tails,) int64 -> for each the `count` heads whose link may be the truest.

        Only for a predictor whose price names its `foresight`.
        """
        ...


@dataclass(frozen=True, slots=True)
class RowBounds:
    """What is known of some rows before they are scored.

    known: for each row the links whose truth is known, with this truth; others: what no other link
    of any of the rows exceeds.
    """

    known: TruthRows
    others: float


@runtime_checkable
class Bounded(Protocol):
    """A predictor that knows some links of a row, and bounds the others, without scoring it."""

    def bounds(self, heads: Tensor, relations: Tensor) -> RowBounds:
        """heads, relations: (rows,) int64 -> what is known of these rows."""
        ...


@runtime_checkable
class Scoped(Protocol):
    """A predictor that has nothing to say about some entities or relations, and knows it."""

    def scope(self, relation: int) -> Tensor | None:
        """(entities,) bool: between which entities links can be predicted; None for all."""
        ...


Link = tuple[int, int, int]
"""Head, directed relation, tail."""
Path = tuple[Link, ...]
"""Known facts, each beginning where the one before it ends."""


@runtime_checkable
class Tracing(Protocol):
    """A predictor that can tell which known facts a prediction stands on."""

    def paths(self, head: int, relation: int, tail: int, most: int) -> tuple[Path, ...]:
        """At most so many paths from head to tail that support the link, strongest first."""
        ...


def paths_of(predictor: object, head: int, relation: int, tail: int, most: int) -> tuple[Path, ...]:
    """The paths that any predictor gives; none from one that knows of none."""
    return predictor.paths(head, relation, tail, most) if isinstance(predictor, Tracing) else ()


def backwards(path: Path) -> Path:
    """The same facts from the other end."""
    return tuple((tail, relation ^ 1, head) for head, relation, tail in reversed(path))


def scope_of(predictor: LinkPredictor, relation: int) -> Tensor | None:
    """The scope of any predictor; one that declares none predicts between all entities."""
    return predictor.scope(relation) if isinstance(predictor, Scoped) else None
