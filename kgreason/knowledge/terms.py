"""The written forms of names: IRIs, literals, blank nodes, plain names."""

from __future__ import annotations

import re
from collections.abc import Mapping
from types import MappingProxyType

import polars as pl

XSD_STRING = "http://www.w3.org/2001/XMLSchema#string"
RDFS_LABEL = "<http://www.w3.org/2000/01/rdf-schema#label>"
SKOS_LABEL = "<http://www.w3.org/2004/02/skos/core#prefLabel>"

KNOWN_PREFIXES: Mapping[str, str] = MappingProxyType(
    {
        "rdf": "http://www.w3.org/1999/02/22-rdf-syntax-ns#",
        "rdfs": "http://www.w3.org/2000/01/rdf-schema#",
        "owl": "http://www.w3.org/2002/07/owl#",
        "xsd": "http://www.w3.org/2001/XMLSchema#",
        "skos": "http://www.w3.org/2004/02/skos/core#",
    }
)

# The suffix is what makes a quoted name a literal; text may hold anything.
LITERAL_PATTERN = r'(?s)^"(.*)"(?:@([A-Za-z0-9-]+)|\^\^<([^<>]*)>)$'
LOCAL_NAME_PATTERN = r"^<[^<].*[#/:]([^#/:<>]+)>$"

_LITERAL = re.compile(LITERAL_PATTERN)
# Possessive: a group that may be given back takes a hundred bytes for each character.
_SIMPLE_LITERAL = re.compile(r'(?s)"(?:[^"\\]++|\\.)*+"')
_LOCAL_PART = re.compile(r"[A-Za-z0-9_](?:[\w.\-]*[\w\-])?")
_ESCAPE = re.compile(r'\\(?:u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|([tbnrf"\'\\]))')
_ESCAPED = {"t": "\t", "b": "\b", "n": "\n", "r": "\r", "f": "\f"}


def canonical(name: str) -> str:
    """A literal written without datatype or language gets its datatype, `xsd:string`."""
    if name.startswith('"') and name.endswith('"') and _SIMPLE_LITERAL.fullmatch(name):
        return f"{name}^^<{XSD_STRING}>"
    return name


def literal_parts(name: str) -> tuple[str, str | None, str | None] | None:
    """(text, language, datatype IRI) of a literal's name; None when it is not a literal."""
    match = _LITERAL.fullmatch(name)
    return (unescape(match[1]), match[2], match[3]) if match else None


def unescape(text: str) -> str:
    """Resolve the escapes of an N-Triples literal."""
    if "\\" not in text:
        return text
    return _ESCAPE.sub(
        lambda m: chr(int(m[1] or m[2], 16)) if m[1] or m[2] else _ESCAPED.get(m[3], m[3]), text
    )


def literal_mask(names: pl.Series) -> pl.Series:
    """(names,) boolean: which names are literals."""
    return names.str.starts_with('"') & names.str.contains(LITERAL_PATTERN)


def local_names(names: pl.Series) -> pl.Series:
    """What follows the last `#`, `/` or `:` of each IRI; null where there is no such thing."""
    return names.str.extract(LOCAL_NAME_PATTERN)


def shorten(name: str, prefixes: Mapping[str, str]) -> str:
    """The prefixed form of an IRI or of a literal's datatype; else the name as it is."""
    if name.startswith('"'):
        return _shorten_literal(name, prefixes)
    if not (name.startswith("<") and name.endswith(">")):
        return name
    return _curie(name[1:-1], prefixes) or name


def _curie(iri: str, prefixes: Mapping[str, str]) -> str | None:
    fitting = [p for p, space in prefixes.items() if space and iri.startswith(space)]
    for prefix in sorted(fitting, key=lambda p: -len(prefixes[p])):
        local = iri[len(prefixes[prefix]) :]
        if _LOCAL_PART.fullmatch(local):
            return f"{prefix}:{local}"
    return None


def _shorten_literal(name: str, prefixes: Mapping[str, str]) -> str:
    match = _LITERAL.fullmatch(name)
    if match is None or match[3] is None:
        return name
    text = name[: match.end(1) + 1]
    if match[3] == XSD_STRING:
        return text
    short = _curie(match[3], prefixes)
    return f"{text}^^{short}" if short else name
