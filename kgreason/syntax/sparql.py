"""SPARQL text to a question, through rdflib's grammar and algebra."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from threading import Lock
from typing import Any

import pyparsing as pp

from kgreason.errors import KgreasonError, Place, QuerySyntaxError, UnsupportedError
from kgreason.formula import Query
from kgreason.syntax.limits import MAX_DEPTH, check_text, recursion
from kgreason.syntax.sparql_algebra import Translator
from kgreason.syntax.sparql_places import expanded, number
from kgreason.syntax.sparql_terms import Source
from kgreason.syntax.sparql_text import Token, check_words, resolved_prefixes, tokens

_FORMS = "a question starts with SELECT or ASK, after its PREFIX lines"
# rdflib keeps the switch that rewrites literals ("05" to "5") in a module variable.
_RDFLIB = Lock()


def parse_sparql(text: str, prefixes: Mapping[str, str] | None = None) -> Query[str]:
    """The question a SPARQL SELECT or ASK text asks; answers are a set, ranked by truth.

    Variables that are not selected are existential, inside the branch or group that alone uses
    them. `?score` stands for the truth. `prefixes` are known without a PREFIX line. Literals are
    compared as terms: `=` does not equate 5 with 5.0.

    Errors:
        QuerySyntaxError: not SPARQL 1.1; UnsupportedError: SPARQL that has no truth value here;
        UnknownNameError: an undeclared prefix; LimitError: too long or too deep.
    """
    check_text(text)
    text = _CODE_POINT.sub(_code_point, text)
    found = tokens(text)
    check_words(text, found)
    known = resolved_prefixes(text, found, dict(prefixes or {}))
    _check_blank_nodes(text, found)
    # rdflib takes about fifty frames per level of its grammar.
    with recursion(text, frames=100 * MAX_DEPTH):
        parsed = _parsed(text, found, known)
        translator = Translator(Source(text, found, known))
        prepared = translator.prepared(parsed)
        try:
            with _rdflib_as_written():
                algebra = _algebra(prepared, known)
        except (KgreasonError, RecursionError):
            raise
        except Exception as error:
            raise UnsupportedError(
                f"rdflib cannot translate the question: {error}", text=text, place=Place(0, 1)
            ) from error
        return translator.query(algebra)


_CODE_POINT = re.compile(r"\\\\|\\u([0-9A-Fa-f]{4})|\\U([0-9A-Fa-f]{8})")


def _code_point(match: re.Match[str]) -> str:
    digits = match[1] or match[2]
    if digits is None:
        return match[0]
    number = int(digits, 16)
    if number > 0x10FFFF or 0xD800 <= number <= 0xDFFF:
        raise QuerySyntaxError(
            f"{match[0]} is not a character",
            text=match.string,
            place=Place(match.start(), match.end()),
        )
    return chr(number)


def _check_blank_nodes(text: str, found: list[Token]) -> None:
    groups: dict[str, int] = {}
    for token in found:
        if token.kind == "blank" and groups.setdefault(token.text, token.group) != token.group:
            raise QuerySyntaxError(
                f"the blank node {token.text} stands in two groups; its scope is one",
                remedy=f"use a variable, ?{token.text[2:]}",
                text=text,
                place=token.place,
            )


class _Farthest:
    """Where the grammar got stuck: the last place at which any token was tried in vain."""

    def __init__(self) -> None:
        self.place = -1
        self.expected: set[str] = set()

    def record(self, _: str, place: int, element: Any, __: Exception) -> None:
        if place > self.place:
            self.place, self.expected = place, set()
        if place == self.place:
            self.expected.add(element.name)


@cache
def _grammar() -> tuple[Any, _Farthest]:
    """A copy of rdflib's grammar that keeps tabs and says where it got stuck."""
    from copy import deepcopy

    from rdflib.plugins.sparql import parser

    grammar = deepcopy(parser.Query).parse_with_tabs()
    farthest = _Farthest()
    todo, seen = [grammar], set()
    while todo:
        element = todo.pop()
        if id(element) in seen:
            continue
        seen.add(id(element))
        todo.extend(getattr(element, "exprs", None) or ())
        if getattr(element, "expr", None) is not None:
            todo.append(element.expr)
        if isinstance(element, pp.Token):
            element.set_fail_action(farthest.record)
    return grammar, farthest


@contextmanager
def _rdflib_as_written() -> Iterator[None]:
    """Literals stay as written while rdflib reads them, and its doubts are not logged."""
    import rdflib

    log = logging.getLogger("rdflib.term")
    with _RDFLIB:
        before, disabled = rdflib.NORMALIZE_LITERALS, log.disabled
        rdflib.NORMALIZE_LITERALS, log.disabled = False, True
        try:
            yield
        finally:
            rdflib.NORMALIZE_LITERALS, log.disabled = before, disabled


def _parsed(text: str, found: list[Token], prefixes: Mapping[str, str]) -> Any:
    grammar, farthest = _grammar()
    with _rdflib_as_written():
        farthest.place, farthest.expected = -1, set()
        try:
            parsed = grammar.parse_string(text, parse_all=True)
            exact = _as_written(text, found, prefixes)
            return parsed if exact == text else grammar.parse_string(exact, parse_all=True)
        except pp.ParseBaseException as error:
            stuck, expected = max(farthest.place, error.loc), set(farthest.expected)
        except RecursionError:
            raise
        except Exception as error:
            raise QuerySyntaxError(
                f"not a SPARQL question: {error}", text=text, place=Place(0, 1)
            ) from error
    raise _syntax_error(text, found, stuck, expected)


def _as_written(text: str, found: list[Token], prefixes: Mapping[str, str]) -> str:
    r"""The text with -5.0 as a typed literal and ex:a\,b as an IRI, which rdflib would change."""
    pieces, start = [], 0
    for token in found:
        if token.group < 0:
            continue
        if token.kind == "number" and token.text[0] in "+-":
            pieces += [text[start : token.place.start], number(token.text)]
            start = token.place.end
        elif token.kind == "prefixed" and "\\" in token.text:
            pieces += [text[start : token.place.start], expanded(token.text, prefixes)]
            start = token.place.end
    return "".join([*pieces, text[start:]])


def _syntax_error(
    text: str, found: list[Token], stuck: int, expected: set[str]
) -> QuerySyntaxError:
    here = next((token for token in found if token.place.end > stuck), None)
    end = len(text.rstrip())
    came = f"found {here.text[:40]!r}" if here else "the question ends here"
    options = sorted(name for name in expected if len(name) <= 12 and name.startswith("'"))
    if 0 < len(options) <= 5:
        came = f"expected {' or '.join(options)}, {came}"
    elif {"'?'", "'$'"} <= expected:
        came = f"expected a term or a variable, {came}"
    elif here:
        came = f"{here.text[:40]!r} cannot stand here"
    return QuerySyntaxError(
        came,
        text=text,
        place=here.place if here else Place(end, end + 1),
        remedy=_FORMS if stuck == 0 else None,
    )


def _algebra(parsed: Any, prefixes: Mapping[str, str]) -> Any:
    from rdflib.plugins.sparql.algebra import translateQuery

    return translateQuery(parsed, None, dict(prefixes)).algebra
