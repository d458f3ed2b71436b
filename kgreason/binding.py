"""Names become ids of one vocabulary: `Query[str]` -> `Query[int]`.

An unknown name is an error that points at the place and offers the nearest names.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from kgreason.errors import KgreasonError, Place, QuerySyntaxError, UnknownNameError
from kgreason.formula import Atom, Constant, Query, Slot, Term, Variable, rename_terms, terms, walk
from kgreason.knowledge import Vocabulary


def bind(query: Query[str], vocabulary: Vocabulary) -> Query[int]:
    """Replace every entity and relation name by its id.

    Raises UnknownNameError for a name that the vocabulary lacks or that several entities share, and
    QuerySyntaxError for a `$slot` that has not been filled.
    """

    def term(value: Term[str]) -> Term[int]:
        match value:
            case Variable():
                return value
            case Slot():
                raise _unfilled(value, query.text)
            case Constant(name, place):
                return Constant(_entity(name, place, query.text, vocabulary), place)

    def relation(name: str | Slot, place: Place | None) -> int:
        if isinstance(name, Slot):
            raise _unfilled(name, query.text)
        return _relation(name, place, query.text, vocabulary)

    return replace(query, formula=rename_terms(query.formula, term, relation))  # type: ignore[arg-type, return-value]


def bind_entity(name: str, vocabulary: Vocabulary) -> int:
    """The id of one entity; UnknownNameError as from `bind`."""
    return _entity(name, None, None, vocabulary)


def is_bound(query: Query[Any]) -> bool:
    """Whether relations and entities are ids already."""
    names: list[object] = []
    for part in walk(query.formula):
        names += [part.relation] if isinstance(part, Atom) else []
        names += [term.name for term in terms(part) if isinstance(term, Constant)]
    return any(isinstance(name, int) for name in names)


def _unfilled(slot: Slot, text: str | None) -> KgreasonError:
    return QuerySyntaxError(
        f"the parameter ${slot.name} has no value",
        remedy=f"fill the template first, for example fill(query, {{{slot.name!r}: …}})",
        text=text,
        place=slot.place,
    )


def _entity(name: str, place: Place | None, text: str | None, vocabulary: Vocabulary) -> int:
    found = vocabulary.find_entity(name)
    if len(found) == 1:
        return found[0]
    if found:
        raise _ambiguous("entities", name, found, vocabulary.entity, text, place)
    nearest = vocabulary.nearest_entities(name)
    raise _unknown("entity", vocabulary.entity_count, name, nearest, vocabulary, text, place)


def _relation(name: str, place: Place | None, text: str | None, vocabulary: Vocabulary) -> int:
    found = vocabulary.find_relation(name)
    if len(found) == 1:
        return found[0]
    if found:
        raise _ambiguous("relations", name, found, vocabulary.relation, text, place)
    nearest = vocabulary.nearest_relations(name)
    raise _unknown("relation", vocabulary.relation_count, name, nearest, vocabulary, text, place)


def _unknown(
    kind: str,
    count: int,
    name: str,
    nearest: tuple[str, ...],
    vocabulary: Vocabulary,
    text: str | None,
    place: Place | None,
) -> UnknownNameError:
    return UnknownNameError(
        f"no {kind} is named {name} among {count:,}",
        remedy=_offer(name, nearest, vocabulary),
        text=text,
        place=place,
    )


def _ambiguous(
    kind: str,
    name: str,
    found: tuple[int, ...],
    spell: Callable[[int], str],
    text: str | None,
    place: Place | None,
) -> UnknownNameError:
    some = ", ".join(spell(i) for i in found[:5]) + (", …" if len(found) > 5 else "")
    return UnknownNameError(
        f"{len(found)} {kind} are called {name}: {some}",
        remedy="name the one you mean in full",
        text=text,
        place=place,
    )


def _offer(name: str, nearest: tuple[str, ...], vocabulary: Vocabulary) -> str:
    prefix, colon, _ = name.partition(":")
    if colon and not name.startswith("<") and not nearest and prefix not in vocabulary.prefixes:
        known = ", ".join(f"{p}:" for p in sorted(vocabulary.prefixes)) or "none"
        return f"if {prefix}: is meant as a prefix, it is not bound; known prefixes: {known}"
    return f"nearest: {', '.join(nearest)}" if nearest else "no similar name exists"
