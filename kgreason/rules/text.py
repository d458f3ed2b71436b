"""Rules as text: `bornIn(a,b) & cityIn(b,c) => nationality(a,c)  # support 12 confidence 0.5 …`.

One rule a line. `combine: max` or `noisy-or` and `weight: pca` or `confidence` may stand on lines
of their own; a comment without `support` is only a comment. Names with signs that a rule needs for
itself stand in quotes. What is written here begins and ends with a line that tells whether it is
still whole; see `kgreason.rules.seal`.
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from kgreason.choose import unknown
from kgreason.errors import (
    DataError,
    KgreasonError,
    Place,
    QuerySyntaxError,
    UnknownNameError,
    UnsupportedError,
)
from kgreason.rules.rule import COMBINES, WEIGHTS, Figures, Rule, RuleSet
from kgreason.rules.seal import require_count, sealed, unsealed

if TYPE_CHECKING:
    from kgreason.knowledge import Vocabulary

_NAME = r'<[^<>"\s]*>|"(?:[^"\\\n]|\\[^\n])*"|[^\s()&,"<>=#]+'
_TOKEN = re.compile(rf"(?P<space>[^\S\n]+)|(?P<name>{_NAME})|(?P<sign>=>|[()&,∧])|(?P<other>.)")
_BARE = re.compile(r"<[^<>\"\s]*>|[^\s()&,\"<>=#]+")
_SETTING = re.compile(r"\s*(combine|weight)\s*:\s*(\S+)\s*(?:#.*)?")
_FIGURES = re.compile(r"support (\d+) confidence ([\d.eE+-]+) pca ([\d.eE+-]+)\s*")
_VARIABLES = "abcdefghijklmnopqrstuvwxyz"
_EXAMPLE = "write for example bornIn(a,b) & cityIn(b,c) => nationality(a,c)"


@dataclass(frozen=True, slots=True)
class _Atom:
    """`relation(left, right)` with the places of its parts in the text."""

    relation: int
    left: str
    right: str
    place: Place


def write_rules(rules: RuleSet, vocabulary: Vocabulary) -> str:
    """The text of a rules file."""
    lines = [f"combine: {rules.combine}", f"weight: {rules.weight}"]
    lines += [spell_rule(rule, vocabulary) for rule in rules.rules]
    return "\n".join(sealed(lines, len(rules))) + "\n"


def spell_rule(rule: Rule, vocabulary: Vocabulary) -> str:
    """One line, with the figures where the rule has them."""
    ends = [
        _VARIABLES[i % 26] + (str(i // 26) if i > 25 else "") for i in range(len(rule.body) + 1)
    ]
    steps = zip(rule.body, ends, ends[1:], strict=False)
    body = " & ".join(_spell_atom(r, left, right, vocabulary) for r, left, right in steps)
    line = f"{body} => {_spell_atom(rule.head, ends[0], ends[-1], vocabulary)}"
    if rule.figures is None:
        return line
    one = rule.figures
    return f"{line}  # support {one.support} confidence {one.confidence:.6g} pca {one.pca:.6g}"


def read_rules(path: Path, vocabulary: Vocabulary) -> RuleSet:
    """The rules of a file; a KgreasonError names it and points at what is wrong in it.

    Raises DataError for a file that is damaged or holds no rules, else as `parse_rules`.
    """
    text = read_text(path)
    try:
        rules, written = _parse(text, vocabulary)
        if not len(rules) and written is None:
            raise DataError(
                "the file holds no rules",
                remedy=f"write or mine some: kgreason rules mine; {_EXAMPLE}",
            )
    except KgreasonError as error:
        raise type(error)(
            f"{path}: {error.message}", remedy=error.remedy, text=error.text, place=error.place
        ) from error
    return rules


def read_text(path: Path) -> str:
    """The text of a rules file; DataError."""
    try:
        return path.read_text(encoding="utf-8-sig")
    except OSError as error:
        raise DataError(
            f"cannot read {path}: {error.strerror or error}", remedy="check the path"
        ) from error
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is not UTF-8 text", remedy="convert it to UTF-8") from error


def parse_rules(text: str, vocabulary: Vocabulary) -> RuleSet:
    """The rules of a text.

    Raises QuerySyntaxError, UnknownNameError, or UnsupportedError for a body that is no path from
    the head's first variable to its second; each points at the place. Raises DataError for a text
    of mined rules that is not whole.
    """
    return _parse(text, vocabulary)[0]


def lines_of(text: str) -> list[str]:
    """Lines without their ends. Only a line feed ends one: names may hold other separators."""
    return [line.removesuffix("\r") for line in text.split("\n")]


def _parse(text: str, vocabulary: Vocabulary) -> tuple[RuleSet, int | None]:
    """The rules, and how many the text says there are."""
    rules: list[Rule] = []
    settings: dict[str, str] = {}
    lines = lines_of(text)
    between, written = unsealed(lines)
    starts = itertools.accumulate((len(line) + 1 for line in text.split("\n")), initial=0)
    for number, (line, start) in enumerate(zip(lines, starts, strict=False)):
        if number not in between:
            continue
        setting = _SETTING.fullmatch(line)
        if setting is not None:
            settings[setting[1]] = _setting(text, start, setting)
        elif line.split("#")[0].strip() or line.lstrip()[:1] not in ("", "#"):
            rules.append(_Line(text, start, line, vocabulary).rule())
    require_count(len(rules), written)
    return RuleSet(tuple(rules), **cast("Any", settings)), written


def _setting(text: str, start: int, match: re.Match[str]) -> str:
    known = COMBINES if match[1] == "combine" else WEIGHTS
    if match[2] not in known:
        told = unknown(match[1], match[2], known, QuerySyntaxError)
        raise QuerySyntaxError(
            f"{_line_number(text, start)}: {told.message}",
            remedy=told.remedy,
            text=text,
            place=Place(start + match.start(2), start + match.end(2)),
        )
    return match[2]


class _Line:
    """One rule of a text, read from left to right."""

    def __init__(self, text: str, start: int, line: str, vocabulary: Vocabulary) -> None:
        self.text, self.start, self.vocabulary = text, start, vocabulary
        content, self.comment = _split(line)
        self.tokens = list(self._tokens(content))
        self.end = Place(start + len(content.rstrip()), start + len(content.rstrip()) + 1)
        self.at = 0

    def rule(self) -> Rule:
        body = [self._atom()]
        while self._sign("&", "∧"):
            body.append(self._atom())
        self._expect("=>")
        head = self._atom()
        if self.at < len(self.tokens):
            raise self._wrong(self.tokens[self.at][1], "the rule should end here")
        if head.left == head.right:
            raise self._unsupported(head.place, "a rule concludes a link between two variables")
        return Rule(self._path(body, head), 2 * head.relation, self._figures())

    def _path(self, body: list[_Atom], head: _Atom) -> tuple[int, ...]:
        """The body's directed relations from the head's first variable to its second."""
        left, here, steps = list(body), head.left, list[int]()
        seen = {here}
        while left:
            nexts = [atom for atom in left if here in (atom.left, atom.right)]
            if len(nexts) != 1 or here == head.right:
                raise self._unsupported(
                    (nexts or left)[0].place,
                    f"the body is no path from {head.left} to {head.right}",
                )
            left.remove(nexts[0])
            backwards = nexts[0].right == here
            here = nexts[0].left if backwards else nexts[0].right
            steps.append(2 * nexts[0].relation + backwards)
            if here in seen:
                raise self._unsupported(nexts[0].place, f"the body comes back to {here}")
            seen.add(here)
        if here != head.right:
            raise self._unsupported(
                head.place, f"the body is no path from {head.left} to {head.right}"
            )
        return tuple(steps)

    def _atom(self) -> _Atom:
        name, place = self._name("a relation")
        relation = self._relation(name, place)
        self._expect("(")
        left, _ = self._name("a variable")
        self._expect(",")
        right, last = self._name("a variable")
        self._expect(")")
        return _Atom(relation, left, right, Place(place.start, last.end + 1))

    def _relation(self, name: str, place: Place) -> int:
        found = self.vocabulary.find_relation(name)
        if len(found) == 1:
            return found[0]
        near = ", ".join(self.vocabulary.nearest_relations(name))
        if found:
            message = f"{name!r} may be any of {len(found)} relations"
            near = ", ".join(self.vocabulary.relation(one) for one in found[:3])
        else:
            message = f"no such relation among {self.vocabulary.relation_count}"
        raise UnknownNameError(
            f"{self._number}: {message}",
            remedy=f"nearest: {near}" if near else "name a relation of the graph",
            text=self.text,
            place=place,
        )

    def _figures(self) -> Figures | None:
        start = self.comment.find("support")
        if start < 0:
            return None
        found = _figures(self.comment[start:])
        if found is None:
            raise QuerySyntaxError(
                f"{self._number}: these are no figures of a rule",
                remedy="write for example # support 12 confidence 0.5 pca 0.75, or leave it out",
                text=self.text,
                place=Place(self.end.start, self.start + len(_line_at(self.text, self.start))),
            )
        return found

    def _tokens(self, content: str) -> Iterator[tuple[str, Place, str]]:
        for match in _TOKEN.finditer(content):
            place = Place(self.start + match.start(), self.start + match.end())
            if match.lastgroup == "other":
                raise self._wrong(place, f"a rule has no {match[0]!r} here")
            if match.lastgroup != "space":
                yield match[0], place, str(match.lastgroup)

    def _name(self, what: str) -> tuple[str, Place]:
        if self.at < len(self.tokens) and self.tokens[self.at][2] == "name":
            text, place, _ = self.tokens[self.at]
            self.at += 1
            try:
                return str(json.loads(text)) if text[0] == '"' else text, place
            except ValueError as error:
                raise self._wrong(place, "this quoted name has an unknown escape") from error
        place = self.tokens[self.at][1] if self.at < len(self.tokens) else self.end
        raise self._wrong(place, f"{what} is missing here")

    def _sign(self, *signs: str) -> bool:
        found = self.at < len(self.tokens) and self.tokens[self.at][0] in signs
        self.at += found
        return found

    def _expect(self, sign: str) -> None:
        if not self._sign(sign):
            place = self.tokens[self.at][1] if self.at < len(self.tokens) else self.end
            raise self._wrong(place, f"{sign} is missing here")

    @property
    def _number(self) -> str:
        return _line_number(self.text, self.start)

    def _wrong(self, place: Place, message: str) -> KgreasonError:
        return QuerySyntaxError(
            f"{self._number}: {message}", remedy=_EXAMPLE, text=self.text, place=place
        )

    def _unsupported(self, place: Place, message: str) -> KgreasonError:
        return UnsupportedError(
            f"{self._number}: {message}", remedy=_EXAMPLE, text=self.text, place=place
        )


def _figures(text: str) -> Figures | None:
    match = _FIGURES.fullmatch(text)
    if match is None:
        return None
    try:
        found = Figures(int(match[1]), float(match[2]), float(match[3]))
    except ValueError:
        return None
    return found if 0 <= found.confidence <= 1 and 0 <= found.pca <= 1 else None


def _split(line: str) -> tuple[str, str]:
    """The rule and its comment: the first # outside quotes and IRIs."""
    for match in _TOKEN.finditer(line):
        if match[0] == "#":
            return line[: match.start()], line[match.end() :]
    return line, ""


def _spell_atom(relation: int, left: str, right: str, vocabulary: Vocabulary) -> str:
    name = vocabulary.relation(relation // 2)
    if not _BARE.fullmatch(name):
        name = json.dumps(name, ensure_ascii=False)
    ends = (right, left) if relation % 2 else (left, right)
    return f"{name}({ends[0]},{ends[1]})"


def _line_number(text: str, at: int) -> str:
    return f"line {text.count(chr(10), 0, at) + 1}"


def _line_at(text: str, start: int) -> str:
    return text[start:].split("\n", 1)[0]
