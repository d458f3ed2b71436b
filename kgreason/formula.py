"""The shelf every room shares: first-order formulas as frozen values.

A question `q(y) = ∃ x₁…xₙ. φ(y, x)` is a `Query`: answer variables and a formula built from atoms
`r(t₁, t₂)`, equalities, ∧, ∨, ¬ and ∃. Names are generic: `Query[str]` as parsed, `Query[int]` once
bound to a vocabulary. ∧ and ∨ are equal up to the order of their members (as multisets, because
`a ∧ a` is not `a` under every t-norm); nothing else is identified.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Generic, TypeVar

from kgreason.errors import Place

Name = TypeVar("Name", str, int)
Other = TypeVar("Other", str, int)


@dataclass(frozen=True, slots=True)
class Variable:
    """A variable of a question, without its leading `?`."""

    name: str


@dataclass(frozen=True, slots=True)
class Constant(Generic[Name]):
    """An entity, by name (`<iri>`, an N-Triples literal, or a plain name) or by id."""

    name: Name
    place: Place | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Slot:
    """A `$name` parameter of a template, standing for an entity or for a relation."""

    name: str
    place: Place | None = field(default=None, compare=False, repr=False)


Term = Variable | Constant[Name] | Slot


@dataclass(frozen=True, slots=True)
class Atom(Generic[Name]):
    """`relation(head, tail)`, or `^relation(head, tail)`: the same link asked from its other end.

    `relation` is a base relation; `inverse` says that the link runs from `tail` to `head`.
    """

    relation: Name | Slot
    head: Term[Name]
    tail: Term[Name]
    inverse: bool = False
    place: Place | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Equals(Generic[Name]):
    """Two terms are the same entity: truth 1 or 0 under every logic."""

    left: Term[Name]
    right: Term[Name]


@dataclass(frozen=True, slots=True)
class Not(Generic[Name]):
    """¬ body; the body may be a group with variables of its own."""

    body: Formula[Name]


@dataclass(frozen=True, slots=True, eq=False)
class _Connective(Generic[Name]):
    parts: tuple[Formula[Name], ...]

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and Counter(self.parts) == Counter(other.parts)

    def __hash__(self) -> int:
        return hash((type(self).__name__, frozenset(Counter(self.parts).items())))


@dataclass(frozen=True, slots=True, eq=False)
class And(_Connective[Name]):
    """Conjunction of its parts (at least two)."""


@dataclass(frozen=True, slots=True, eq=False)
class Or(_Connective[Name]):
    """Disjunction of its parts (at least two)."""


@dataclass(frozen=True, slots=True)
class Exists(Generic[Name]):
    """∃ variables. body; the variables are a set, kept in the order of the text."""

    variables: tuple[Variable, ...]
    body: Formula[Name]

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Exists)
            and frozenset(self.variables) == frozenset(other.variables)
            and self.body == other.body
        )

    def __hash__(self) -> int:
        return hash((frozenset(self.variables), self.body))


Formula = Atom[Name] | Equals[Name] | Not[Name] | And[Name] | Or[Name] | Exists[Name]


@dataclass(frozen=True, slots=True)
class Modifiers:
    """How the answers are to be presented, never what is true.

    `order` lists (variable name, descending); `truth_variable` is the name under which the truth is
    asked for (`score` in SPARQL's `?score`), which may also appear in `order`.
    """

    limit: int | None = None
    offset: int = 0
    order: tuple[tuple[str, bool], ...] = ()
    truth_variable: str | None = None


@dataclass(frozen=True, slots=True)
class Query(Generic[Name]):
    """Answer variables and a formula. No answer variable at all is a yes/no question."""

    free: tuple[Variable, ...]
    formula: Formula[Name]
    modifiers: Modifiers = Modifiers()
    text: str | None = field(default=None, compare=False, repr=False)


def conjunction(parts: list[Formula[Name]]) -> Formula[Name]:
    """∧ of one or more formulas, flattened; a single part is itself."""
    return _connect(And, parts)


def disjunction(parts: list[Formula[Name]]) -> Formula[Name]:
    """∨ of one or more formulas, flattened; a single part is itself."""
    return _connect(Or, parts)


def _connect(kind: type[And[Name]] | type[Or[Name]], parts: list[Formula[Name]]) -> Formula[Name]:
    flat: list[Formula[Name]] = []
    for part in parts:
        flat.extend(part.parts if isinstance(part, kind) else (part,))
    if not flat:
        raise ValueError("a connective needs at least one part")
    return flat[0] if len(flat) == 1 else kind(tuple(flat))


def exists(variables: tuple[Variable, ...], body: Formula[Name]) -> Formula[Name]:
    """∃ variables. body, merging nested quantifiers; no variables gives the body itself."""
    if not variables:
        return body
    if isinstance(body, Exists) and not set(variables) & set(body.variables):
        return Exists(variables + body.variables, body.body)
    return Exists(variables, body)


def children(formula: Formula[Name]) -> tuple[Formula[Name], ...]:
    """The direct subformulas, in order."""
    match formula:
        case Not(body) | Exists(_, body):
            return (body,)
        case And(parts) | Or(parts):
            return parts
        case _:
            return ()


def rebuild(formula: Formula[Name], parts: tuple[Formula[Name], ...]) -> Formula[Name]:
    """The same formula with its direct subformulas replaced by `parts`."""
    match formula:
        case Not():
            return Not(parts[0])
        case Exists(variables, _):
            return Exists(variables, parts[0])
        case And():
            return And(parts)
        case Or():
            return Or(parts)
        case _:
            return formula


def walk(formula: Formula[Name]) -> Iterator[Formula[Name]]:
    """Every subformula, parents before children."""
    stack = [formula]
    while stack:
        current = stack.pop()
        yield current
        stack.extend(reversed(children(current)))


def terms(formula: Formula[Name]) -> tuple[Term[Name], ...]:
    """The two terms of an atom or equality; nothing for other formulas."""
    match formula:
        case Atom(_, head, tail):
            return (head, tail)
        case Equals(left, right):
            return (left, right)
        case _:
            return ()


def variables(formula: Formula[Name]) -> tuple[Variable, ...]:
    """Free variables of a formula, in order of first occurrence."""
    match formula:
        case Exists(bound, body):
            return tuple(v for v in variables(body) if v not in bound)
        case Atom() | Equals():
            return tuple(dict.fromkeys(t for t in terms(formula) if isinstance(t, Variable)))
        case _:
            return tuple(dict.fromkeys(v for part in children(formula) for v in variables(part)))


def rename_terms(
    formula: Formula[Name],
    term: Callable[[Term[Name]], Term[Other]],
    relation: Callable[[Name | Slot, Place | None], Other | Slot],
) -> Formula[Other]:
    """The same shape with every term and relation name passed through a function."""
    match formula:
        case Atom(name, head, tail, inverse, place):
            return Atom(relation(name, place), term(head), term(tail), inverse, place)
        case Equals(left, right):
            return Equals(term(left), term(right))
        case Not(body):
            return Not(rename_terms(body, term, relation))
        case Exists(bound, body):
            return Exists(bound, rename_terms(body, term, relation))
        case And(parts):
            return And(tuple(rename_terms(part, term, relation) for part in parts))
        case Or(parts):
            return Or(tuple(rename_terms(part, term, relation) for part in parts))


def slots(query: Query[Name]) -> tuple[str, ...]:
    """Names of the unfilled `$slots` of a template, in order of first occurrence."""
    found: dict[str, None] = {}
    for formula in walk(query.formula):
        if isinstance(formula, Atom) and isinstance(formula.relation, Slot):
            found[formula.relation.name] = None
        found.update({term.name: None for term in terms(formula) if isinstance(term, Slot)})
    return tuple(found)


def fill(query: Query[Name], values: Mapping[str, Name]) -> Query[Name]:
    """Replace every `$slot` that `values` names; the others stay slots."""

    def term(value: Term[Name]) -> Term[Name]:
        if isinstance(value, Slot) and value.name in values:
            return Constant(values[value.name], value.place)
        return value

    def relation(name: Name | Slot, _: Place | None) -> Name | Slot:
        return values.get(name.name, name) if isinstance(name, Slot) else name

    return replace(query, formula=rename_terms(query.formula, term, relation))
