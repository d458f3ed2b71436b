"""How long, deep and expanded a source may be before it is refused."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import ClassVar

from kgreason.errors import LimitError, UsageError


@dataclass(frozen=True, slots=True)
class ReadingLimits:
    """Limits that keep a small hostile file from taking all memory, time or stack.

    length: bytes of one token (a literal, an IRI, a comment, a tag) or of one line of a line-based
    format, 1 KiB to 1 GiB; the RDF parsers themselves hold at most 16 MiB. nesting: open brackets
    or elements, 1 to 10,000. expansion: how many times larger than the file its decompressed
    contents may be, beyond the first 16 MiB, at least 1. growth: how many times the size of
    the document entities, prefixes and base IRIs may expand it to, beyond `length`, at least 1.
    prefixes: different prefixes, at least 1.
    Raises `UsageError` for a number out of range.
    """

    length: int = 4 << 20
    nesting: int = 500
    expansion: int = 200
    growth: int = 50
    prefixes: int = 10_000

    RANGES: ClassVar[dict[str, tuple[int, int]]] = {
        "length": (1 << 10, 1 << 30),
        "nesting": (1, 10_000),
        "expansion": (1, 1 << 40),
        "growth": (1, 1 << 40),
        "prefixes": (1, 1 << 40),
    }

    def __post_init__(self) -> None:
        for field in fields(self):
            value = getattr(self, field.name)
            least, most = self.RANGES[field.name]
            if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
                raise UsageError(
                    f"the reading limit {field.name} cannot be {value!r}",
                    remedy=f"give a whole number from {least:,} to {most:,}",
                )


DEFAULT_LIMITS = ReadingLimits()


def exceeded(place: str, what: str, limit: str) -> LimitError:
    """The error for a source that goes beyond the named field of `ReadingLimits`."""
    return LimitError(
        f"{place}: {what}",
        remedy=f"if the file is to be trusted, raise --limit-{limit} "
        f"(ReadingLimits({limit}=…) in Python)",
    )
