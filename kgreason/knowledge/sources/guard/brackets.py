"""Scanners of the syntaxes that nest by brackets: Turtle and its relatives, JSON."""

from __future__ import annotations

import re
import string

from kgreason.errors import LimitError
from kgreason.knowledge.sources.guard.limits import ReadingLimits
from kgreason.knowledge.sources.guard.scanner import Scanner

# Whole tokens of Turtle. Possessive groups take constant memory however long the text is.
_TURTLE_TOKENS = rb"""
      [^"'\#<>\[\](){}\\]++                              # names, white space, punctuation
    | \\.                                               # an escape in a local name
    | <(?!<)[^>\n\r]*+>                                 # an IRI
    | "(?:[^"\\\n\r]|\\.)(?:[^"\\\n\r]++|\\.)*+"        # short strings that hold something
    | '(?:[^'\\\n\r]|\\.)(?:[^'\\\n\r]++|\\.)*+'
    | ""(?=[^"]) | ''(?=[^'])                           # short strings that hold nothing
    | \"""(?:[^"\\]++|\\.|"{1,2}(?=[^"]))*+\"""         # long strings
    | '''(?:[^'\\]++|\\.|'{1,2}(?=[^']))*+'''
    | \#[^\n\r]*+[\n\r]                                 # a comment
"""
# A string or an IRI that its line does not end is a syntax error: what follows is read afresh.
_TURTLE_EVENT = re.compile(
    rb"""
      (?P<open>  \[ | \( | \{ | <<)
    | (?P<close> \] | \) | \} | >>)
    | (?P<stray> >(?=[^>])
        | <(?!<)[^>\n\r]*+(?=[\n\r])
        | "(?!"")(?:[^"\\\n\r]++|\\.)*+(?=[\n\r])
        | '(?!'')(?:[^'\\\n\r]++|\\.)*+(?=[\n\r]))
    """,
    re.DOTALL | re.VERBOSE,
)


def _all_of(tokens: bytes) -> re.Pattern[bytes]:
    return re.compile(rb"(?:" + tokens + rb")*+", re.DOTALL | re.VERBOSE)


_TURTLE_SKIP = _all_of(_TURTLE_TOKENS)
TURTLE_PREFIX = re.compile(rb"(?i)prefix(?:\s|#[^\n\r]*[\n\r])+([^\s:<>\"']*):")
_TURTLE_WORD = bytes(set(range(256)) - set(string.whitespace.encode()) - set(b"\"'#<>[](){}"))


def _spelled(word: bytes) -> bytes:
    """A pattern for a word in JSON, where every character may be escaped."""
    return b"".join(rb"(?:%c|\\u(?i:00%02x))" % (one, one) for one in word)


_CONTEXT = b'"' + _spelled(b"@context") + b'"'
# Text outside brackets and names; then objects and arrays that hold no more than flat ones.
_JSON_PLAIN = rb"""[^"\[\]{}]++|(?!""" + _CONTEXT + rb""")"(?:[^"\\]++|\\.)*+\""""
_JSON_FLAT = rb"[\[{](?:" + _JSON_PLAIN + rb")*+[\]}]"
_JSON_SKIP = _all_of(_JSON_PLAIN + rb"|[\[{](?:" + _JSON_PLAIN + b"|" + _JSON_FLAT + rb")*+[\]}]")
_JSON_EVENT = re.compile(
    rb"(?P<open>[\[{])|(?P<close>[\]}])"
    rb"|(?P<context>" + _CONTEXT + rb"\s*:\s*[\[{])"
    rb"|(?P<stray>" + _CONTEXT + rb"(?=\s*[^\s:]|\s*:\s*[^\[{\s]))",
)
_JSON_WORD = bytes(set(range(256)) - set(string.whitespace.encode()) - set(b'"[]{}:,'))
# pyoxigraph reads JSON-LD recursively, with some 2.3 KiB of stack for each object.
_JSON_DEEPEST = 1_000


