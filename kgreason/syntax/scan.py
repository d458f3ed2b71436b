"""A linear look at EFO text before its grammar: strange signs, brackets and depth."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass

from kgreason.errors import KgreasonError, Place, QuerySyntaxError, UnsupportedError
from kgreason.syntax.limits import MAX_DEPTH, too_deep
from kgreason.syntax.names import BARE, EXACT

_TOKEN = re.compile(
    rf"""(?P<nothing>\s+|\#[^\n]*)
    |(?P<exact>{EXACT})
    |(?P<mark>[?$]\w+)
    |(?P<open>\()|(?P<close>\))
    |(?P<not>!(?!=)|[~¬]|(?i:not)(?![\w/:%+'-]))
    |(?P<exists>∃|(?i:exists)(?![\w/:%+'-]))
    |(?P<sign>!=|[≠=&|∧∨,.:^])
    |(?P<bare>{BARE}|(?i:and|or))
    |(?P<other>.)""",
    re.VERBOSE | re.DOTALL,
)
_DECLARED = re.compile(
    r"(?P<nothing>\s+|#[^\n]*)|(?P<mark>\?\w+)|(?P<bare>(?!(?i:exists|not)\b)\w+)|(?P<sign>[,.])"
)
_FORALL = "∀"
_REMEDIES = {
    '"': "a quoted name ends on the same line, with another quote",
    "'": 'names are quoted like "this one"',
    "`": 'names are quoted like "this one"',
    "<": "an IRI is written <http://example.org/x>, without spaces",
    "{": "groups are written in round brackets ( )",
    "}": "groups are written in round brackets ( )",
    "[": "groups are written in round brackets ( )",
    "]": "groups are written in round brackets ( )",
    "?": "a variable is written ?x",
    "$": "a slot is written $x",
    ";": "statements are joined by & or |",
    "→": "write a → b as !a | b",
    "⇒": "write a ⇒ b as !a | b",
}


@dataclass(frozen=True, slots=True)
class Token:
    """A piece of EFO text and what it is."""

    kind: str
    text: str
    place: Place


def tokens(text: str) -> list[Token]:
    """The pieces of a text without white space and comments; an unknown sign has kind `other`."""
    found: list[Token] = []
    start, declaring = 0, False
    while start < len(text):
        # In `exists x.r(x, y)` the dot ends the quantifier; elsewhere a name may hold dots.
        match = (_DECLARED.match(text, start) if declaring else None) or _TOKEN.match(text, start)
        if match is None:  # never: `other` takes any character
            break
        start, kind = match.end(), match.lastgroup or "other"
        if kind != "nothing":
            found.append(Token(kind, match[0], Place(match.start(), start)))
            declaring = kind == "exists" or (
                declaring and match[0] != "." and match.re is _DECLARED
            )
    return found


def check_shape(text: str, found: list[Token]) -> None:
    """Raises for a sign no question has, a bracket without partner, or too deep a nesting."""
    open_brackets: list[tuple[Token, int]] = []
    depth = pending = 0
    for token in found:
        if token.kind == "other":
            raise _strange(text, token)
        if token.kind == "not":
            pending += 1
        elif token.kind == "exists":
            # A quantifier reaches to the end of its bracket, so it stays open until there.
            depth, pending = depth + pending + 1, 0
        elif token.kind == "open":
            open_brackets.append((token, depth))
            depth, pending = depth + pending + 1, 0
        elif token.kind == "close":
            if not open_brackets:
                raise QuerySyntaxError("this bracket closes nothing", text=text, place=token.place)
            depth, pending = open_brackets.pop()[1], 0
        else:
            pending = 0
        if depth + pending > MAX_DEPTH:
            raise too_deep(text, token.place)
    if open_brackets:
        raise QuerySyntaxError(
            "this bracket is never closed", text=text, place=open_brackets[-1][0].place
        )


def _strange(text: str, token: Token) -> KgreasonError:
    sign = token.text
    if sign == _FORALL:
        return UnsupportedError(
            "questions have no ∀",
            text=text,
            place=token.place,
            remedy="write ∀x. a as !(exists x . !(a))",
        )
    named = f"'{sign}'" if sign.isprintable() else unicodedata.name(sign, f"U+{ord(sign):04X}")
    return QuerySyntaxError(
        f"a question has no {named} here" if sign in '"?$<' else f"a question has no {named}",
        text=text,
        place=token.place,
        remedy=_REMEDIES.get(sign, "a name with unusual signs stands in quotes"),
    )
