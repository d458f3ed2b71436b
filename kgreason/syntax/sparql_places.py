"""Where each name of a SPARQL text stands, for errors about names nobody knows."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kgreason.errors import Place
from kgreason.syntax.names import WELL_KNOWN, XSD, literal, unquoted
from kgreason.syntax.sparql_text import Token

_LOCAL_ESCAPE = re.compile(r"\\(.)")
_DATATYPES = (("e", "double"), (".", "decimal"), ("", "integer"))


def places(found: list[Token], prefixes: Mapping[str, str]) -> dict[str, Place]:
    """The first place of every IRI and literal inside the groups, by its name in a question."""
    result: dict[str, Place] = {}
    for index, token in enumerate(found):
        if token.group < 0:
            continue
        name = _name(found, index, prefixes)
        if name is not None:
            result.setdefault(name, token.place)
    return result


def expanded(text: str, prefixes: Mapping[str, str]) -> str:
    """The IRI of a prefixed name, its escapes resolved."""
    prefix, _, local = text.partition(":")
    return f"<{prefixes.get(prefix, '')}" + _LOCAL_ESCAPE.sub(r"\1", local) + ">"


def number(text: str) -> str:
    """The literal that a number written without quotes stands for."""
    datatype = next(kind for sign, kind in _DATATYPES if sign in text.lower())
    return literal(text, datatype=XSD + datatype)


def _name(found: list[Token], index: int, prefixes: Mapping[str, str]) -> str | None:
    token = found[index]
    if token.kind == "iri":
        return token.text
    if token.kind == "prefixed":
        return expanded(token.text, prefixes)
    if token.text == "a" and token.kind == "word":
        return f"<{WELL_KNOWN['rdf']}type>"
    if token.word in ("TRUE", "FALSE"):
        return literal(token.text.lower(), datatype=XSD + "boolean")
    if token.kind == "number":
        return number(token.text)
    if token.kind == "string":
        return _literal(found, index, prefixes)
    return None


def _literal(found: list[Token], index: int, prefixes: Mapping[str, str]) -> str | None:
    text = found[index].text
    long = text[:3] in ('"""', "'''") and len(text) >= 6
    try:
        value = unquoted(text[2:-2] if long else text)
    except ValueError:
        return None
    after = found[index + 1 : index + 3]
    if after and after[0].kind == "language":
        return literal(value, language=after[0].text[1:])
    if len(after) == 2 and after[0].text == "^^":
        datatype = _name(found, index + 2, prefixes) or "<>"
        return literal(value, datatype=datatype[1:-1])
    return literal(value)
