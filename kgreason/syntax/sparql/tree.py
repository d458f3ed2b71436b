"""A SPARQL question as written: patterns, paths and conditions, each knowing its variables."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from kgreason.errors import Place
from kgreason.formula import Modifiers, Term, Variable

Names = frozenset[str]
NONE: Names = frozenset()


# -- property paths --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Step:
    """One relation."""

    name: str
    place: Place


@dataclass(frozen=True, slots=True)
class Inverse:
    """`^path`."""

    path: Path


@dataclass(frozen=True, slots=True)
class Steps:
    """`path/path/…`, two or more."""

    parts: tuple[Path, ...]


@dataclass(frozen=True, slots=True)
class Options:
    """`path|path|…`, two or more."""

    parts: tuple[Path, ...]


Path = Step | Inverse | Steps | Options


# -- patterns --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Triple:
    """Subject, path and object."""

    subject: Term[str]
    path: Path
    object: Term[str]


@dataclass(frozen=True, slots=True)
class Triples:
    """Triples side by side."""

    triples: tuple[Triple, ...]
    names: Names = field(init=False, repr=False)

    def __post_init__(self) -> None:
        ends = (term for triple in self.triples for term in (triple.subject, triple.object))
        object.__setattr__(self, "names", _variables(ends))

    @property
    def mentioned(self) -> Names:
        """Every variable."""
        return self.names


@dataclass(frozen=True, slots=True)
class Values:
    """VALUES: each row gives a term to every variable."""

    variables: tuple[str, ...]
    rows: tuple[tuple[Term[str], ...], ...]
    place: Place

    @property
    def names(self) -> Names:
        """Its variables."""
        return frozenset(self.variables)

    @property
    def mentioned(self) -> Names:
        """Every variable."""
        return self.names


@dataclass(frozen=True, slots=True)
class Union:
    """Two or more groups, of which any gives solutions."""

    branches: tuple[Group, ...]
    names: Names = field(init=False, repr=False)
    mentioned: Names = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _set_names(self, self.branches, self.branches)


@dataclass(frozen=True, slots=True)
class Minus:
    """Takes away what is compatible with a solution of the group."""

    group: Group

    @property
    def names(self) -> Names:
        """It binds nothing."""
        return NONE

    @property
    def mentioned(self) -> Names:
        """Every variable."""
        return self.group.mentioned


@dataclass(frozen=True, slots=True)
class Group:
    """What stands in curly brackets; conditions are those of its FILTERs.

    names: the variables it can bind, in scope for what stands beside it. mentioned: every variable.
    """

    elements: tuple[Element, ...]
    conditions: tuple[Condition, ...]
    place: Place
    names: Names = field(init=False, repr=False)
    mentioned: Names = field(init=False, repr=False)

    def __post_init__(self) -> None:
        _set_names(self, self.elements, (*self.elements, *self.conditions))


Element = Triples | Values | Union | Minus | Group


# -- conditions of a FILTER ------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two terms are the same."""

    left: Term[str]
    right: Term[str]

    @property
    def mentioned(self) -> Names:
        """Every variable."""
        return _variables((self.left, self.right))


@dataclass(frozen=True, slots=True)
class Existence:
    """EXISTS."""

    group: Group

    @property
    def mentioned(self) -> Names:
        """Every variable."""
        return self.group.mentioned


@dataclass(frozen=True, slots=True)
class Negation:
    """The condition does not hold."""

    condition: Condition
    mentioned: Names = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mentioned", self.condition.mentioned)


@dataclass(frozen=True, slots=True)
class AllOf:
    """Every condition holds."""

    parts: tuple[Condition, ...]
    mentioned: Names = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mentioned", NONE.union(*(p.mentioned for p in self.parts)))


@dataclass(frozen=True, slots=True)
class AnyOf:
    """Some condition holds."""

    parts: tuple[Condition, ...]
    mentioned: Names = field(init=False, repr=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "mentioned", NONE.union(*(p.mentioned for p in self.parts)))


Condition = Comparison | Existence | Negation | AllOf | AnyOf


@dataclass(frozen=True, slots=True)
class Question:
    """A whole text. selected: None for `*`; `order` names variables, unchecked."""

    selected: tuple[str, ...] | None
    pattern: Group
    modifiers: Modifiers


def _variables(terms: Iterable[Term[str]]) -> Names:
    return frozenset(term.name for term in terms if isinstance(term, Variable))


def _set_names(
    whole: Union | Group,
    binding: tuple[Element, ...],
    holding: tuple[Element | Condition, ...],
) -> None:
    object.__setattr__(whole, "names", NONE.union(*(one.names for one in binding)))
    object.__setattr__(whole, "mentioned", NONE.union(*(one.mentioned for one in holding)))
