"""EFO text to a question: `?y : exists x . friend(alice, x) & !lives_in(x, y)`."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches

from kgreason.errors import Place, QuerySyntaxError, UnknownNameError, UnsupportedError
from kgreason.formula import (
    Atom,
    Constant,
    Equals,
    Formula,
    Not,
    Query,
    Slot,
    Term,
    Variable,
    exists,
)
from kgreason.syntax import grammar as g
from kgreason.syntax.limits import check_text
from kgreason.syntax.names import KEYWORDS, WELL_KNOWN, literal, unquoted
from kgreason.syntax.scan import Token, check_shape, tokens


def parse_efo(text: str, prefixes: Mapping[str, str] | None = None) -> Query[str]:
    """The question an EFO text asks.

    `?x ?y : formula` asks for pairs, `ask : formula` for yes or no. Precedence is ! > & > |, and
    `exists x .` reaches as far right as it can. A bare name is a variable where one of that name
    is in scope, else a constant; `"…"` and `<…>` are always constants.

    `prefixes` gives IRIs to names such as `ex:foo`, `prefix ex: <…>` in the text adds to it, and
    a name with an unknown prefix is kept as it stands.

    Errors:
        QuerySyntaxError: not EFO text; UnsupportedError: outside first-order logic over atoms;
        UnknownNameError: an unknown datatype prefix; LimitError: too long or too deep.
    """
    check_text(text)
    found = tokens(text)
    check_shape(text, found)
    parser = g.Parser(text)
    try:
        known = dict(prefixes or {}) | parser.declarations()
        return _Reader(text, known).query(parser)
    except g.ExpectedError as error:
        raise _syntax_error(text, found, error) from None


class _Reader:
    """Gives every word of a text its meaning: variable, constant, slot or relation."""

    def __init__(self, text: str, prefixes: Mapping[str, str]) -> None:
        self.text = text
        self.prefixes = prefixes
        self.scope: set[str] = set()
        self.used: set[str] = set()
        """Names of the variables in scope that have occurred."""

    def query(self, parser: g.Parser) -> Query[str]:
        words = parser.answers()
        answers = self.enter(words)
        formula = parser.formula(self)
        for word, variable in zip(words, answers, strict=True):
            if variable.name not in self.used:
                raise self._error(
                    f"the answer variable ?{variable.name} does not occur in the question",
                    word.place,
                )
        return Query(answers, formula, text=self.text)

    def _error(self, message: str, place: Place, remedy: str | None = None) -> QuerySyntaxError:
        return QuerySyntaxError(message, remedy=remedy, text=self.text, place=place)

    def enter(self, words: list[g.Word]) -> tuple[Variable, ...]:
        """Variables that are in scope from here on."""
        for word in words:
            name = word.text.removeprefix("?")
            if name in self.scope:
                raise self._error(
                    f"?{name} is already a variable here", word.place, "give it another name"
                )
            self.scope.add(name)
        return tuple(Variable(word.text.removeprefix("?")) for word in words)

    def leave(
        self, words: list[g.Word], declared: tuple[Variable, ...], body: Formula[str]
    ) -> Formula[str]:
        """The quantifier of variables that are in scope no longer."""
        for word, variable in zip(words, declared, strict=True):
            if variable.name not in self.used:
                raise self._error(
                    f"exists {variable.name} says nothing: ?{variable.name} is not used",
                    word.place,
                    f"leave {variable.name} out, or use it",
                )
            self.used.discard(variable.name)
            self.scope.discard(variable.name)
        return exists(declared, body)

    def comparison(
        self, left: g.Word, right: g.Word, equal: bool, inverse: Place | None
    ) -> Formula[str]:
        """An equality, or its negation."""
        if inverse is not None:
            raise self._error(
                "^ turns a relation around, and this is an equality", inverse, "leave out ^"
            )
        equality = Equals(self._term(left), self._term(right))
        return equality if equal else Not(equality)

    def link(self, relation: g.Word, inverse: bool, arguments: list[g.Word]) -> Formula[str]:
        """An atom."""
        if len(arguments) != 2:
            count = len(arguments)
            raise self._error(
                f"{relation.text} has {count} argument{'' if count == 1 else 's'}; "
                "a relation links two",
                relation.place,
                f"write {relation.text}(head, tail)",
            )
        head, tail = (self._term(word) for word in arguments)
        return Atom(self._relation(relation), head, tail, inverse, relation.place)

    def _relation(self, word: g.Word) -> str | Slot:
        if word.kind == "variable":
            raise UnsupportedError(
                f"the relation {word.text} is a variable; only entities can be asked for",
                remedy=f"name the relation, or write ${word.text[1:]} to fill it in later",
                text=self.text,
                place=word.place,
            )
        if word.kind == "slot":
            return Slot(word.text[1:], word.place)
        return self._name(word)

    def _term(self, word: g.Word) -> Term[str]:
        if word.kind == "slot":
            return Slot(word.text[1:], word.place)
        name = word.text.removeprefix("?")
        if word.kind == "variable" and name not in self.scope:
            raise self._error(
                f"{word.text} is neither an answer variable nor quantified",
                word.place,
                f"write exists {name} . before it, or {word.text} before the ':'",
            )
        if word.kind == "variable" or (word.kind == "bare" and name in self.scope):
            self.used.add(name)
            return Variable(name)
        return Constant(self._name(word), word.place)

    def _name(self, word: g.Word) -> str:
        if word.kind == "bare":
            prefix, colon, local = word.text.partition(":")
            known = colon and prefix in self.prefixes
            return f"<{self.prefixes[prefix]}{local}>" if known else word.text
        if word.text.startswith("<"):
            return word.text
        return self._quoted(word)

    def _quoted(self, word: g.Word) -> str:
        end = word.text.rindex('"') + 1
        if word.text.endswith(">"):
            # The IRI of a datatype holds no quote, so the last quote ends the string.
            end = word.text.rindex('"', 0, word.text.rindex("^^<")) + 1
        content, suffix = word.text[:end], word.text[end:]
        try:
            value = unquoted(content)
        except ValueError as error:
            raise self._error(
                str(error), word.place, r"the escapes are \" \\ \n \r \t \b \f \uXXXX \UXXXXXXXX"
            ) from None
        if suffix.startswith("@"):
            return literal(value, language=suffix[1:])
        if suffix.startswith("^^"):
            return literal(value, datatype=self._datatype(suffix[2:], word.place))
        return value

    def _datatype(self, written: str, place: Place) -> str:
        if written.startswith("<"):
            return written[1:-1]
        prefix, _, local = written.partition(":")
        known = WELL_KNOWN | dict(self.prefixes)
        if prefix not in known:
            near = get_close_matches(prefix, known, n=3, cutoff=0.4) or sorted(known)[:5]
            raise UnknownNameError(
                f"no prefix {prefix!r} is declared",
                remedy="nearest: " + ", ".join(near),
                text=self.text,
                place=place,
            )
        return known[prefix] + local


def _syntax_error(text: str, found: list[Token], error: g.ExpectedError) -> QuerySyntaxError:
    """What was expected, what came, and the keyword that may have been meant."""
    index = next((i for i, t in enumerate(found) if t.place.end > error.start), len(found))
    here = found[index] if index < len(found) else None
    expected = error.expected
    if expected == g.END:
        expected = f"{g.CONNECTIVE} or {g.END}"
    came = f"found {here.text[:40]!r}" if here else "the question ends here"
    place = here.place if here else Place(len(text.rstrip()), len(text.rstrip()) + 1)
    remedy = _misspelt(found, index) or _remedy(expected, here)
    return QuerySyntaxError(f"expected {expected}, {came}", remedy=remedy, text=text, place=place)


def _misspelt(found: list[Token], index: int) -> str | None:
    for token in found[max(0, index - 1) : index + 1]:
        lower = token.text.lower()
        if token.kind != "bare" or lower in KEYWORDS or len(lower) < 3:
            continue
        near = get_close_matches(lower, (*KEYWORDS, "prefix", "ask"), n=1, cutoff=0.65)
        if near and near[0] != lower:
            return f"did you mean {near[0]!r} instead of {token.text!r}?"
    return None


def _remedy(expected: str, here: Token | None) -> str | None:
    if expected in (g.HEAD, g.QUESTION_COLON):
        return "a question starts with its answer variables: ?y : … (or ask : … for yes or no)"
    if expected == g.DOT:
        return "write exists x . before the statements about x"
    if here is not None and here.text.lower() in KEYWORDS:
        return f"a name that is the word {here.text} stands in quotes"
    return None
