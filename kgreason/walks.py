"""Recursive walks that keep a stack of their own: no depth of a question is too much for them."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, TypeVar

Result = TypeVar("Result")
Walk = Generator["Walk[Any]", Any, Result]
"""A walk yields walks of parts, is sent the result of each, and returns its own result."""


def unwind(walk: Walk[Result]) -> Result:
    """The result of a walk. Its parts wait on a list, not on Python's stack."""
    waiting: list[Walk[Any]] = [walk]
    value: Any = None
    while True:
        try:
            part = waiting[-1].send(value)
        except StopIteration as end:
            waiting.pop()
            value = end.value
            if not waiting:
                return value  # type: ignore[no-any-return]
        else:
            waiting.append(part)
            value = None
