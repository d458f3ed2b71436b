"""Where text goes: data to standard output, everything else to standard error."""

from __future__ import annotations

import os
import re
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from io import TextIOWrapper
from typing import TYPE_CHECKING, TextIO

from kgreason.cli.common.streams import output_is_open, standard_output, write_all

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

Show = Callable[[str], None]

# Controls, line separators that are not newlines, and marks that turn the direction of writing.
_CONTROL = re.compile("[\\x00-\\x08\\x0b-\\x1f\\x7f-\\x9f\\u2028-\\u202e\\u2066-\\u2069]")


class Terminal:
    """The two streams of one command; no styles where a stream is not a terminal."""

    def __init__(self, *, quiet: bool = False, color: bool = True, debug: bool = False) -> None:
        self.quiet = quiet
        self.debug = debug or os.environ.get("KGREASON_DEBUG", "") not in ("", "0")
        color = color and not os.environ.get("NO_COLOR")
        self.out = _console(sys.stdout, color)
        self.err = _console(sys.stderr, color)
        self.seconds: dict[str, float] = {}

    @property
    def interactive(self) -> bool:
        """Whether standard output is a terminal."""
        return output_is_open() and sys.stdout.isatty()

    def note(self, text: str | Text) -> None:
        """A line for people on standard error, unless they asked for quiet."""
        if not self.quiet:
            self.err.print(visible(text) if isinstance(text, str) else text, soft_wrap=True)

    def warn(self, text: str) -> None:
        """A line on standard error without which the data would be misread, quiet or not."""
        self.err.print(visible(text), soft_wrap=True)

    def fail(self, text: str) -> None:
        """An error on standard error, quiet or not."""
        from rich.text import Text

        self.err.print(Text.assemble(("error: ", "bold red"), visible(text)), soft_wrap=True)

    def print(self, text: str | Text) -> None:
        """A line for people on standard output."""
        text = visible(text) if isinstance(text, str) else text
        line = f"{text}\n"
        if self.out.color_system is not None:
            # Written here, not by rich, which ends the process when the reader has gone.
            with self.out.capture() as shown:
                self.out.print(text, soft_wrap=True)
            line = shown.get()
        write_all(standard_output(), line.encode(sys.stdout.encoding or "utf-8", "replace"))

    def data(self, text: str) -> None:
        """A document for programs on standard output, always UTF-8."""
        output = standard_output()
        write_all(output, text.encode("utf-8", "replace"))
        output.flush()

    @contextmanager
    def stage(self, name: str, doing: str) -> Iterator[Show]:
        """Say what is being done while it lasts, and remember how long it took."""
        started = time.perf_counter()
        try:
            if self.quiet or not self.err.is_terminal:
                yield lambda text: None
            else:
                with self.err.status(doing) as status:
                    yield status.update
        finally:
            self.seconds[name] = time.perf_counter() - started

    @contextmanager
    def bar(self, doing: str, total: int) -> Iterator[Callable[..., None]]:
        """A progress bar; it is told how much is done, what is being done, perhaps the total."""
        if self.quiet or not self.err.is_terminal:
            yield lambda done, text, total=None: None
            return
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
        from rich.progress import TimeRemainingColumn as Remaining

        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining())
        with Progress(*columns, console=self.err, transient=True) as progress:
            task = progress.add_task(doing, total=total)
            yield lambda done, text, total=None: progress.update(
                task, completed=done, description=text, total=total
            )


def visible(text: str) -> str:
    """Control characters spelled out: a name must not move the cursor. Lines and tabs stay."""
    return _CONTROL.sub(lambda found: repr(found[0])[1:-1], text)


def _console(stream: TextIO, color: bool) -> Console:
    from rich.console import Console

    if isinstance(stream, TextIOWrapper):
        # A character that the stream cannot spell must not end the command.
        with suppress(ValueError):
            stream.reconfigure(errors="replace")
    return Console(
        file=stream,
        color_system="auto" if color else None,
        highlight=False,
        markup=False,
        emoji=False,
    )
