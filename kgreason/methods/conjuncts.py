"""Questions as the message-passing literature reads them: disjuncts of signed atoms, no groups.

Those methods know no negated group. ¬∃x. r1(s1, x) ∧ r2(x, y), BetaE's `pni`, becomes
∃x. r1(s1, x) ∧ ¬r2(x, y), the `pni` of real EFO1 (Yin et al., ICLR 2024): another question, whose
scores are held against the answers of the first.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from kgreason.errors import UnsupportedError
from kgreason.formula import Query, Variable
from kgreason.normal import EQUALS, Alternatives, Edge, NegatedGroup, QueryGraph, normalize
from kgreason.truth import PRODUCT

_REMEDY = "ask with another method"


@dataclass(frozen=True, slots=True)
class Conjunct:
    """∧ of signed atoms, all variables but `answer` under ∃."""

    answer: Variable
    atoms: tuple[Edge, ...]

    @property
    def variables(self) -> tuple[Variable, ...]:
        """In the order of their first atoms."""
        return tuple(dict.fromkeys(v for atom in self.atoms for v in atom.variables))


def conjuncts(query: Query[int]) -> list[Conjunct]:
    """The disjuncts of a question's disjunctive normal form, negated groups read as said above.

    Raises UnsupportedError for an equality, for a negated group with anything but atoms or with
    more than one atom about outer variables, and unless there is one answer variable.
    """
    if len(query.free) != 1:
        raise UnsupportedError(
            f"message passing ranks one answer variable, the question has {len(query.free)}",
            remedy=_REMEDY,
        )
    graph = normalize(query, PRODUCT, "dnf").graph
    return [Conjunct(query.free[0], tuple(_atoms(part))) for part in _disjuncts(graph)]


def _disjuncts(graph: QueryGraph) -> list[QueryGraph]:
    first = graph.members[0]
    if len(graph.members) == 1 and isinstance(first, Alternatives):
        return [part for option in first.options for part in _disjuncts(option)]
    return [graph]


def _atoms(graph: QueryGraph) -> Iterator[Edge]:
    for member in graph.members:
        match member:
            case Edge() if member.relation != EQUALS:
                yield member
            case NegatedGroup(body):
                yield from _read(body)
            case _:
                raise UnsupportedError("message passing knows no equality", remedy=_REMEDY)


def _read(group: QueryGraph) -> Iterator[Edge]:
    """The atom that ties a negated group to the question is negated, the others stay."""
    atoms = [one for one in group.members if isinstance(one, Edge) and one.relation != EQUALS]
    ties = [atom for atom in atoms if set(atom.variables) & set(group.free)]
    if len(atoms) < len(group.members) or len(ties) != 1:
        raise UnsupportedError(
            "message passing knows no negated group but one of atoms, a single one of which is "
            "about the question's other variables",
            remedy=_REMEDY,
        )
    for atom in atoms:
        yield replace(atom, negated=not atom.negated) if atom is ties[0] else atom
