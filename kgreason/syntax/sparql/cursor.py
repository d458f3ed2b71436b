"""Where a parser is among the tokens of a SPARQL text, and what it may not go on with."""

from __future__ import annotations

from kgreason.errors import Place, QuerySyntaxError, UnsupportedError
from kgreason.syntax.sparql.tokens import Token, unsupported

_ENOUGH = 10**18
"""More than anything can be counted to; int() refuses to read numbers of thousands of digits."""
_FORMS = "a question starts with SELECT or ASK, after its PREFIX lines"


class Cursor:
    """Reads tokens one after the other."""

    def __init__(self, text: str, found: list[Token]) -> None:
        end = found[-1].place.end if found else 0
        self.text = text
        self.found = [*found, Token("end", "", Place(end, end + 1), -1)]
        self.index = 0

    @property
    def here(self) -> Token:
        """The next token, of kind `end` behind the last."""
        return self.found[self.index]

    @property
    def after(self) -> Token:
        """The token after the next."""
        return self.found[min(self.index + 1, len(self.found) - 1)]

    @property
    def before(self) -> Token:
        """The token read last."""
        return self.found[self.index - 1]

    def take(self, sign: str) -> bool:
        """Whether a sign comes next, which is then read."""
        here = self.found[self.index]
        if here.kind != "sign" or here.text != sign:
            return False
        self.index += 1
        return True

    def take_word(self, *words: str) -> Token | None:
        """The next token if it is one of some keywords, which is then read."""
        here = self.found[self.index]
        if here.word not in words:
            return None
        self.index += 1
        return here

    def take_variable(self) -> str | None:
        """The name of the variable that comes next, which is then read."""
        here = self.found[self.index]
        if here.kind != "variable":
            return None
        self.index += 1
        return here.text[1:]

    def need(self, sign: str) -> None:
        """Read a sign that must come next."""
        if not self.take(sign):
            raise self.expected(f"'{sign}'")

    def number(self) -> int:
        """Read a whole number; one beyond all counting is cut short."""
        if self.here.kind != "number" or not self.here.text.isdecimal():
            raise self.expected("a whole number")
        self.index += 1
        digits = self.before.text.lstrip("0") or "0"
        return int(digits) if len(digits) <= len(str(_ENOUGH)) else _ENOUGH

    def wrong(self, what: str, place: Place) -> QuerySyntaxError:
        """The error that something is not SPARQL."""
        return QuerySyntaxError(what, text=self.text, place=place)

    def expected(self, what: str) -> QuerySyntaxError:
        """The error that something else should come next."""
        here = self.here
        came = "the question ends here" if here.kind == "end" else f"found {here.shown!r}"
        return self.wrong(f"expected {what}, {came}", here.place)

    def misplaced(self) -> QuerySyntaxError:
        """The error that the next token stands where nothing like it can."""
        here = self.here
        ends = here.kind == "end"
        return QuerySyntaxError(
            "the question ends here" if ends else f"{here.shown!r} cannot stand here",
            text=self.text,
            place=here.place,
            remedy=_FORMS if self.index == 0 else None,
        )

    def unsupported(
        self, what: str, place: Place | None, remedy: str | None = None
    ) -> UnsupportedError:
        """The error for something valid that has no truth value here."""
        return unsupported(what, self.text, place, remedy)
