"""The grammar of EFO text: what stands where, whatever the words mean.

The parser keeps the groups that are open on a list of its own, so nesting costs no stack.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Literal, Protocol

from kgreason.errors import Place
from kgreason.formula import Formula, Not, Variable, conjunction, disjunction
from kgreason.syntax.names import BARE, EXACT, IRI

Kind = Literal["variable", "slot", "bare", "exact"]


@dataclass(frozen=True, slots=True)
class Word:
    """A term or relation as written: `?x`, `$x`, a bare name, or an exact one (`<x>`, `"x"`)."""

    kind: Kind
    text: str
    place: Place


class Meaning(Protocol):
    """What the parts of a question mean, told in the order of the text."""

    def enter(self, words: list[Word]) -> tuple[Variable, ...]:
        """Variables of a quantifier, before its body."""
        ...

    def leave(
        self, words: list[Word], declared: tuple[Variable, ...], body: Formula[str]
    ) -> Formula[str]:
        """The same quantifier, after its body."""
        ...

    def link(self, relation: Word, inverse: bool, arguments: list[Word]) -> Formula[str]:
        """`relation(arguments)`, with as many arguments as were written."""
        ...

    def comparison(
        self, left: Word, right: Word, equal: bool, inverse: Place | None
    ) -> Formula[str]:
        """`left = right`, or `left != right`."""
        ...


class ExpectedError(Exception):
    """Something else should stand at an offset of the text."""

    def __init__(self, expected: str, start: int) -> None:
        super().__init__(expected)
        self.expected = expected
        self.start = start


_AFTER_KEYWORD = r"(?![\w/:%+'-])"
TERM, OPEN, CLOSE = "an entity or a variable", "'('", "')'"
STATEMENT, CONNECTIVE, QUESTION_COLON = "a statement", "'&' or '|'", "':'"
ARGUMENTS, DOT, INNER, END = "'(' or '='", "'.'", "a variable", "the end of the question"
HEAD, DECLARATION = "an answer variable such as ?y", "an IRI such as <http://example.org/>"
PREFIX = "a prefix such as ex:"

_NOTHING = re.compile(r"(?:\s|#[^\n]*+)*+")
_SIGNS = {
    name: re.compile(pattern)
    for name, pattern in {
        "not": rf"!(?!=)|[~¬]|(?i:not){_AFTER_KEYWORD}",
        "exists": rf"∃|(?i:exists){_AFTER_KEYWORD}",
        "and": rf"&&?|∧|(?i:and){_AFTER_KEYWORD}",
        "or": rf"\|\|?|∨|(?i:or){_AFTER_KEYWORD}",
        "equal": "=",
        "unequal": "!=|≠",
        "prefix": r"(?i:prefix)(?=\s+[\w.-]*:)",
        "prefix name": r"[\w.-]*:",
        "ask": r"(?i:ask)(?!\w)",
        "iri": IRI,
        **{sign: re.escape(sign) for sign in "().,:^"},
    }.items()
}
_TERM = re.compile(rf"(?P<variable>\?\w+)|(?P<slot>\$\w+)|(?P<exact>{EXACT})|(?P<bare>{BARE})")
_VARIABLE = re.compile(r"(?P<variable>\?\w+)")
_INNER = re.compile(r"(?P<variable>\?\w+|(?!(?i:exists|and|or|not)\b)\w+)")


@dataclass
class _Group:
    """A bracket, a quantifier or the whole question, as far as it has been read."""

    words: list[Word] | None = None
    declared: tuple[Variable, ...] = ()
    is_bracket: bool = False
    negations: int = 0
    options: list[Formula[str]] = field(default_factory=list)
    parts: list[Formula[str]] = field(default_factory=list)

    def add(self, part: Formula[str]) -> None:
        """One more conjunct, under the signs of negation before it."""
        for _ in range(self.negations):
            part = Not(part)
        self.negations = 0
        self.parts.append(part)

    def close_option(self) -> None:
        """A ∨, or the end, closes a conjunction."""
        self.options.append(conjunction(self.parts))
        self.parts = []

    def formula(self) -> Formula[str]:
        """What stands in the group."""
        self.close_option()
        return disjunction(self.options)


class Parser:
    """Reads a text from left to right. Its methods raise ExpectedError where they cannot go on."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.start = 0
        self._skip()

    def declarations(self) -> dict[str, str]:
        """The `prefix ex: <…>` lines."""
        found: dict[str, str] = {}
        while self._take("prefix") is not None:
            name = self._need("prefix name", PREFIX)
            found[name[:-1]] = self._need("iri", DECLARATION)[1:-1]
        return found

    def answers(self) -> list[Word]:
        """The answer variables, none after `ask`; and the colon."""
        found = [] if self._take("ask") is not None else self._listed(_VARIABLE, HEAD)
        self._need(":", QUESTION_COLON)
        return found

    def formula(self, meaning: Meaning) -> Formula[str]:
        """Everything up to the end of the text."""
        groups = [_Group()]
        while True:
            self._open(groups, meaning)
            part = self._statement(meaning)
            while True:
                group = groups[-1]
                group.add(part)
                if self._take("and") is not None:
                    break
                if self._take("or") is not None:
                    group.close_option()
                    break
                self._check_end(groups)
                part = group.formula()
                if group.words is not None:
                    part = meaning.leave(group.words, group.declared, part)
                elif group.is_bracket:
                    self._take(")")
                else:
                    return part
                groups.pop()

    def _check_end(self, groups: list[_Group]) -> None:
        """Quantifiers end together with the bracket around them, or with the text."""
        inside = any(group.is_bracket for group in reversed(groups))
        if self.text[self.start : self.start + 1] != (")" if inside else ""):
            raise ExpectedError(CLOSE if inside else END, self.start)

    def _open(self, groups: list[_Group], meaning: Meaning) -> None:
        """Signs, quantifiers and brackets before a statement."""
        while True:
            if self._take("not") is not None:
                groups[-1].negations += 1
            elif self._take("exists") is not None:
                words = self._listed(_INNER, INNER)
                self._need(".", DOT)
                groups.append(_Group(words, meaning.enter(words)))
            elif self._take("(") is not None:
                groups.append(_Group(is_bracket=True))
            else:
                return

    def _statement(self, meaning: Meaning) -> Formula[str]:
        at = self.start
        caret = Place(at, at + 1) if self._take("^") is not None else None
        first = self._word(_TERM, TERM if caret else STATEMENT)
        if self._take("(") is not None:
            arguments = self._arguments()
            return meaning.link(first, caret is not None, arguments)
        equal = self._take("equal") is not None
        if not equal:
            self._need("unequal", ARGUMENTS)
        return meaning.comparison(first, self._word(_TERM, TERM), equal, caret)

    def _arguments(self) -> list[Word]:
        if self._take(")") is not None:
            return []
        found = [self._word(_TERM, TERM)]
        while self._take(",") is not None:
            found.append(self._word(_TERM, TERM))
        self._need(")", CLOSE)
        return found

    def _listed(self, pattern: re.Pattern[str], expected: str) -> list[Word]:
        """One or more words, with commas between them or not."""
        found = [self._word(pattern, expected)]
        while True:
            before = self.start
            self._take(",")
            if pattern.match(self.text, self.start) is None:
                self.start = before
                return found
            found.append(self._word(pattern, expected))

    def _word(self, pattern: re.Pattern[str], expected: str) -> Word:
        match = pattern.match(self.text, self.start)
        if match is None:
            raise ExpectedError(expected, self.start)
        self.start = match.end()
        self._skip()
        return Word(match.lastgroup, match[0], Place(*match.span()))  # type: ignore[arg-type]

    def _take(self, sign: str) -> str | None:
        match = _SIGNS[sign].match(self.text, self.start)
        if match is None:
            return None
        self.start = match.end()
        self._skip()
        return match[0]

    def _need(self, sign: str, expected: str) -> str:
        found = self._take(sign)
        if found is None:
            raise ExpectedError(expected, self.start)
        return found

    def _skip(self) -> None:
        """White space and comments."""
        found = _NOTHING.match(self.text, self.start)
        self.start = found.end() if found else self.start
