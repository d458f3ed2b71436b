"""Questions as a shape with slots and the ids that fill them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from kgreason.errors import DataError
from kgreason.formula import (
    Atom,
    Constant,
    Equals,
    Formula,
    Query,
    Slot,
    Term,
    Variable,
    children,
    rebuild,
    rename_terms,
)
from kgreason.knowledge import Vocabulary
from kgreason.syntax import parse_efo, to_text


@dataclass(frozen=True, slots=True)
class Template:
    """A question's shape as EFO text with `$r1 …` and `$s1 …`, and what fills them in order.

    relations: directed ids, 2k as is and 2k + 1 inverse. entities: ids.
    """

    text: str
    relations: tuple[int, ...]
    entities: tuple[int, ...]


def template_of(query: Query[int]) -> Template:
    """Every relation and every constant of a question becomes a slot of its own."""
    relations: list[int] = []
    entities: list[int] = []

    def term(given: Term[int]) -> Term[str]:
        if isinstance(given, Variable | Slot):
            return given
        entities.append(given.name)
        return Slot(f"s{len(entities)}")

    def shape(part: Formula[int]) -> Formula[str]:
        match part:
            case Atom(relation, head, tail, inverse) if isinstance(relation, int):
                relations.append(2 * relation + inverse)
                return Atom(Slot(f"r{len(relations)}"), term(head), term(tail))
            case Equals(left, right):
                return Equals(term(left), term(right))
            case _:
                same: Any = part
                return rebuild(same, tuple(map(shape, children(same))))

    formula = shape(query.formula)
    return Template(to_text(Query(query.free, formula)), tuple(relations), tuple(entities))


def question_of(template: Template) -> Query[int]:
    """The question a template stands for; the inverse of `template_of`.

    Raises a KgreasonError for text that is no template, DataError for a slot without an id.
    """
    relations = {f"r{i}": value for i, value in enumerate(template.relations, 1)}
    entities = {f"s{i}": value for i, value in enumerate(template.entities, 1)}
    return filled(_parsed(template.text), relations, entities)


@lru_cache(maxsize=4096)
def _parsed(text: str) -> Query[str]:
    return parse_efo(text)


def filled(
    template: Query[str], relations: Mapping[str, int], entities: Mapping[str, int]
) -> Query[int]:
    """A template with directed relation ids and entity ids in its slots."""

    def term(given: Term[str]) -> Term[int]:
        return given if isinstance(given, Variable) else Constant(_value(given, entities))

    def shape(part: Formula[str]) -> Formula[int]:
        match part:
            case Atom(relation, head, tail, inverse):
                base, turned = divmod(_value(relation, relations), 2)
                return Atom(base, term(head), term(tail), inverse=inverse != bool(turned))
            case Equals(left, right):
                return Equals(term(left), term(right))
            case _:
                same: Any = part
                return rebuild(same, tuple(shape(child) for child in children(part)))

    return Query(template.free, shape(template.formula))


def _value(slot: object, values: Mapping[str, int]) -> int:
    if not isinstance(slot, Slot) or slot.name not in values:
        name = f"${slot.name}" if isinstance(slot, Slot) else str(slot)
        raise DataError(f"no id for {name} of a question's template")
    return values[slot.name]


def spelled(query: Query[int], vocabulary: Vocabulary) -> str:
    """The question as EFO text with the names of a vocabulary."""

    def term(given: Term[int]) -> Term[str]:
        if isinstance(given, Variable | Slot):
            return given
        return Constant(vocabulary.entity(given.name))

    formula = rename_terms(
        query.formula, term, lambda r, _: vocabulary.relation(r) if isinstance(r, int) else r
    )
    return to_text(Query(query.free, formula))
