"""SPARQL text to a question: tokens, what is refused by its word, a tree, its meaning."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kgreason.errors import Place, QuerySyntaxError
from kgreason.formula import Query
from kgreason.syntax.limits import check_text
from kgreason.syntax.sparql.grammar import Parser
from kgreason.syntax.sparql.meaning import Translator
from kgreason.syntax.sparql.tokens import Token, tokens
from kgreason.syntax.sparql.words import check_words

__all__ = ["parse_sparql"]


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
    _check_blank_nodes(text, found)
    translator = Translator(text, found)
    return translator.query(Parser(text, found, prefixes or {}, translator.fresh).question())


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
                f"the blank node {token.shown} stands in two groups; its scope is one",
                remedy=f"use a variable, ?{token.text[2:]}",
                text=text,
                place=token.place,
            )
