"""EFO text to a question: `?y : exists x . friend(alice, x) & !lives_in(x, y)`."""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from typing import Any, cast

import pyparsing as pp

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
    conjunction,
    disjunction,
    exists,
)
from kgreason.syntax import grammar as g
from kgreason.syntax.limits import MAX_DEPTH, check_text, recursion
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
    # pyparsing takes about fifteen frames per level, the reader about five.
    with recursion(text, frames=40 * MAX_DEPTH):
        try:
            parsed = cast("g.Text", g.grammar().parse_string(text)[0])
        except pp.ParseBaseException as error:
            raise _syntax_error(text, found, error) from None
        return _Reader(text, dict(prefixes or {}) | dict(parsed.prefixes)).query(parsed)


class _Reader:
    """Gives every word of a parsed text its meaning: variable, constant, slot or relation."""

    def __init__(self, text: str, prefixes: Mapping[str, str]) -> None:
        self.text = text
        self.prefixes = prefixes
        self.used: set[str] = set()
        """Names of the variables in scope that have occurred."""

    def query(self, parsed: g.Text) -> Query[str]:
        answers = self._declared(parsed.answers, frozenset())
        formula = self._formula(parsed.body, frozenset(v.name for v in answers))
        for word, variable in zip(parsed.answers, answers, strict=True):
            if variable.name not in self.used:
                raise self._error(
                    f"the answer variable ?{variable.name} does not occur in the question",
                    word.place,
                )
        return Query(answers, formula, text=self.text)

    def _error(self, message: str, place: Place, remedy: str | None = None) -> QuerySyntaxError:
        return QuerySyntaxError(message, remedy=remedy, text=self.text, place=place)

    def _declared(self, words: tuple[g.Word, ...], scope: frozenset[str]) -> tuple[Variable, ...]:
        names: list[str] = []
        for word in words:
            name = word.text.removeprefix("?")
            if name in scope or name in names:
                raise self._error(
                    f"?{name} is already a variable here", word.place, "give it another name"
                )
            names.append(name)
        return tuple(Variable(name) for name in names)

    def _formula(self, node: g.Node, scope: frozenset[str]) -> Formula[str]:
        match node:
            case g.Negation(body):
                return Not(self._formula(body, scope))
            case g.Connection(sign, parts):
                connect: Any = conjunction if sign == "&" else disjunction
                return cast("Formula[str]", connect([self._formula(part, scope) for part in parts]))
            case g.Quantifier():
                return self._quantifier(node, scope)
            case g.Comparison():
                return self._comparison(node, scope)
            case g.Link():
                return self._atom(node, scope)

    def _quantifier(self, node: g.Quantifier, scope: frozenset[str]) -> Formula[str]:
        declared = self._declared(node.variables, scope)
        body = self._formula(node.body, scope | {v.name for v in declared})
        for word, variable in zip(node.variables, declared, strict=True):
            if variable.name not in self.used:
                raise self._error(
                    f"exists {variable.name} says nothing: ?{variable.name} is not used",
                    word.place,
                    f"leave {variable.name} out, or use it",
                )
            self.used.discard(variable.name)
        return exists(declared, body)

    def _comparison(self, node: g.Comparison, scope: frozenset[str]) -> Formula[str]:
        if node.inverse is not None:
            raise self._error(
                "^ turns a relation around, and this is an equality", node.inverse, "leave out ^"
            )
        equality = Equals(self._term(node.left, scope), self._term(node.right, scope))
        return equality if node.equal else Not(equality)

    def _atom(self, node: g.Link, scope: frozenset[str]) -> Formula[str]:
        if len(node.arguments) != 2:
            count = len(node.arguments)
            raise self._error(
                f"{node.relation.text} has {count} argument{'' if count == 1 else 's'}; "
                "a relation links two",
                node.place,
                f"write {node.relation.text}(head, tail)",
            )
        head, tail = (self._term(word, scope) for word in node.arguments)
        return Atom(self._relation(node.relation), head, tail, node.inverse, node.place)

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

    def _term(self, word: g.Word, scope: frozenset[str]) -> Term[str]:
        if word.kind == "slot":
            return Slot(word.text[1:], word.place)
        name = word.text.removeprefix("?")
        if word.kind == "variable" and name not in scope:
            raise self._error(
                f"{word.text} is neither an answer variable nor quantified",
                word.place,
                f"write exists {name} . before it, or {word.text} before the ':'",
            )
        if word.kind == "variable" or (word.kind == "bare" and name in scope):
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


def _syntax_error(text: str, found: list[Token], error: Any) -> QuerySyntaxError:
    """What was expected, what came, and the keyword that may have been meant."""
    index = next((i for i, t in enumerate(found) if t.place.end > error.loc), len(found))
    here = found[index] if index < len(found) else None
    expected = str(error.msg).removeprefix("Expected ")
    if expected == g.END:
        expected = f"{g.CONNECTIVE} or {g.END}"
    if expected == g.CLOSE and found[index - 1].kind == "open":
        expected = g.TERM
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
