"""Errors become a message on standard error and an exit code, never a bare traceback."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import typer

from kgreason.cli.common.streams import abandon_output
from kgreason.cli.common.terminal import Terminal
from kgreason.errors import KgreasonError, LimitError, remedy_for

INTERRUPTED = 130


@contextmanager
def guarded(terminal: Terminal) -> Iterator[None]:
    """Turn whatever goes wrong inside into a message and `typer.Exit` with the right code."""
    try:
        yield
        sys.stdout.flush()
    except (typer.Exit, typer.Abort):
        raise
    except BrokenPipeError:
        abandon_output()
        raise typer.Exit(0) from None
    except KeyboardInterrupt:
        terminal.fail("interrupted")
        raise typer.Exit(INTERRUPTED) from None
    except Exception as error:
        if terminal.debug:
            terminal.err.print("".join(traceback.format_exception(error)), soft_wrap=True)
        terminal.fail(_message(error, terminal.debug))
        raise typer.Exit(_exit_code(error)) from None


def _message(error: Exception, shown: bool) -> str:
    if isinstance(error, KgreasonError):
        return str(error)
    if _is_out_of_memory(error):
        return (
            "out of memory\ngive the process more, lower --max-memory, ask for fewer answer "
            "variables, or load a smaller file"
        )
    if isinstance(error, OSError):
        place = f": {error.filename}" if error.filename else ""
        return f"{error.strerror or error}{place}\n{remedy_for(error)}"
    first = next(iter(str(error).splitlines()), "")
    more = "" if shown else "\nrun it again with --debug for the traceback"
    return f"this is a bug in kgreason: {type(error).__name__}: {first}{more}"


def _exit_code(error: Exception) -> int:
    if isinstance(error, KgreasonError):
        return error.exit_code
    return LimitError.exit_code if _is_out_of_memory(error) else KgreasonError.exit_code


def _is_out_of_memory(error: Exception) -> bool:
    """On a GPU torch reports it by a class of its own, on a CPU by a RuntimeError's text."""
    if isinstance(error, MemoryError) or type(error).__name__ == "OutOfMemoryError":
        return True
    return isinstance(error, RuntimeError) and "allocate memory" in str(error)
