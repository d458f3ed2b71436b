"""What a property path says about its ends."""

from __future__ import annotations

from collections.abc import Callable

from kgreason.formula import (
    Atom,
    Formula,
    Term,
    Variable,
    conjunction,
    disjunction,
    exists,
    variables,
)
from kgreason.syntax.sparql import tree as t
from kgreason.walks import Walk, unwind


def statements(
    path: t.Path, head: Term[str], tail: Term[str], fresh: Callable[[], str]
) -> list[Formula[str]]:
    """The statements of a path, with fresh variables between its steps."""
    if isinstance(path, t.Step):
        return [Atom(path.name, head, tail, False, path.place)]
    return unwind(_said(path, head, tail, False, fresh))


def _said(
    path: t.Path, head: Term[str], tail: Term[str], inverse: bool, fresh: Callable[[], str]
) -> Walk[list[Formula[str]]]:
    match path:
        case t.Step(name, place):
            return [Atom(name, head, tail, inverse, place)]
        case t.Inverse(inner):
            said: list[Formula[str]] = yield _said(inner, head, tail, not inverse, fresh)
            return said
        case t.Steps(parts):
            ends = [head, *(Variable(fresh()) for _ in parts[1:]), tail]
            found: list[Formula[str]] = []
            for i, step in enumerate(reversed(parts) if inverse else parts):
                found += yield _said(step, ends[i], ends[i + 1], inverse, fresh)
            return found
        case t.Options(parts):
            branches: list[Formula[str]] = []
            for part in parts:
                branch = conjunction((yield _said(part, head, tail, inverse, fresh)))
                own = tuple(v for v in variables(branch) if v not in (head, tail))
                branches.append(exists(own, branch))
            return [disjunction(branches)]
