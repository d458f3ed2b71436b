"""A long computation asks now and then whether it may go on, whoever runs it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_CHECK: ContextVar[Callable[[], None] | None] = ContextVar("check", default=None)


@contextmanager
def interruptible(check: Callable[[], None]) -> Iterator[None]:
    """Inside, `go_on` calls this, which raises an exception of its own to end the computation."""
    before = _CHECK.set(check)
    try:
        yield
    finally:
        _CHECK.reset(before)


def go_on() -> None:
    """Raise what ends the computation, if anything does. Called between parts of a second or so."""
    check = _CHECK.get()
    if check is not None:
        check()
