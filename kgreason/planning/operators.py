"""What a plan is made of: frozen operators over named variables.

A *vector* operator gives a truth for every entity that its target variable may take; a *scalar*
one gives a single truth. `Project` binds a variable: inside its body the variable is one known
entity, so one operator serves message passing along an edge and cutting a cycle by enumeration.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from kgreason.formula import Variable
from kgreason.normal import Naming, Node


@dataclass(frozen=True, slots=True)
class Row:
    """Vector: truth of relation(source, v) for every v. Asks the predictor for one row."""

    source: Node
    relation: int


@dataclass(frozen=True, slots=True)
class Link:
    """Scalar: truth of relation(source, target), both known."""

    source: Node
    relation: int
    target: Node


@dataclass(frozen=True, slots=True)
class Reach:
    """Scalar: ∃ x. relation(x, target), the target known: the truest link that leads there."""

    relation: int
    target: Node


@dataclass(frozen=True, slots=True)
class Column:
    """Vector: truth of relation(v, target) for every v, the target known."""

    relation: int
    target: Node


@dataclass(frozen=True, slots=True)
class Everything:
    """Vector: truth 1 for every entity."""


@dataclass(frozen=True, slots=True)
class Domain:
    """Vector: truth 1 for the entities whose row under the relation may be non-empty, else 0."""

    relation: int


@dataclass(frozen=True, slots=True)
class Intersect:
    """∧ of its parts, two or more; vector if any part is."""

    parts: tuple[Operator, ...]


@dataclass(frozen=True, slots=True)
class Unite:
    """∨ of its parts, two or more; vector if any part is."""

    parts: tuple[Operator, ...]


@dataclass(frozen=True, slots=True)
class Complement:
    """¬ of its part."""

    part: Operator


@dataclass(frozen=True, slots=True)
class Support:
    """Vector: truth 1 wherever the part's truth is above 0."""

    part: Operator


@dataclass(frozen=True, slots=True)
class Project:
    """∃ variable ∈ source. T(source, body(variable)); vector over the body's target.

    With a body of `Row`s this is one message from the variable to the target (Arakelyan et al.
    2021; Bai et al. 2023); with any other body it enumerates the variable.
    """

    variable: Variable
    source: Operator
    body: Operator


@dataclass(frozen=True, slots=True)
class Refine:
    """Vector over the variable itself: T(source, test(variable)), the test being a scalar."""

    variable: Variable
    source: Operator
    test: Operator


@dataclass(frozen=True, slots=True)
class Some:
    """Scalar: ∃ over the entities of a vector."""

    part: Operator


@dataclass(frozen=True, slots=True)
class Tabulate:
    """Table of (variable, target): T(source, body(variable)) for every pair, nothing quantified."""

    variable: Variable
    source: Operator
    body: Operator


Operator = (
    Row
    | Link
    | Reach
    | Column
    | Everything
    | Domain
    | Intersect
    | Unite
    | Complement
    | Support
    | Project
    | Refine
    | Some
    | Tabulate
)

Binder = Project | Refine | Tabulate


def inner(operator: Binder) -> Operator:
    """The part of a binding operator in which its variable is bound."""
    return operator.test if isinstance(operator, Refine) else operator.body


def inputs(operator: Operator) -> tuple[Operator, ...]:
    """Direct operands, the body of a binding operator last."""
    match operator:
        case Intersect(parts) | Unite(parts):
            return parts
        case Complement(part) | Support(part) | Some(part):
            return (part,)
        case Project() | Refine() | Tabulate():
            return (operator.source, inner(operator))
        case _:
            return ()


def references(operator: Operator) -> frozenset[Variable]:
    """Variables that must be bound around the operator."""
    match operator:
        case Row(source, _):
            return frozenset({source} if isinstance(source, Variable) else ())
        case Link(source, _, target):
            return frozenset(n for n in (source, target) if isinstance(n, Variable))
        case Reach(_, target) | Column(_, target):
            return frozenset({target} if isinstance(target, Variable) else ())
        case Project() | Refine() | Tabulate():
            return references(operator.source) | (references(inner(operator)) - {operator.variable})
        case _:
            return frozenset().union(*(references(part) for part in inputs(operator)))


def is_scalar(operator: Operator) -> bool:
    """Whether the operator gives one truth rather than one per entity."""
    match operator:
        case Link() | Reach() | Some():
            return True
        case Intersect(parts) | Unite(parts):
            return all(is_scalar(part) for part in parts)
        case Complement(part):
            return is_scalar(part)
        case _:
            return False


def intersect(parts: Sequence[Operator]) -> Operator:
    """∧ of the parts; of none it is everything."""
    vectors = [part for part in parts if not is_scalar(part)]
    if any(not isinstance(part, Everything) for part in vectors):
        parts = [part for part in parts if not isinstance(part, Everything)]
    if not parts:
        return Everything()
    return parts[0] if len(parts) == 1 else Intersect(tuple(parts))


def title(operator: Operator, naming: Naming) -> str:
    """One line that says what the operator does."""
    match operator:
        case Row(source, relation):
            return f"Row {naming.relation(relation)} of {naming.node(source)}"
        case Link(source, relation, target):
            ends = f"{naming.node(source)}, {naming.node(target)}"
            return f"Link {naming.relation(relation)}({ends})"
        case Reach(relation, target):
            return f"Reach {naming.node(target)} by {naming.relation(relation)}"
        case Column(relation, target):
            return f"Column {naming.relation(relation)} to {naming.node(target)}"
        case Domain(relation):
            return f"Domain of {naming.relation(relation)}"
        case Project(variable):
            return f"Project ∃ ?{variable.name}"
        case Refine(variable):
            return f"Refine ?{variable.name}"
        case Tabulate(variable):
            return f"Tabulate ?{variable.name}"
        case _:
            return type(operator).__name__
