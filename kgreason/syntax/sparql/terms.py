"""The names that terms of a SPARQL text stand for."""

from __future__ import annotations

import re
from collections.abc import Mapping
from difflib import get_close_matches

from kgreason.errors import Place, QuerySyntaxError, UnknownNameError
from kgreason.formula import Constant
from kgreason.syntax.names import WELL_KNOWN, XSD, literal, unquoted
from kgreason.syntax.sparql.iris import resolved
from kgreason.syntax.sparql.tokens import Token

_LOCAL_ESCAPE = re.compile(r"\\(.)")
_DATATYPES = (("e", "double"), (".", "decimal"), ("", "integer"))
RDF_TYPE, RDF_FIRST, RDF_REST, RDF_NIL = (
    f"<{WELL_KNOWN['rdf']}{name}>" for name in ("type", "first", "rest", "nil")
)


class TermReader:
    """Reads terms from tokens; prefixes and base are those declared so far.

    Known without a declaration are the prefixes given, and rdf, rdfs, xsd and owl.
    """

    def __init__(self, text: str, found: list[Token], prefixes: Mapping[str, str]) -> None:
        self.text = text
        self.found = found
        self.prefixes = WELL_KNOWN | dict(prefixes)
        self.base: str | None = None

    def iri(self, token: Token) -> str | None:
        """The IRI of a token that is one, between angle brackets.

        Errors:
            UnknownNameError: a prefix that nobody declares.
        """
        if token.kind == "iri":
            return f"<{self.resolved(token.text[1:-1])}>"
        if token.kind == "prefixed":
            prefix, _, local = token.text.partition(":")
            if prefix not in self.prefixes:
                raise self._undeclared(prefix, token)
            return f"<{self.prefixes[prefix]}" + _LOCAL_ESCAPE.sub(r"\1", local) + ">"
        return None

    def _undeclared(self, prefix: str, token: Token) -> UnknownNameError:
        near = get_close_matches(prefix, self.prefixes, n=3, cutoff=0.4)
        return UnknownNameError(
            f"no prefix {prefix!r} is declared",
            remedy=f"nearest: {', '.join(near or sorted(self.prefixes)[:5])}; "
            f"or declare PREFIX {prefix}: <…>",
            text=self.text,
            place=Place(token.place.start, token.place.start + len(prefix) + 1),
        )

    def resolved(self, iri: str) -> str:
        """An IRI as it is relative to the base, if there is a base."""
        return iri if self.base is None else resolved(self.base, iri)

    def constant(self, index: int) -> tuple[Constant[str], int] | None:
        """The IRI or literal that begins at a token, and the index after it."""
        token = self.found[index]
        name, after = self.iri(token), index + 1
        if token.kind == "number":
            name = _number(token.text)
        elif token.word in ("TRUE", "FALSE"):
            name = literal(token.text.lower(), datatype=XSD + "boolean")
        elif token.kind == "string":
            name, after = self._string(index)
        if name is None:
            return None
        return Constant(name, Place(token.place.start, self.found[after - 1].place.end)), after

    def _string(self, index: int) -> tuple[str, int]:
        text = self.found[index].text
        long = text[:3] in ('"""', "'''") and len(text) >= 6
        try:
            value = unquoted(text[2:-2] if long else text)
        except ValueError as error:
            raise QuerySyntaxError(
                str(error),
                remedy=r"the escapes are \" \' \\ \n \r \t \b \f \uXXXX \UXXXXXXXX",
                text=self.text,
                place=self.found[index].place,
            ) from None
        after = self.found[index + 1 : index + 3]
        if after and after[0].kind == "language":
            return literal(value, language=after[0].text[1:]), index + 2
        if after and after[0].text == "^^":
            datatype = self.iri(after[1]) if len(after) == 2 else None
            if datatype is None:
                raise QuerySyntaxError(
                    "expected the IRI of a datatype after ^^", text=self.text, place=after[0].place
                )
            return literal(value, datatype=datatype[1:-1]), index + 3
        return literal(value), index + 1


def _number(text: str) -> str:
    """The literal that a number written without quotes stands for."""
    datatype = next(kind for sign, kind in _DATATYPES if sign in text.lower())
    return literal(text, datatype=XSD + datatype)
