"""What a plan is made of: frozen operators over named variables.

A *vector* operator gives a truth for every entity that its target variable may take; a *scalar*
one gives a single truth. A `Binder` binds a variable: inside its body the variable is one known
entity, so one operator serves message passing along an edge and cutting a cycle by enumeration.

An operator declares its fields: terms, a relation, operands. What holds for all operators (their
inputs, the variables they refer to, equality) follows from the fields and is written once.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from kgreason.formula import Constant, Variable
from kgreason.normal import Naming, Node
from kgreason.walks import fold

if TYPE_CHECKING:
    from kgreason.planning.price import Statistics


@dataclass(frozen=True, slots=True, eq=False)
class Operator:
    """One operator of a plan, with what every walk wants to know of it.

    inputs: direct operands, the body of a binder last. references: variables that must be bound
    around the operator. is_scalar: whether it gives one truth rather than one per entity. size:
    how many operators the tree under it has. nesting: the most binders around an operator in it.
    """

    shape: ClassVar[Literal["vector", "scalar", "as its parts"]] = "vector"

    inputs: tuple[Operator, ...] = field(init=False, repr=False)
    references: frozenset[Variable] = field(init=False, repr=False)
    is_scalar: bool = field(init=False, repr=False)
    size: int = field(init=False, repr=False)
    nesting: int = field(init=False, repr=False)
    _hash: int = field(init=False, repr=False)

    def __post_init__(self) -> None:
        inputs = tuple(self._operands())
        is_scalar = self.shape == "scalar"
        if self.shape == "as its parts":
            is_scalar = all(part.is_scalar for part in inputs)
        known: dict[str, Any] = {
            "inputs": inputs,
            "references": self._free(inputs),
            "is_scalar": is_scalar,
            "size": 1 + sum(part.size for part in inputs),
            "nesting": self._depth(inputs),
            "_hash": hash((*self.fields(), *(part._hash for part in inputs))),
        }
        for name, value in known.items():
            object.__setattr__(self, name, value)

    def fields(self) -> tuple[object, ...]:
        """The class and every field that is no operand."""
        values = [getattr(self, name) for name in _declared(self)]
        return (type(self), *(v for v in values if not isinstance(v, Operator | tuple)))

    def title(self, naming: Naming) -> str:
        """One line that says what the operator does."""
        return type(self).__name__

    def support(self, statistics: Statistics, below: tuple[float, ...]) -> float:
        """Expected number of entities with positive truth, from that of the inputs; 1: a scalar."""
        return 1.0

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Operator) or self._hash != other._hash:
            return False
        if self is other:
            return True
        numbers: dict[object, int] = {}
        return number(self, numbers) == number(other, numbers)

    def _operands(self) -> list[Operator]:
        found: list[Operator] = []
        for name in _declared(self):
            value = getattr(self, name)
            found.extend(value if isinstance(value, tuple) else ())
            found.extend([value] if isinstance(value, Operator) else ())
        return found

    def _free(self, inputs: tuple[Operator, ...]) -> frozenset[Variable]:
        terms = (value for value in self.fields() if isinstance(value, Variable))
        return frozenset(terms).union(*(part.references for part in inputs))

    def _depth(self, inputs: tuple[Operator, ...]) -> int:
        return max((part.nesting for part in inputs), default=0)


def _declared(operator: Operator) -> tuple[str, ...]:
    return operator.__match_args__


def number(operator: Operator, numbers: dict[object, int]) -> int:
    """A number that equal operators share, and no others of the same table."""

    def combine(one: Operator, below: tuple[int, ...]) -> int:
        return numbers.setdefault((one.fields(), below), len(numbers))

    return fold(operator, lambda one: one.inputs, combine)


# -- scans: links of one relation, with this or that end known -------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Scan(Operator):
    """Reads links of a directed relation from the predictor."""

    relation: int

    @property
    def terms(self) -> tuple[Node, ...]:
        """The ends of the links that are known."""
        return tuple(value for value in self.fields() if isinstance(value, Variable | Constant))


@dataclass(frozen=True, slots=True, eq=False)
class Row(Scan):
    """Vector: truth of relation(source, v) for every v. Asks the predictor for one row."""

    source: Node

    def title(self, naming: Naming) -> str:
        """What is read."""
        return f"Row {naming.relation(self.relation)} of {naming.node(self.source)}"

    def support(self, statistics: Statistics, below: tuple[float, ...]) -> float:
        """As of a row of the predictor."""
        return statistics.row_support(self.source, self.relation)


@dataclass(frozen=True, slots=True, eq=False)
class Link(Scan):
    """Scalar: truth of relation(source, target), both known."""

    shape: ClassVar = "scalar"
    source: Node
    target: Node

    def title(self, naming: Naming) -> str:
        """What is read."""
        ends = f"{naming.node(self.source)}, {naming.node(self.target)}"
        return f"Link {naming.relation(self.relation)}({ends})"


@dataclass(frozen=True, slots=True, eq=False)
class Reach(Scan):
    """Scalar: ∃ x. relation(x, target), the target known: the truest link that leads there."""

    shape: ClassVar = "scalar"
    target: Node

    def title(self, naming: Naming) -> str:
        """What is read."""
        return f"Reach {naming.node(self.target)} by {naming.relation(self.relation)}"


@dataclass(frozen=True, slots=True, eq=False)
class Column(Scan):
    """Vector: truth of relation(v, target) for every v, the target known."""

    target: Node

    def title(self, naming: Naming) -> str:
        """What is read."""
        return f"Column {naming.relation(self.relation)} to {naming.node(self.target)}"

    def support(self, statistics: Statistics, below: tuple[float, ...]) -> float:
        """As of a row of the predictor."""
        return min(float(statistics.entity_count), statistics.row.entries)


@dataclass(frozen=True, slots=True, eq=False)
class Domain(Scan):
    """Vector: truth 1 for the entities whose row under the relation may be non-empty, else 0."""

    def title(self, naming: Naming) -> str:
        """What is read."""
        return f"Domain of {naming.relation(self.relation)}"

    def support(self, statistics: Statistics, below: tuple[float, ...]) -> float:
        """Entities with a row."""
        return statistics.domain(self.relation)


@dataclass(frozen=True, slots=True, eq=False)
class Everything(Operator):
    """Vector: truth 1 for every entity."""

    def support(self, statistics: Statistics, below: tuple[float, ...]) -> float:
        """All entities."""
        return float(statistics.entity_count)


# -- connectives -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Intersect(Operator):
    """∧ of its parts, two or more; vector if any part is."""

    shape: ClassVar = "as its parts"
    parts: tuple[Operator, ...]

    def support(self, statistics: Statistics, below: tuple[float, ...]) -> float:
        """That of the smallest part. A scalar says nothing about the support of a vector."""
        pairs = zip(self.parts, below, strict=True)
        return min(size for part, size in pairs if self.is_scalar or not part.is_scalar)


@dataclass(frozen=True, slots=True, eq=False)
class Unite(Operator):
    """∨ of its parts, two or more; vector if any part is."""

    shape: ClassVar = "as its parts"
    parts: tuple[Operator, ...]

    def support(self, statistics: Statistics, below: tuple[float, ...]) -> float:
        """Those of all parts, as if they had no entity in common."""
        return min(float(statistics.entity_count), sum(below))


@dataclass(frozen=True, slots=True, eq=False)
class Complement(Operator):
    """¬ of its part."""

    shape: ClassVar = "as its parts"
    part: Operator

    def support(self, statistics: Statistics, below: tuple[float, ...]) -> float:
        """All entities."""
        return 1.0 if self.is_scalar else float(statistics.entity_count)


@dataclass(frozen=True, slots=True, eq=False)
class Support(Operator):
    """Vector: truth 1 wherever the part's truth is above 0."""

    part: Operator

    def support(self, statistics: Statistics, below: tuple[float, ...]) -> float:
        """That of the part."""
        return below[0]


