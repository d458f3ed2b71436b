"""Errors a user can act on: each says what came, where, and what would do.

The exit code of the command line is a property of the error class:
0 success, 1 run-time failure, 2 usage or syntax, 3 unknown name, 4 unsupported, 5 limit.
"""

from __future__ import annotations

import errno
from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Place:
    """A half-open range of characters [start, end) in a question's text."""

    start: int
    end: int

    def underline(self, text: str) -> str:
        """The line of `text` that holds this place, with a caret line beneath it."""
        start = min(self.start, len(text))
        line_start = text.rfind("\n", 0, start) + 1
        line_end = text.find("\n", start)
        line_end = len(text) if line_end < 0 else line_end
        # A window keeps the message readable when the question is one very long line.
        window_start = max(line_start, start - 60)
        window_end = min(line_end, start + 60)
        width = max(1, min(self.end, window_end) - start)
        before = "…" if window_start > line_start else ""
        after = "…" if window_end < line_end else ""
        shown = text[window_start:window_end].replace("\t", " ")
        carets = " " * (start - window_start + len(before)) + "^" * width
        return f"  {before}{shown}{after}\n  {carets}"


class KgreasonError(Exception):
    """Base of every error this package raises on purpose.

    `message` says what came; `remedy` says what would do; `text` and `place` point at the spot.
    """

    exit_code: ClassVar[int] = 1

    def __init__(
        self,
        message: str,
        *,
        remedy: str | None = None,
        text: str | None = None,
        place: Place | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.remedy = remedy
        self.text = text
        self.place = place

    def __str__(self) -> str:
        parts = [self.message]
        if self.text is not None and self.place is not None:
            parts.append(self.place.underline(self.text))
        if self.remedy:
            parts.append(self.remedy)
        return "\n".join(parts)


class DataError(KgreasonError):
    """Input data or a file on disk is damaged, malformed or of the wrong kind."""


class CheckpointError(KgreasonError):
    """A checkpoint cannot be used, or does not fit the knowledge graph."""


class PredictorError(KgreasonError):
    """A link predictor produced something that is not a truth value."""


class UsageError(KgreasonError):
    """An option or argument is wrong."""

    exit_code = 2


class QuerySyntaxError(KgreasonError):
    """The question's text is not in its language."""

    exit_code = 2


class UnsafeQueryError(KgreasonError):
    """An answer variable is not bound by any positive atom."""

    exit_code = 2


class UnknownNameError(KgreasonError):
    """No entity, relation or prefix has this name, or more than one has."""

    exit_code = 3


class UnsupportedError(KgreasonError):
    """The question is valid but uses a feature that has no truth value here."""

    exit_code = 4


class LimitError(KgreasonError):
    """A stated limit (memory, size, depth) would be exceeded."""

    exit_code = 5


_REMEDIES = {
    errno.ENOSPC: "free some space, or choose another disk",
    errno.EDQUOT: "the quota is used up: remove files, or choose another disk",
    errno.EFBIG: "choose a disk that may hold larger files, or raise the limit (ulimit -f)",
    errno.EROFS: "choose a disk that can be written to",
    errno.EACCES: "change the permissions, or choose another path",
    errno.EPERM: "change the permissions, or choose another path",
    errno.ENAMETOOLONG: "choose a shorter name",
    errno.EMFILE: "close other files, or raise the limit (ulimit -n)",
    errno.ENFILE: "too many files are open on this machine: close some",
    errno.EISDIR: "give the path of a file",
    errno.ENOTDIR: "a file stands where the path has a folder: check the path",
    errno.ELOOP: "links in the path lead in a circle: check the path",
    errno.EIO: "the disk may be damaged: try another one",
}


def remedy_for(error: OSError) -> str:
    """What would do against an error of the operating system."""
    return _REMEDIES.get(error.errno or 0, "check the path")
