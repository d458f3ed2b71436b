"""Where results go and in which format."""

from __future__ import annotations

import os
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path

from kgreason.cli.common.streams import closed_output, output_is_open
from kgreason.cli.common.terminal import Terminal
from kgreason.errors import KgreasonError, UsageError, remedy_for
from kgreason.files import replacing

TABLE = "table"
_SUFFIXES = {
    ".json": "json",
    ".srj": "json",
    ".xml": "xml",
    ".srx": "xml",
    ".csv": "csv",
    ".tsv": "tsv",
    ".txt": TABLE,
}


@dataclass(frozen=True, slots=True)
class Target:
    """A results format, and the file to write; None is standard output."""

    format: str
    path: Path | None

    @classmethod
    def choose(cls, wanted: str | None, path: Path | None, interactive: bool) -> Target:
        """The format asked for, else by the suffix, else a table for people and TSV for pipes.

        Raises UsageError when the file could not be written, before anything is computed.
        """
        path = None if path is None or str(path) == "-" else path
        if path is not None:
            _check_place(path)
        elif not output_is_open():
            raise closed_output()
        if wanted is not None:
            return cls(_short_name(wanted), path)
        if path is None:
            return cls(TABLE if interactive else "tsv", None)
        if path.suffix.lower() not in _SUFFIXES:
            raise UsageError(
                f"{path}: the suffix {path.suffix or '(none)'} tells no results format",
                remedy=f"end it in {', '.join(_SUFFIXES)}, or say --format",
            )
        return cls(_SUFFIXES[path.suffix.lower()], path)

    def write(self, terminal: Terminal, text: str) -> None:
        """Hand over a whole document."""
        if self.path is None:
            terminal.data(text)
        else:
            write_whole(self.path, text)


def _short_name(wanted: str) -> str:
    if wanted.lower() in _SUFFIXES.values():
        return wanted.lower()
    # MIME types and mistakes; what knows them needs torch.
    from kgreason.answers import format_name

    return format_name(wanted)


def write_whole(path: Path, text: str) -> None:
    """Write a file that is there whole or not at all; devices and pipes are written to directly."""
    direct = path.exists() and not path.is_file()
    try:
        with nullcontext(path) if direct else replacing(path) as place:
            place.write_bytes(text.encode("utf-8", "replace"))
    except OSError as error:
        raise KgreasonError(
            f"cannot write {path}: {error.strerror or error}", remedy=remedy_for(error)
        ) from error


def _check_place(path: Path) -> None:
    if path.is_dir():
        raise UsageError(f"{path} is a folder", remedy="give the path of a file")
    if not path.parent.is_dir() or not os.access(path.parent, os.W_OK):
        raise UsageError(
            f"cannot write into {path.parent}",
            remedy="choose a folder that exists and can be written to",
        )
