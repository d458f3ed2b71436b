"""The grammar of EFO text, and the tree it makes of a question before its variables are known."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Literal

import pyparsing as pp

from kgreason.errors import Place
from kgreason.syntax.names import BARE, EXACT, IRI

Kind = Literal["variable", "slot", "bare", "exact"]


@dataclass(frozen=True, slots=True)
class Word:
    """A term or relation as written: `?x`, `$x`, a bare name, or an exact one (`<x>`, `"x"`)."""

    kind: Kind
    text: str
    place: Place


@dataclass(frozen=True, slots=True)
class Link:
    """`relation(arguments)`, with as many arguments as were written."""

    relation: Word
    inverse: bool
    arguments: tuple[Word, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Comparison:
    """`left = right`, or `left != right`."""

    left: Word
    right: Word
    equal: bool
    inverse: Place | None


@dataclass(frozen=True, slots=True)
class Negation:
    """`!body`."""

    body: Node


@dataclass(frozen=True, slots=True)
class Connection:
    """Two or more parts joined by `&` or by `|`."""

    sign: Literal["&", "|"]
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Quantifier:
    """`exists variables . body`."""

    variables: tuple[Word, ...]
    body: Node


Node = Link | Comparison | Negation | Connection | Quantifier


@dataclass(frozen=True, slots=True)
class Text:
    """A whole question as written."""

    prefixes: tuple[tuple[str, str], ...]
    answers: tuple[Word, ...]
    body: Node


def _word(kind: Kind, pattern: str, name: str) -> pp.ParserElement:
    def action(_: str, start: int, tokens: pp.ParseResults) -> Word:
        return Word(kind, tokens[0], Place(start, start + len(tokens[0])))

    return pp.Regex(pattern).set_name(name).set_parse_action(action)


def _sign(pattern: str, name: str) -> pp.ParserElement:
    return pp.Regex(pattern).set_name(name).suppress()


def _tuple(tokens: pp.ParseResults) -> list[Any]:
    return [tuple(tokens)]


def _link_or_comparison(_: str, __: int, tokens: pp.ParseResults) -> Link | Comparison:
    found = list(tokens)
    inverse = found.pop(0) if isinstance(found[0], Place) else None
    first = found[0]
    if isinstance(found[1], tuple):
        return Link(first, inverse is not None, found[1], first.place)
    return Comparison(first, found[2], found[1] == "=", inverse)


def _connect(sign: Literal["&", "|"]) -> Any:
    def action(tokens: pp.ParseResults) -> Node:
        first: Node = tokens[0]
        return first if len(tokens) == 1 else Connection(sign, tuple(tokens))

    return action


_AFTER_KEYWORD = r"(?![\w/:%+'-])"
TERM, OPEN, CLOSE = "an entity or a variable", "'('", "')'"
STATEMENT, CONNECTIVE, QUESTION_COLON = "a statement", "'&' or '|'", "':'"
ARGUMENTS, DOT, INNER, END = "'(' or '='", "'.'", "a variable", "the end of the question"
HEAD, DECLARATION = "an answer variable such as ?y", "an IRI such as <http://example.org/>"


@cache
def grammar() -> pp.ParserElement:
    """The parser of a whole question; its one result is a `Text`."""
    variable = _word("variable", r"\?\w+", "a variable such as ?x")
    slot = _word("slot", r"\$\w+", "a slot such as $x")
    term = variable | slot | _word("exact", EXACT, "a name") | _word("bare", BARE, "a name")
    term = term.set_name(TERM)
    inner = _word("variable", r"\?\w+|(?!(?i:exists|and|or|not)\b)\w+", INNER)
    comma = pp.Optional(_sign(",", "','"))
    open_, close = _sign(r"\(", OPEN), _sign(r"\)", CLOSE)

    caret = pp.Literal("^").set_parse_action(lambda _, start, __: Place(start, start + 1))
    listed = term + pp.ZeroOrMore(_sign(",", "','") - term)
    arguments = (open_ - pp.Optional(listed) - close).set_parse_action(_tuple)
    equal = pp.Regex(r"!=|≠|=").set_parse_action(lambda t: "=" if t[0] == "=" else "!=")
    rest = (arguments | (equal - term)).set_name(ARGUMENTS)
    statement = ((caret - term | term) - rest).set_parse_action(_link_or_comparison)

    formula = pp.Forward()
    unary = pp.Forward()
    negation = _sign(rf"!(?!=)|[~¬]|(?i:not){_AFTER_KEYWORD}", "'!'") - unary
    negation = negation.set_parse_action(lambda t: Negation(t[0]))
    variables = inner + pp.ZeroOrMore(comma + inner)
    quantifier = (
        _sign(rf"∃|(?i:exists){_AFTER_KEYWORD}", "'exists'")
        - variables.set_parse_action(_tuple)
        - _sign(r"\.", DOT)
        - formula
    ).set_parse_action(lambda t: Quantifier(t[0], t[1]))
    unary <<= (negation | quantifier | open_ - formula - close | statement).set_name(STATEMENT)
    conjunct = _sign(rf"&&?|∧|(?i:and){_AFTER_KEYWORD}", "'&'")
    disjunct = _sign(rf"\|\|?|∨|(?i:or){_AFTER_KEYWORD}", "'|'")
    all_of = (unary + pp.ZeroOrMore(conjunct - unary)).set_parse_action(_connect("&"))
    formula <<= (all_of + pp.ZeroOrMore(disjunct - all_of)).set_parse_action(_connect("|"))

    declaration = _sign(r"(?i:prefix)(?=\s+[\w.-]*:)", "'prefix'") - (
        pp.Regex(r"[\w.-]*:") - pp.Regex(IRI).set_name(DECLARATION)
    )
    declaration = declaration.set_parse_action(lambda t: (t[0][:-1], t[1][1:-1]))
    declarations = pp.ZeroOrMore(declaration).set_parse_action(_tuple)
    ask = pp.Regex(r"(?i:ask)(?!\w)").suppress()
    answers = ask | (variable + pp.ZeroOrMore(comma + variable))
    answers = answers.set_name(HEAD).set_parse_action(_tuple)
    end = pp.StringEnd().set_name(END)
    whole = declarations + answers - _sign(":", QUESTION_COLON) - formula - end
    whole = whole.set_parse_action(lambda t: Text(t[0], t[1], t[2]))
    return whole.ignore(pp.Regex(r"(?:\s|#[^\n]*+)++")).parse_with_tabs()
