"""Recursive walks that keep a stack of their own: no depth of a question is too much for them."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import Any, TypeVar

Node = TypeVar("Node")
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


def fold(
    root: Node,
    children: Callable[[Node], Sequence[Node]],
    combine: Callable[[Node, tuple[Result, ...]], Result],
) -> Result:
    """`combine(node, results of its children)` of every node, children first; that of the root.

    A node that stands in several places (the very same object) is combined once.
    """
    known: dict[int, Result] = {}
    waiting: list[Node] = [root]
    while waiting:
        node = waiting[-1]
        below = children(node)
        unknown = [child for child in below if id(child) not in known] if below else below
        if unknown:
            waiting.extend(reversed(unknown))
            continue
        waiting.pop()
        if id(node) not in known:
            known[id(node)] = combine(node, tuple([known[id(child)] for child in below]))
    return known[id(root)]