@dataclass(frozen=True, slots=True, eq=False)
class Some(Operator):
    """Scalar: ∃ over the entities of a vector."""

    shape: ClassVar = "scalar"
    part: Operator


# -- binders ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, eq=False)
class Binder(Operator):
    """Binds a variable to each entity of its source in turn; in the body the variable is known."""

    variable: Variable
    source: Operator
    body: Operator

    def title(self, naming: Naming) -> str:
        """What is bound."""
        return f"{type(self).__name__} ?{self.variable.name}"

    def _free(self, inputs: tuple[Operator, ...]) -> frozenset[Variable]:
        return self.source.references | (self.body.references - {self.variable})

    def _depth(self, inputs: tuple[Operator, ...]) -> int:
        return max(self.source.nesting, 1 + self.body.nesting)


@dataclass(frozen=True, slots=True, eq=False)
class Project(Binder):
    """∃ variable ∈ source. T(source, body(variable)); vector over the body's target.

    With a body of `Row`s this is one message from the variable to the target (Arakelyan et al.
    2021; Bai et al. 2023); with any other body it enumerates the variable.
    """

    def title(self, naming: Naming) -> str:
        """What is bound."""
        return f"Project ∃ ?{self.variable.name}"

    def support(self, statistics: Statistics, below: tuple[float, ...]) -> float:
        """As if no two entities led to one."""
        return min(float(statistics.entity_count), below[0] * below[1])


@dataclass(frozen=True, slots=True, eq=False)
class Refine(Binder):
    """Vector over the variable itself: T(source, body(variable)), the body being a scalar test."""

    def support(self, statistics: Statistics, below: tuple[float, ...]) -> float:
        """That of the source."""
        return below[0]


@dataclass(frozen=True, slots=True, eq=False)
class Tabulate(Binder):
    """Table of (variable, target): T(source, body(variable)) for every pair, nothing quantified."""

    def support(self, statistics: Statistics, below: tuple[float, ...]) -> float:
        """Pairs."""
        return below[0] * below[1]


def intersect(parts: Sequence[Operator]) -> Operator:
    """∧ of the parts; of none it is everything."""
    vectors = [part for part in parts if not part.is_scalar]
    if any(not isinstance(part, Everything) for part in vectors):
        parts = [part for part in parts if not isinstance(part, Everything)]
    if not parts:
        return Everything()
    return parts[0] if len(parts) == 1 else Intersect(tuple(parts))
