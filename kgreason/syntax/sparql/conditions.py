"""The grammar of FILTER: comparisons of terms, EXISTS, and what connects them."""

from __future__ import annotations

from collections.abc import Callable

from kgreason.errors import Place, UnsupportedError
from kgreason.formula import Constant, Slot, Term, Variable
from kgreason.syntax.sparql import tree as t
from kgreason.syntax.sparql.cursor import Cursor
from kgreason.syntax.sparql.terms import TermReader
from kgreason.syntax.sparql.words import COMPARE
from kgreason.walks import Walk

Expression = t.Condition | Term[str]


class Conditions:
    """Reads conditions at a cursor. group: reads a group, for EXISTS."""

    def __init__(self, at: Cursor, reader: TermReader, group: Callable[[], Walk[t.Group]]) -> None:
        self.at = at
        self.reader = reader
        self.group = group

    def begins(self) -> bool:
        """Whether what a FILTER can hold comes next: brackets, EXISTS, or a function's call."""
        here = self.at.here
        return (
            here.text == "("
            or here.word in ("EXISTS", "NOT", "SAMETERM")
            or (here.kind in ("iri", "prefixed") and self.at.after.text == "(")
        )

    def constraint(self, place: Place) -> Walk[t.Condition]:
        """What stands after a FILTER, which stands at a place."""
        if not self.begins():
            raise self.at.expected("'(', EXISTS or NOT EXISTS")
        found: Expression = yield self.primary(place)
        return self._condition(found, place)

    def primary(self, place: Place) -> Walk[Expression]:
        """A term, or a condition that needs no brackets."""
        here = self.at.here
        if self.at.take("("):
            found: Expression = yield self._expression(place)
            self.at.need(")")
            return found
        if self.at.take("!"):
            inner: Expression = yield self.primary(place)
            return t.Negation(self._condition(inner, place))
        if word := self.at.take_word("EXISTS", "NOT"):
            if word.word == "NOT" and not self.at.take_word("EXISTS"):
                raise self.at.expected("EXISTS")
            group: t.Group = yield self.group()
            return t.Negation(t.Existence(group)) if word.word == "NOT" else t.Existence(group)
        if self.at.take_word("SAMETERM"):
            same: t.Condition = yield self._same_term(place)
            return same
        if here.kind in ("iri", "prefixed") and self.at.after.text == "(":
            raise self.at.unsupported(f"the function {here.shown}", here.place, COMPARE)
        if here.text in ("+", "-"):
            raise self._arithmetic()
        return self._term()

    def _term(self) -> Term[str]:
        if name := self.at.take_variable():
            return Variable(name)
        found = self.reader.constant(self.at.index)
        if found is None:
            raise self.at.expected("a term, a variable or a condition")
        constant, self.at.index = found
        return constant

    def _same_term(self, place: Place) -> Walk[t.Condition]:
        self.at.need("(")
        left: Expression = yield self._expression(place)
        self.at.need(",")
        right: Expression = yield self._expression(place)
        self.at.need(")")
        return self._comparison(left, right, place)

    def _expression(self, place: Place) -> Walk[Expression]:
        """Comparisons with && and || between them; && binds closer."""
        options: list[Expression] = []
        parts: list[Expression] = []
        while True:
            parts.append((yield self._relational(place)))
            if self.at.take("&&"):
                continue
            options.append(parts[0] if len(parts) == 1 else t.AllOf(self._conditions(parts, place)))
            if not self.at.take("||"):
                one = len(options) == 1
                return options[0] if one else t.AnyOf(self._conditions(options, place))
            parts = []

    def _relational(self, place: Place) -> Walk[Expression]:
        left: Expression = yield self.primary(place)
        self._check_operator()
        here = self.at.here
        if self.at.take("=") or self.at.take("!="):
            right: Expression = yield self.primary(place)
            self._check_operator(ordering=False)
            equal = self._comparison(left, right, here.place)
            return equal if here.text == "=" else t.Negation(equal)
        negated = self.at.take_word("NOT") is not None
        word = self.at.take_word("IN")
        if word is None and negated:
            raise self.at.expected("IN")
        if word is None:
            return left
        listed: list[t.Condition] = yield self._listed(left, word.place, place)
        if negated:
            denied = tuple(t.Negation(one) for one in listed)
            return denied[0] if len(denied) == 1 else t.AllOf(denied)
        return listed[0] if len(listed) == 1 else t.AnyOf(tuple(listed))

    def _check_operator(self, ordering: bool = True) -> None:
        """Raises for what may stand between two terms and compares neither as a term.

        A sign and the digits behind it are one token, and so is `<` with all up to the next `>`.
        """
        here = self.at.here
        if here.text[:1] in ("+", "-", "*", "/") and here.kind in ("sign", "number"):
            raise self._arithmetic()
        if ordering and (here.kind == "iri" or here.text in ("<", "<=", ">", ">=")):
            sign = here.text if here.kind == "sign" else "<"
            place = Place(here.place.start, here.place.start + len(sign))
            raise self.at.unsupported(f"the comparison {sign}", place, COMPARE)

    def _arithmetic(self) -> UnsupportedError:
        here = self.at.here
        return self.at.unsupported(f"arithmetic ({here.text[0]})", here.place, COMPARE)

    def _listed(self, left: Expression, at: Place, place: Place) -> Walk[list[t.Condition]]:
        """Whether a term is one of those in brackets, a comparison for each."""
        self.at.need("(")
        if self.at.here.text == ")":
            raise self.at.unsupported("an empty IN", at)
        found: list[t.Condition] = []
        while True:
            right: Expression = yield self._expression(place)
            found.append(self._comparison(left, right, at))
            if not self.at.take(","):
                self.at.need(")")
                return found

    def _comparison(self, left: Expression, right: Expression, place: Place) -> t.Comparison:
        for one in (left, right):
            if not isinstance(one, Variable | Constant | Slot):
                raise self.at.unsupported(
                    "a comparison of conditions", place, "compare variables and terms"
                )
        return t.Comparison(left, right)  # type: ignore[arg-type]

    def _conditions(self, parts: list[Expression], place: Place) -> tuple[t.Condition, ...]:
        return tuple(self._condition(part, place) for part in parts)

    def _condition(self, found: Expression, place: Place) -> t.Condition:
        if isinstance(found, Variable | Constant | Slot):
            raise self.at.unsupported("a FILTER that is not a comparison", place)
        return found