class BracketScanner(Scanner):
    """Follows strings, comments and brackets."""

    _skip: re.Pattern[bytes]
    _event: re.Pattern[bytes]
    _word: bytes

    def _scan(self, text: bytes) -> int:
        position = 0
        while True:
            position = self._skip.match(text, position).end()  # type: ignore[union-attr]
            if position == len(text):
                # A word at the end may go on.
                return len(text.rstrip(self._word))
            event = self._event.match(text, position)
            if event is None:
                return position
            self._on(event)
            position = event.end()

    def _on(self, event: re.Match[bytes]) -> None:
        """Take in a bracket, or what else stops the search."""
        if event.lastgroup in ("open", "context"):
            self._deeper(event.string, event.start())
        elif event.lastgroup == "close":
            self._depth = max(0, self._depth - 1)


class TurtleScanner(BracketScanner):
    """Turtle, TriG, N-Triples and N-Quads without errors, quoted triples included."""

    _skip = _TURTLE_SKIP
    _event = _TURTLE_EVENT
    _word = _TURTLE_WORD
    _PREFIX_WORD = b"prefix"
    _PREFIX = TURTLE_PREFIX


# The parser copies the contexts in force into every object within that adds to them, at some 20
# bytes for each byte of the document.
_JSON_CONTEXTS = 6 << 20
_JSON_STRING = re.compile(rb'"(?:[^"\\]++|\\.)*+"')
# A name takes so many bytes at least, and a document is small while its names take no more.
_JSON_NAME = 8
_JSON_SMALL = 64 << 20
_JSON_REMEDY = "write the data in another format, such as Turtle or N-Triples"


class JsonScanner(BracketScanner):
    """JSON, and the contexts of JSON-LD."""

    _skip = _JSON_SKIP
    _event = _JSON_EVENT
    _word = _JSON_WORD

    def __init__(self, label: str, limits: ReadingLimits) -> None:
        super().__init__(label, limits)
        # Depth at which the context that is being read began, and place of its first byte.
        self._opened: tuple[int, int] | None = None
        # Depth and bytes of the contexts in force.
        self._contexts: list[tuple[int, int]] = []
        self._longest_name = 0

    def feed(self, piece: bytes) -> None:
        """Look at the next bytes."""
        super().feed(piece)
        longest = self._longest_name
        if longest > self._limits.growth * _JSON_NAME and (
            longest * self.seen > _JSON_SMALL * _JSON_NAME
        ):
            what = f"its context, with {longest:,} bytes in one string, may make names of more than"
            times = f"{self._limits.growth:,} times the size of the document"
            raise self._exceeded(b"", 0, f"{what} {times}", "growth")

    def _scan(self, text: bytes) -> int:
        end = super()._scan(text)
        if self._opened is not None:
            self._measure(text, end)
        return end

    def _on(self, event: re.Match[bytes]) -> None:
        text, position = event.string, event.start()
        if event.lastgroup == "context" and self._opened is None:
            self._opened = (self._depth, self._place(text) + event.end())
        super()._on(event)
        if event.lastgroup in ("open", "context"):
            self._check_depth(text, position)
        elif event.lastgroup == "close":
            if self._opened is not None and self._opened[0] == self._depth:
                self._measure(text, position)
                size = self._place(text) + position - self._opened[1]
                self._contexts.append((self._depth, size))
                self._opened = None
            while self._contexts and self._contexts[-1][0] > self._depth:
                self._contexts.pop()

    def _place(self, text: bytes) -> int:
        """The place in the document where the text begins."""
        return self.seen - len(text)

    def _measure(self, text: bytes, end: int) -> None:
        """Note the longest string of the context that is being read."""
        assert self._opened is not None
        start = max(0, self._opened[1] - self._place(text))
        for found in _JSON_STRING.finditer(text, start, end):
            self._longest_name = max(self._longest_name, found.end() - found.start())

    def _check_depth(self, text: bytes, position: int) -> None:
        if self._depth > _JSON_DEEPEST:
            place = self._line_of(text, position)
            what = f"nested more than {_JSON_DEEPEST:,} deep, which no JSON-LD may be"
            raise LimitError(f"{place}: {what}", remedy=_JSON_REMEDY)
        if not self._contexts:
            return
        size = sum(size for _, size in self._contexts)
        if size * self._depth > _JSON_CONTEXTS:
            place = self._line_of(text, position)
            what = f"nested {self._depth:,} deep in contexts of {size:,} bytes"
            raise LimitError(f"{place}: {what}", remedy=f"shorten the contexts, or {_JSON_REMEDY}")
