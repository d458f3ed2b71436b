"""One entrance for question texts of any language."""

from __future__ import annotations

import re
from collections.abc import Mapping

from kgreason.choose import require
from kgreason.formula import Query
from kgreason.syntax.efo import parse_efo
from kgreason.syntax.sparql import parse_sparql

_SPACE = r"(?:\s|\#[^\n]*+)*+"
_DECLARATIONS = rf"{_SPACE}(?:(?:prefix{_SPACE}[\w.-]*:|base){_SPACE}<[^>]*>{_SPACE})*+"
_EFO = re.compile(rf"{_DECLARATIONS}(?:\?|ask{_SPACE}:)", re.IGNORECASE)
_SPARQL = re.compile(
    rf"{_DECLARATIONS}(?:select|ask|construct|describe|insert|delete|load|clear|drop|create|with"
    r"|base)(?![\w:(])",
    re.IGNORECASE,
)
LANGUAGES = ("auto", "efo", "sparql")


def detect(text: str) -> str:
    """`sparql` or `efo`, by the first word after the prefixes, else by SPARQL's `{`."""
    if _EFO.match(text):
        return "efo"
    return "sparql" if _SPARQL.match(text) or "{" in text else "efo"


def parse(
    text: str, language: str = "auto", prefixes: Mapping[str, str] | None = None
) -> Query[str]:
    """The question a text asks, in EFO notation or SPARQL; `auto` looks at its first word.

    Errors:
        UsageError: an unknown language; otherwise those of `parse_efo` and `parse_sparql`.
    """
    require("question language", language, LANGUAGES)
    chosen = detect(text) if language == "auto" else language
    return (parse_sparql if chosen == "sparql" else parse_efo)(text, prefixes)
