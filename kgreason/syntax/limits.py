"""What any question's text must keep to, whatever its language, before a grammar sees it."""

from __future__ import annotations

from kgreason.errors import LimitError, Place, QuerySyntaxError

MAX_CHARACTERS = 1_000_000
MAX_DEPTH = 100


def check_text(text: str) -> None:
    """Raises LimitError for a text that is too long, QuerySyntaxError for none or for no text."""
    if len(text) > MAX_CHARACTERS:
        raise LimitError(
            f"the question has {len(text):,} characters; the limit is {MAX_CHARACTERS:,}",
            remedy="put long lists of entities into the graph, or ask several questions",
        )
    if not text.strip():
        raise QuerySyntaxError(
            "the question is empty",
            remedy="write for example: ?y : exists x . friend(alice, x) & works_at(x, y)",
        )
    for index, sign in enumerate(text):
        if "\ud800" <= sign <= "\udfff":
            raise QuerySyntaxError(
                f"character {index} of the question, U+{ord(sign):04X}, is half of a character",
                remedy="the text was not decoded as UTF-8",
            )


def too_deep(text: str, place: Place, limit: int = MAX_DEPTH) -> LimitError:
    """The error for nesting beyond `limit`."""
    return LimitError(
        f"the question is nested more than {limit} levels deep",
        text=text,
        place=place,
        remedy="brackets around a single statement or a flat list of & can go",
    )
