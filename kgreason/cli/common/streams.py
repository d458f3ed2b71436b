"""Standard streams as a shell may hand them over: closed, full, without a reader."""

from __future__ import annotations

import errno
import io
import os
import sys
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, TextIO

from kgreason.errors import UsageError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


def prepare_streams() -> None:
    """Make standard streams that are closed safe to use, once and before anything is opened.

    A file that is opened later must not get the number of a stream: what a library writes to
    standard error would land in it. Standard output that is closed refuses text with UsageError;
    standard error never fails, for what is said there is never the result.
    """
    while (handle := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(handle)
    if sys.stdout is None:
        sys.stdout = io.TextIOWrapper(_Closed(), encoding="utf-8", write_through=True)
    sys.stderr = _NeverFailing(sys.stderr)


def write_all(stream: IO[bytes], content: bytes) -> None:
    """Write everything. An unbuffered stream (PYTHONUNBUFFERED) may take a part and be content."""
    rest = memoryview(content)
    while rest:
        count: int | None = stream.write(rest)
        if count is None:
            raise BlockingIOError(errno.EAGAIN, os.strerror(errno.EAGAIN))
        rest = rest[count:]


def standard_output() -> IO[bytes]:
    """Standard output for bytes; UsageError when it is closed."""
    if sys.stdout is None or sys.stdout.closed:
        raise closed_output()
    sys.stdout.flush()
    return sys.stdout.buffer


def output_is_open() -> bool:
    """Whether there is a standard output."""
    return not (
        sys.stdout is None
        or sys.stdout.closed
        or isinstance(getattr(sys.stdout, "buffer", None), _Closed)
    )


def closed_output() -> UsageError:
    """The error for results without a place to go to."""
    return UsageError(
        "standard output is closed", remedy="name a file with -o, or send it to /dev/null"
    )


def abandon_output() -> None:
    """The reader has gone: keep the interpreter from writing to it again on its way out."""
    with suppress(OSError, ValueError, AttributeError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def give_up_output() -> None:
    """What standard output did not take has been told: the interpreter need not try again."""
    try:
        sys.stdout.flush()
    except (OSError, ValueError):
        abandon_output()


class _Closed(io.RawIOBase):
    def writable(self) -> bool:
        return True

    def write(self, _content: ReadableBuffer, /) -> int:
        raise closed_output()


class _NeverFailing:
    """A text stream that loses what it cannot write, or all where there is no stream."""

    def __init__(self, stream: TextIO | None) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write, if that is possible."""
        with suppress(OSError, ValueError, AttributeError):
            self._stream.write(text)  # type: ignore[union-attr]
        return len(text)

    def flush(self) -> None:
        """Flush, if that is possible."""
        with suppress(OSError, ValueError, AttributeError):
            self._stream.flush()  # type: ignore[union-attr]

    def isatty(self) -> bool:
        """Whether the stream is a terminal."""
        return self._stream is not None and not self._stream.closed and self._stream.isatty()

    def __getattr__(self, name: str) -> Any:
        if self._stream is None:
            raise AttributeError(name)
        return getattr(self._stream, name)
