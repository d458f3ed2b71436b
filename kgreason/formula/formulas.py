"""First-order formulas as frozen values, and walks over them that no depth is too much for.

∧ and ∨ are equal up to the order of their members (as multisets, because `a ∧ a` is not `a` under
every t-norm); nothing else is identified.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, cast

from kgreason import walks
from kgreason.errors import Place

Name = TypeVar("Name", str, int)
Other = TypeVar("Other", str, int)
Result = TypeVar("Result")


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


@dataclass(frozen=True, slots=True, eq=False)
class _Compound(Generic[Name]):
    """A formula made of formulas, which keeps what costs a walk: free variables and its hash."""

    _free: tuple[Variable, ...] = field(init=False, repr=False)
    _hash: int | None = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "_free", _free_in(cast("Formula[Name]", self)))
        object.__setattr__(self, "_hash", None)

    def __hash__(self) -> int:
        return fold(cast("Formula[Name]", self), _hash_of) if self._hash is None else self._hash

    def __eq__(self, other: object) -> bool:
        if self is other or type(other) is not type(self) or hash(other) != hash(self):
            return self is other
        numbers: dict[object, int] = {}
        first, second = cast("Formula[Name]", self), cast("Formula[Name]", other)
        return _number(first, numbers) == _number(second, numbers)

    def __repr__(self) -> str:
        return fold(cast("Formula[Name]", self), _shown)

    def __reduce__(self) -> tuple[object, ...]:
        # The hash of a string differs from process to process, so it does not travel.
        return _unflattened, (_flattened(cast("Formula[Name]", self)),)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Not(_Compound[Name]):
    """¬ body; the body may be a group with variables of its own."""

    body: Formula[Name]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class And(_Compound[Name]):
    """Conjunction of its parts (at least two)."""

    parts: tuple[Formula[Name], ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Or(_Compound[Name]):
    """Disjunction of its parts (at least two)."""

    parts: tuple[Formula[Name], ...]


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Exists(_Compound[Name]):
    """∃ variables. body; the variables are a set, kept in the order of the text."""

    variables: tuple[Variable, ...]
    body: Formula[Name]


Formula = Atom[Name] | Equals[Name] | Not[Name] | And[Name] | Or[Name] | Exists[Name]


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
    if isinstance(formula, _Compound):
        return formula._free
    return tuple(dict.fromkeys(t for t in terms(formula) if isinstance(t, Variable)))


def fold(
    formula: Formula[Name], combine: Callable[[Formula[Name], tuple[Result, ...]], Result]
) -> Result:
    """`combine(part, results of its children)` of every subformula, children first; the last one.

    A subformula that stands in several places (the very same object) is combined once.
    """
    return walks.fold(formula, children, combine)


def rename_terms(
    formula: Formula[Name],
    term: Callable[[Term[Name]], Term[Other]],
    relation: Callable[[Name | Slot, Place | None], Other | Slot],
) -> Formula[Other]:
    """The same shape with every term and relation name passed through a function."""

    def renamed(part: Formula[Name], parts: tuple[Formula[Other], ...]) -> Formula[Other]:
        match part:
            case Atom(name, head, tail, inverse, place):
                return Atom(relation(name, place), term(head), term(tail), inverse, place)
            case Equals(left, right):
                return Equals(term(left), term(right))
            case _:
                return rebuild(cast("Formula[Other]", part), parts)

    return fold(formula, renamed)


def _hash_of(part: Formula[Name], below: tuple[int, ...]) -> int:
    if not isinstance(part, _Compound):
        return hash(part)
    if part._hash is None:
        own = frozenset(part.variables) if isinstance(part, Exists) else None
        # The order of the parts does not count, their number does.
        object.__setattr__(part, "_hash", hash((type(part), own, *sorted(below))))
    return hash(part)


def _free_in(formula: Formula[Name]) -> tuple[Variable, ...]:
    if isinstance(formula, Exists):
        bound = set(formula.variables)
        return tuple(v for v in variables(formula.body) if v not in bound)
    return tuple(dict.fromkeys(v for part in children(formula) for v in variables(part)))


def _number(formula: Formula[Name], numbers: dict[object, int]) -> int:
    """A number that equal formulas share, and no others of the same table."""

    def combine(part: Formula[Name], below: tuple[int, ...]) -> int:
        key: object = part
        if below:
            own = frozenset(part.variables) if isinstance(part, Exists) else None
            key = (type(part), own, *sorted(below))
        return numbers.setdefault(key, len(numbers))

    return fold(formula, combine)


def _shown(part: Formula[Name], below: tuple[str, ...]) -> str:
    match part:
        case Exists(bound, _):
            return f"Exists(variables={bound!r}, body={below[0]})"
        case Not():
            return f"Not(body={below[0]})"
        case And() | Or():
            return f"{type(part).__name__}(parts=({', '.join(below)}))"
        case _:
            return repr(part)


_Flat = tuple[tuple[object, ...], ...]


def _flattened(formula: Formula[Name]) -> _Flat:
    """Leaves, and (type, number of parts, bound variables), each after its parts."""
    found: list[tuple[object, ...]] = []
    waiting = [formula]
    while waiting:
        part = waiting.pop()
        below = children(part)
        bound = part.variables if isinstance(part, Exists) else ()
        found.append((type(part), len(below), bound) if below else (part,))
        waiting.extend(below)
    return tuple(reversed(found))


def _unflattened(flat: _Flat) -> Formula[Name]:
    """The formula that was flattened, out of a pickle."""
    built: list[Any] = []
    for kind, *rest in flat:
        if not rest:
            built.append(kind)
            continue
        count, bound = cast("tuple[int, tuple[Variable, ...]]", tuple(rest))
        parts = tuple(built[len(built) - count :])
        del built[len(built) - count :]
        single: Any = kind
        if kind is Exists:
            built.append(Exists(bound, parts[0]))
        else:
            built.append(single(parts[0] if kind is Not else parts))
    return cast("Formula[Name]", built[0])
