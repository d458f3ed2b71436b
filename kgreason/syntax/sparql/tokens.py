"""SPARQL text cut into tokens, each knowing its surroundings."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kgreason.errors import Place, QuerySyntaxError, UnsupportedError
from kgreason.syntax.limits import MAX_DEPTH, too_deep
from kgreason.syntax.names import IRI

# The characters of names. Source: SPARQL 1.1, section 19.8, PN_CHARS_BASE and those after it.
_LETTER = (
    "A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c-\u200d"
    "\u2070-\u218f\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd\U00010000-\U000effff"
)
_START = f"{_LETTER}_0-9"
_INNER = f"{_START}\u00b7\u0300-\u036f\u203f-\u2040"
_ESCAPED = r"%[0-9A-Fa-f]{2}|\\[_~.\-!$&'()*+,;=/?#@%]"
_LOCAL = rf"(?:[{_START}:]|{_ESCAPED})(?:(?:[{_INNER}:.-]|{_ESCAPED})*(?:[{_INNER}:-]|{_ESCAPED}))?"
_TOKEN = re.compile(
    rf"""(?P<nothing>[ \t\r\n]+|\#[^\r\n]*)
    |(?P<iri>{IRI})
    |(?P<string>\"\"\"(?:"{{0,2}}(?:[^"\\]|\\.))*\"\"\"|'''(?:'{{0,2}}(?:[^'\\]|\\.))*'''
        |"(?:[^"\\\n\r]|\\.)*"|'(?:[^'\\\n\r]|\\.)*')
    |(?P<language>@[A-Za-z]+(?:-[A-Za-z0-9]+)*)
    |(?P<variable>[?$][{_START}][{_INNER}]*)
    |(?P<number>[+-]?(?:(?:[0-9]+\.[0-9]*|\.?[0-9]+)[eE][+-]?[0-9]+|[0-9]*\.[0-9]+|[0-9]+))
    |(?P<blank>_:[{_START}](?:[{_INNER}.-]*[{_INNER}-])?)
    |(?P<prefixed>(?:[{_LETTER}](?:[{_INNER}.-]{{0,200}}[{_INNER}-])?)?:(?:{_LOCAL})?)
    |(?P<word>[{_LETTER}_][{_INNER}]*)
    |(?P<sign>\^\^|&&|\|\||!=|<=|>=|[{{}}()\[\].;,=<>!*+\-/|^?])
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of SPARQL; `group` is where the innermost `{` around it stands, −1 for none."""

    kind: str
    text: str
    place: Place
    group: int

    @property
    def shown(self) -> str:
        """The text, or the beginning of a long one, for a message."""
        return self.text if len(self.text) <= 40 else f"{self.text[:39]}…"

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
    surroundings: list[tuple[Token, int]] = []  # each open bracket, and the group it stands in
    group = -1
    for match in _TOKEN.finditer(text):
        kind, value = match.lastgroup or "other", match[0]
        if kind == "nothing":
            continue
        place = Place(match.start(), match.end())
        if value in _PARTNER:
            if not surroundings or surroundings[-1][0].text != _PARTNER[value]:
                raise QuerySyntaxError(f"this {value} closes nothing", text=text, place=place)
            _, group = surroundings.pop()
        token = Token(kind, value, place, group)
        if kind == "other":
            raise _strange(text, token)
        found.append(token)
        if value in ("(", "[", "{"):
            surroundings.append((token, group))
            if len(surroundings) > MAX_DEPTH:
                raise too_deep(text, place)
            if value == "{":
                group = place.start
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
