"""How names are written: literals, IRIs, quoted labels, bare names, and their escapes.

A literal is written as pyoxigraph writes it (canonical N-Triples, language tags in lower case),
except that its datatype is never left out. Two spellings of one literal are one name.
"""

from __future__ import annotations

import re

XSD = "http://www.w3.org/2001/XMLSchema#"
WELL_KNOWN = {
    "owl": "http://www.w3.org/2002/07/owl#",
    "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
    "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
    "xsd": XSD,
}
"""Prefixes every question may use without declaring them."""

KEYWORDS = ("exists", "and", "or", "not")
"""Words of the EFO notation; a name that equals one of them is written in quotes."""

IRI = r"<[^<>\"{}|^`\\\x00-\x20]*>"
STRING = r'"(?:[^"\\\n\r]|\\[^\n\r])*"'
LANGUAGE = r"@[A-Za-z]+(?:-[A-Za-z0-9]+)*"
DATATYPE = rf"\^\^(?:{IRI}|[\w.-]*:[\w.-]*)"
EXACT = rf"{IRI}|{STRING}(?:{LANGUAGE}|{DATATYPE})?"
"""Anything that is certainly a name and never a variable: an IRI, a quoted label, a literal."""
BARE = (
    r"(?!(?i:exists|and|or|not)(?![\w/.:%+'-]))"
    r"[\w/:%+-](?:[\w/.:%+'-]*[\w/:%+'-])?"
)
"""A name without quotes; it may hold the signs that NELL and Freebase names hold."""

_ESCAPES = {"\t": "t", "\b": "b", "\n": "n", "\r": "r", "\f": "f", '"': '"', "\\": "\\"}
_UNESCAPES = {code: sign for sign, code in _ESCAPES.items()} | {"'": "'"}
_ESCAPE = re.compile(r"\\(u[0-9A-Fa-f]{4}|U[0-9A-Fa-f]{8}|.)", re.DOTALL)
_TO_ESCAPE = re.compile(r'["\\\x00-\x1f\x7f]')
_LITERAL = re.compile(rf"({STRING})(?:({LANGUAGE})|\^\^({IRI}))")
_BARE = re.compile(BARE)
_IRI = re.compile(IRI)


def quoted(value: str) -> str:
    """`value` between quotes, escaped as in N-Triples."""
    return '"' + _TO_ESCAPE.sub(_escape_sign, value) + '"'


def _escape_sign(match: re.Match[str]) -> str:
    sign = match[0]
    return "\\" + _ESCAPES[sign] if sign in _ESCAPES else f"\\u{ord(sign):04X}"


def unquoted(text: str) -> str:
    """The content of a quoted string; ValueError for an escape that stands for no character."""

    def sign(match: re.Match[str]) -> str:
        code = match[1]
        if len(code) == 1:
            if code not in _UNESCAPES:
                raise ValueError(f"\\{code} is not an escape")
            return _UNESCAPES[code]
        number = int(code[1:], 16)
        if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
            raise ValueError(f"\\{code} is not a character")
        return chr(number)

    return _ESCAPE.sub(sign, text[1:-1])


def literal(value: str, *, language: str | None = None, datatype: str | None = None) -> str:
    """The one name of a literal; neither language nor datatype makes it an xsd:string."""
    if language:
        return f"{quoted(value)}@{language.lower()}"
    return f"{quoted(value)}^^<{datatype or XSD + 'string'}>"


def is_iri(name: str) -> bool:
    """Whether a name is an IRI between angle brackets."""
    return _IRI.fullmatch(name) is not None


def is_literal(name: str) -> bool:
    """Whether a name is a literal in its one spelling."""
    match = _LITERAL.fullmatch(name)
    if match is None:
        return False
    try:
        value = unquoted(match[1])
    except ValueError:
        return False
    language, datatype = match[2], match[3]
    return name == literal(
        value,
        language=language[1:] if language else None,
        datatype=datatype[1:-1] if datatype else None,
    )


def is_bare(name: str) -> bool:
    """Whether a plain name may stand in EFO text without quotes."""
    return _BARE.fullmatch(name) is not None
