"""A question as EFO text that reads back as the same question."""

from __future__ import annotations

from kgreason.formula import (
    And,
    Atom,
    Constant,
    Equals,
    Exists,
    Formula,
    Not,
    Or,
    Query,
    Slot,
    Term,
    Variable,
)
from kgreason.syntax.names import KEYWORDS, is_bare, is_iri, is_literal, quoted
from kgreason.walks import Walk, unwind


def to_text(query: Query[str]) -> str:
    """The question in EFO notation, without its modifiers; `parse_efo` gives an equal one back."""
    head = " ".join(f"?{variable.name}" for variable in query.free) or "ask"
    scope = frozenset(v.name for v in query.free)
    return f"{head} : {unwind(_formula(query.formula, scope))}"


def _formula(formula: Formula[str], scope: frozenset[str]) -> Walk[str]:
    match formula:
        case Exists(bound, body):
            names = ", ".join(_variable(v) for v in bound)
            inside: str = yield _formula(body, scope | {v.name for v in bound})
            return f"exists {names} . {inside}"
        case And(parts):
            all_of: str = yield _joined(" & ", parts, scope, (Exists, Or, And))
            return all_of
        case Or(parts):
            any_of: str = yield _joined(" | ", parts, scope, (Exists, Or))
            return any_of
        case Not(Equals(left, right)):
            return f"{_term(left, scope)} != {_term(right, scope)}"
        case Not(body):
            negated: str = yield _joined("!", (body,), scope, (Exists, And, Or, Equals))
            return negated
        case Equals(left, right):
            return f"{_term(left, scope)} = {_term(right, scope)}"
        case Atom(relation, head, tail, inverse):
            name = f"${relation.name}" if isinstance(relation, Slot) else _name(relation, ())
            return f"{'^' * inverse}{name}({_term(head, scope)}, {_term(tail, scope)})"


def _joined(
    sign: str,
    parts: tuple[Formula[str], ...],
    scope: frozenset[str],
    bracketed: tuple[type[object], ...],
) -> Walk[str]:
    """The parts with the sign between them, or before a single one, in brackets where needed."""
    found: list[str] = []
    for part in parts:
        text: str = yield _formula(part, scope)
        found.append(f"({text})" if isinstance(part, bracketed) else text)
    return sign.join(found if len(found) > 1 else ["", *found])


def _term(term: Term[str], scope: frozenset[str]) -> str:
    match term:
        case Variable():
            return _variable(term)
        case Slot(name):
            return f"${name}"
        case Constant(name):
            return _name(name, scope)


def _variable(variable: Variable) -> str:
    name = variable.name
    return f"?{name}" if name.lower() in KEYWORDS else name


def _name(name: str, scope: frozenset[str] | tuple[()]) -> str:
    if is_iri(name) or is_literal(name) or (is_bare(name) and name not in scope):
        return name
    return quoted(name)
