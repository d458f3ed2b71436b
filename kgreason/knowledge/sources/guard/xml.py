"""The scanner of RDF/XML: depth of elements, length of text, and what entities expand to.

It reads markup as the parser behind it does, not as the XML standard does: a tag ends at the first
`>` outside quotes, a document type at the `>` that balances its `<`.
"""

from __future__ import annotations

import re

from kgreason.errors import DataError
from kgreason.knowledge.sources.guard.limits import exceeded
from kgreason.knowledge.sources.guard.scanner import Scanner

_TAG = rb"""<(?![!?/])(?:[^"'>]++|"[^"]*+"|'[^']*+')*+>"""
_CLOSE = rb"</[^>]*+>"
_TEXT = rb"[^<]++(?=<)"
_OTHER = rb"<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>"
# Whole markup that leaves the depth as it is: text, comments, and elements that hold no more than
# elements of text.
_LEAF = _TAG + rb"(?:(?<=/>)|[^<]*+" + _CLOSE + rb")"
_FLAT = _TAG + rb"(?:(?<=/>)|(?:[^<]++|" + _LEAF + rb")*+" + _CLOSE + rb")"
_SKIP = re.compile(rb"(?:" + _TEXT + b"|" + _OTHER + b"|" + _FLAT + rb")*+", re.DOTALL)
_MARKUP = re.compile(
    rb"(?P<text>" + _TEXT + rb")|(?P<other>" + _OTHER + rb")|(?P<close>" + _CLOSE + rb")"
    rb"|(?P<tag>" + _TAG + rb")",
    re.DOTALL,
)
_TAG_AT_START = re.compile(_TAG)
_BALANCE = re.compile(rb"[<>]")
_REFERENCE = re.compile(rb"&([^;&]*);")
_ATTRIBUTE = re.compile(rb"""=\s*["']""")
# The parser compares every attribute of a tag with every other.
_MOST_ATTRIBUTES = 10_000


class XmlScanner(Scanner):
    """RDF/XML, with the entities that OWL files declare for namespaces."""

    _PREFIX_WORD = b"xmlns:"
    _PREFIX = re.compile(rb"xmlns:([^\s=<>\"']+)\s*=")

    def __init__(self, *about: object) -> None:
        super().__init__(*about)  # type: ignore[arg-type]
        # Entities and the bytes that each stands for.
        self._entities: dict[bytes, int] = {}
        self._declared = 0
        self._expanded = 0
        self._content = 0

    def _scan(self, text: bytes) -> int:
        # Only a tag that did not end within a piece can hold so many attributes.
        if self._rest and (tag := _TAG_AT_START.match(text)):
            self._check_attributes(tag[0])
        position = 0
        while True:
            if not self._entities:
                position = _SKIP.match(text, position).end()  # type: ignore[union-attr]
            found = _MARKUP.match(text, position)
            if found is None and text.startswith((b"<!D", b"<!d"), position):
                end = _doctype_end(text, position)
                if end is None:
                    return position
                self._declare(text, position, end)
                position = end
            elif found is None:
                return position
            else:
                self._count(text, found)
                position = found.end()

    def _count(self, text: bytes, found: re.Match[bytes]) -> None:
        kind = found.lastgroup
        if kind == "other":
            return
        if kind == "close":
            self._depth = max(0, self._depth - 1)
        elif kind == "tag" and not found[0].endswith(b"/>"):
            self._deeper(text, found.start())
        if kind != "text":
            self._content = 0
        if self._entities:
            self._check_expansion(text, found)

    def _check_attributes(self, tag: bytes) -> None:
        if len(_ATTRIBUTE.findall(tag)) > _MOST_ATTRIBUTES:
            what = f"a tag with more than {_MOST_ATTRIBUTES:,} attributes"
            raise DataError(f"{self._line_of(tag, 0)}: {what}", remedy="write them as elements")

    def _check_expansion(self, text: bytes, found: re.Match[bytes]) -> None:
        """A text or a tag once its entities are replaced, and all of them together."""
        more = sum(self._entities.get(name, 0) for name in _REFERENCE.findall(found[0]))
        if not more:
            return
        self._content += len(found[0]) + more
        self._expanded += more
        most = self._limits.length
        if self._content > most:
            what = f"entities expand a text to more than {most:,} bytes"
            raise self._exceeded(text, found.start(), what, "length")
        if self._expanded > most + self._limits.growth * self.seen:
            times = f"{self._limits.growth:,} times"
            what = f"entities expand the document to more than {times} its size"
            raise self._exceeded(text, found.start(), what, "growth")

    def _declare(self, text: bytes, start: int, end: int) -> None:
        """Take the entities of a document type; refuse those that grow or come from elsewhere."""
        for part in re.finditer(rb"<!ENTITY\s*%?\s*(\S+)\s+([^<]*)", text[start:end]):
            name, rest = part[1], part[2]
            shown = name.decode("utf-8", "replace")[:60]
            place = self._line_of(text, start + part.start())
            if rest.startswith((b"SYSTEM", b"PUBLIC")):
                raise DataError(
                    f"{place}: the entity {shown!r} is external, and nothing outside the file is "
                    "read",
                    remedy="put its content into the file",
                )
            value = rest[1:].partition(b'"')[0]
            references = _REFERENCE.findall(value)
            size = len(value) + sum(self._entities.get(one, 0) for one in references)
            self._entities[name] = size
            self._declared += size
            if self._declared > self._limits.length:
                raise exceeded(
                    place,
                    f"the entity {shown!r} and those before it expand to more than "
                    f"{self._limits.length:,} bytes",
                    "length",
                )


def _doctype_end(text: bytes, start: int) -> int | None:
    depth = 0
    for bracket in _BALANCE.finditer(text, start):
        depth += 1 if bracket[0] == b"<" else -1
        if depth == 0:
            return bracket.end()
    return None
