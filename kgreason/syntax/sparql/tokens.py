"""SPARQL text cut into tokens, each knowing its surroundings."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kgreason.errors import Place, QuerySyntaxError, UnsupportedError
from kgreason.syntax.limits import MAX_DEPTH, too_deep
from kgreason.syntax.names import IRI

_LOCAL = r"%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?#@%]"
_TOKEN = re.compile(
    rf"""(?P<nothing>\s+|\#[^\n]*)
    |(?P<iri>{IRI})
    |(?P<string>\"\"\"(?:"{{0,2}}(?:[^"\\]|\\.))*\"\"\"|'''(?:'{{0,2}}(?:[^'\\]|\\.))*'''
        |"(?:[^"\\\n\r]|\\.)*"|'(?:[^'\\\n\r]|\\.)*')
    |(?P<language>@[A-Za-z]+(?:-[A-Za-z0-9]+)*)
    |(?P<variable>[?$]\w+)
    |(?P<number>[+-]?(?:\d*\.\d+|\d+)(?:[eE][+-]?\d+)?)
    |(?P<blank>_:[\w.-]*[\w-])
    |(?P<prefixed>(?:[^\W\d_](?:[\w.-]{{0,200}}[\w-])?)?:(?:(?:[\w:.-]|{_LOCAL})*(?:[\w:-]|{_LOCAL}))?)
    |(?P<word>[^\W\d]\w*)
    |(?P<sign>\^\^|&&|\|\||!=|<=|>=|[{{}}()\[\].;,=<>!*+\-/|^?])
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of SPARQL; `within` is `head` outside every group, else `pattern` or `expression`.

    `group` is the position of the innermost `{` around it, −1 outside every group.
    """

    kind: str
    text: str
    place: Place
    within: str
    group: int

    @property
    def word(self) -> str:
        """A keyword in capitals; nothing for any other token."""
        return self.text.upper() if self.kind == "word" else ""


_PARTNER = {")": "(", "]": "[", "}": "{"}


def tokens(text: str) -> list[Token]:
    """The tokens of a SPARQL text, with brackets that match and are not too deep.

    Errors:
        QuerySyntaxError: a bracket without partner or a sign SPARQL does not have; LimitError.
    """
    found: list[Token] = []
    surroundings: list[tuple[Token, str, int]] = []  # what was open before each open bracket
    within, group = "head", -1
    ordering = False
    for match in _TOKEN.finditer(text):
        kind, value = match.lastgroup or "other", match[0]
        if kind == "nothing":
            continue
        place = Place(match.start(), match.end())
        if value in _PARTNER:
            if not surroundings or surroundings[-1][0].text != _PARTNER[value]:
                raise QuerySyntaxError(f"this {value} closes nothing", text=text, place=place)
            _, within, group = surroundings.pop()
        token = Token(kind, value, place, within, group)
        if kind == "other":
            raise _strange(text, token)
        before = found[-1].word if found else ""
        found.append(token)
        if value in ("(", "[", "{"):
            surroundings.append((token, within, group))
            if len(surroundings) > MAX_DEPTH:
                raise too_deep(text, place)
            if value == "{":
                within, group = "pattern", place.start
            elif before == "FILTER" or (within == "head" and ordering):
                within = "expression"
        ordering = (ordering or token.word == "BY") and token.word not in ("LIMIT", "VALUES")
    if surroundings:
        bracket = surroundings[-1][0]
        raise QuerySyntaxError(
            f"this {bracket.text} is never closed", text=text, place=bracket.place
        )
    return found


def _strange(text: str, token: Token) -> QuerySyntaxError:
    quote = token.text in "\"'"
    return QuerySyntaxError(
        "this string is never closed" if quote else f"SPARQL has no {token.text!r} here",
        text=text,
        place=token.place,
    )


def unsupported(what: str, text: str, place: Place | None, remedy: str | None) -> UnsupportedError:
    """The error for SPARQL that is valid and has no truth value here."""
    return UnsupportedError(f"{what} is not supported", text=text, place=place, remedy=remedy)
