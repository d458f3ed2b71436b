"""What of SPARQL is refused by its word alone."""

from __future__ import annotations

from difflib import get_close_matches

from kgreason.errors import QuerySyntaxError
from kgreason.syntax.sparql.tokens import Token, unsupported


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_OTHER_FORM = "ask with SELECT or ASK"
_BY_TRUTH = "the truth of an answer is ?score: it can be selected and ordered by"
_REFUSED = {
    "OPTIONAL": "an optional part changes no truth: ask it as a question of its own",
    "BIND": "write the term where it is used, or VALUES",
    "GRAPH": "all facts are in one graph",
    "SERVICE": "load the other graph's facts first",
    "LATERAL": "subqueries are questions of their own",
    "FROM": "name the graph where it is loaded",
    "CONSTRUCT": _OTHER_FORM,
    "DESCRIBE": _OTHER_FORM,
    "GROUP": _BY_TRUTH,
    "HAVING": _BY_TRUTH,
    "AS": "computed columns have no truth",
    **dict.fromkeys(
        ("COUNT", "SUM", "MIN", "MAX", "AVG", "SAMPLE", "GROUP_CONCAT"),
        "count the answers after asking",
    ),
    **dict.fromkeys(
        _words("INSERT DELETE LOAD CLEAR DROP CREATE ADD MOVE COPY WITH USING"),
        "a question changes nothing: load other facts instead",
    ),
}
_FUNCTIONS = _words(
    "STR LANG LANGMATCHES DATATYPE BOUND IRI URI BNODE RAND ABS CEIL FLOOR ROUND CONCAT STRLEN "
    "UCASE LCASE ENCODE_FOR_URI CONTAINS STRSTARTS STRENDS STRBEFORE STRAFTER YEAR MONTH DAY "
    "HOURS MINUTES SECONDS TIMEZONE TZ NOW UUID STRUUID MD5 SHA1 SHA256 SHA384 SHA512 COALESCE "
    "IF STRLANG STRDT ISIRI ISURI ISBLANK ISLITERAL ISNUMERIC REGEX SUBSTR REPLACE"
)
_KNOWN = _words(
    "SELECT DISTINCT REDUCED ASK WHERE UNION FILTER NOT EXISTS MINUS VALUES UNDEF IN SAMETERM "
    "ORDER BY ASC DESC LIMIT OFFSET PREFIX BASE A TRUE FALSE SEPARATOR NAMED SILENT INTO DATA TO "
    "DEFAULT ALL"
)
COMPARE = "only =, !=, IN, NOT IN and sameTerm compare terms"


def check_words(text: str, found: list[Token]) -> None:
    """Raises for the first token that no question may hold, or that SPARQL does not know."""
    before = ""
    for token in found:
        word = token.word
        if word in _REFUSED:
            raise unsupported(word, text, token.place, _REFUSED[word])
        if word in _FUNCTIONS:
            raise unsupported(f"the function {token.text}", text, token.place, COMPARE)
        if word and word not in _KNOWN:
            raise _unknown_word(text, token)
        if word == "SELECT" and before == "{":
            raise unsupported("a subquery", text, token.place, "ask it as a question of its own")
        before = token.text


def _unknown_word(text: str, token: Token) -> QuerySyntaxError:
    near = get_close_matches(token.word, _KNOWN | _FUNCTIONS | set(_REFUSED), n=1, cutoff=0.6)
    return QuerySyntaxError(
        f"SPARQL has no word {token.shown!r}",
        text=text,
        place=token.place,
        remedy=f"did you mean {near[0]}?"
        if near
        else 'a name is written <http://example.org/x> or ex:x, a variable ?x, a text "x"',
    )
