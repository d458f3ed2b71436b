"""Question types: lines of EFO text with `$slots`, each under a name."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any, cast

from kgreason.choose import require
from kgreason.errors import DataError, KgreasonError, UsageError
from kgreason.formula import Atom, Constant, Query, Slot, slots, terms, walk
from kgreason.normal.normalize import normalize, rename_apart
from kgreason.syntax import parse_efo
from kgreason.truth import GODEL

_LINE = re.compile(r"(?P<name>[^\s:#,]+)\s*:(?P<text>.*)")
_ALL = "all"
_EXAMPLE = "a type looks like `2p: ?y : exists x . $r1($s1, x) & $r2(x, y)`"


@dataclass(frozen=True, slots=True)
class QuestionType:
    """A shape of questions: every relation and every entity of `template` is a slot.

    Variables of different quantifiers have different names.
    """

    name: str
    template: Query[str]

    @property
    def text(self) -> str:
        """The template as it was written."""
        return self.template.text or ""

    @property
    def relation_slots(self) -> tuple[str, ...]:
        """Names of the slots that stand for relations."""
        atoms = (part for part in walk(self.template.formula) if isinstance(part, Atom))
        return tuple(dict.fromkeys(a.relation.name for a in atoms if isinstance(a.relation, Slot)))

    @property
    def entity_slots(self) -> tuple[str, ...]:
        """Names of the slots that stand for entities."""
        return tuple(name for name in slots(self.template) if name not in self.relation_slots)


def read_types(path: str | Path | None = None) -> dict[str, QuestionType]:
    """The types of a file, by name in its order; None reads those that come with the package.

    Empty lines and what follows a `#` are passed over. Raises DataError for a file that cannot be
    read, and a KgreasonError naming the line for text that is no type.
    """
    if path is None:
        content = files("kgreason.bench.sampling").joinpath("types.efo").read_text(encoding="utf-8")
        return parse_types(content, "types.efo")
    try:
        return parse_types(Path(path).read_text(encoding="utf-8-sig"), str(path))
    except OSError as error:
        raise DataError(f"{path}: {error.strerror or error}", remedy="check the path") from error
    except UnicodeDecodeError as error:
        raise DataError(
            f"{path} is not UTF-8 text (byte {error.start})", remedy="convert it to UTF-8"
        ) from error


def parse_types(content: str, where: str) -> dict[str, QuestionType]:
    """The types of a text; `where` names it in errors. See `read_types`."""
    found: dict[str, QuestionType] = {}
    lines: dict[str, int] = {}
    for number, line in enumerate(content.splitlines(), 1):
        written = line.strip()
        if not written or written.startswith("#"):
            continue
        place = f"{where}, line {number}"
        match = _LINE.fullmatch(written)
        if match is None:
            raise DataError(f"{place}: no name and colon before the question", remedy=_EXAMPLE)
        name = match["name"]
        if name == _ALL:
            raise DataError(f"{place}: {_ALL!r} means every type", remedy="give it another name")
        if name in found:
            raise DataError(
                f"{place}: the type {name!r} is already on line {lines[name]}",
                remedy="give one of them another name",
            )
        found[name] = _type(name, match["text"].strip(), place)
        lines[name] = number
    if not found:
        raise DataError(f"{where}: no question types", remedy=_EXAMPLE)
    return found


def chosen_types(
    types: Mapping[str, QuestionType], names: Iterable[str] | None
) -> dict[str, QuestionType]:
    """The types of these names, in the file's order; None or `all` means every one."""
    wanted = None if names is None else tuple(names)
    if wanted is None or wanted == (_ALL,):
        return dict(types)
    for name in wanted:
        require("question type", name, types)
    if not wanted:
        raise UsageError("no question type was named", remedy=f"known: {', '.join(types)}")
    return {name: kind for name, kind in types.items() if name in wanted}


def _type(name: str, text: str, place: str) -> QuestionType:
    try:
        template = parse_efo(text)
        _check(template)
        apart = rename_apart(cast("Any", template.formula), template.free)
        kind = QuestionType(name, Query(template.free, cast("Any", apart), text=text))
        _check_meaning(kind)
    except KgreasonError as error:
        raise type(error)(
            f"{place}: {error.message}", remedy=error.remedy, text=error.text, place=error.place
        ) from error
    return kind


def _check(template: Query[str]) -> None:
    if len(template.free) != 1:
        raise DataError(
            f"{len(template.free)} answer variables; a type asks for one", remedy=_EXAMPLE
        )
    relations: set[str] = set()
    entities: set[str] = set()
    for part in walk(template.formula):
        named: list[object] = [term for term in terms(part) if isinstance(term, Constant)]
        entities |= {term.name for term in terms(part) if isinstance(term, Slot)}
        if isinstance(part, Atom):
            if isinstance(part.relation, Slot):
                relations.add(part.relation.name)
            else:
                named.append(part)
        for one in named:
            if isinstance(one, Atom | Constant):
                spelt = one.relation if isinstance(one, Atom) else one.name
                raise DataError(
                    f"{spelt} is a name; a type has slots only",
                    remedy="write $r1 for a relation, $s1 for an entity",
                    text=template.text,
                    place=one.place,
                )
    if both := relations & entities:
        raise DataError(
            f"${min(both)} stands for a relation and for an entity",
            remedy="give them different slots",
        )
    if not relations:
        raise DataError("a question without a relation", remedy=_EXAMPLE)


def _check_meaning(kind: QuestionType) -> None:
    """A type with an unsafe answer variable is an error here, not for each of its questions."""
    from kgreason.bench.suites.template import filled

    relations = {name: 2 * i for i, name in enumerate(kind.relation_slots)}
    entities = {name: i for i, name in enumerate(kind.entity_slots)}
    normalize(filled(kind.template, relations, entities), GODEL)
