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


def to_text(query: Query[str]) -> str:
    """The question in EFO notation, without its modifiers; `parse_efo` gives an equal one back."""
    head = " ".join(f"?{variable.name}" for variable in query.free) or "ask"
    return f"{head} : {_formula(query.formula, frozenset(v.name for v in query.free))}"


def _formula(formula: Formula[str], scope: frozenset[str]) -> str:
    match formula:
        case Exists(bound, body):
            names = ", ".join(_variable(v) for v in bound)
            return f"exists {names} . {_formula(body, scope | {v.name for v in bound})}"
        case And(parts):
            return " & ".join(_part(part, scope, (Exists, Or, And)) for part in parts)
        case Or(parts):
            return " | ".join(_part(part, scope, (Exists, Or)) for part in parts)
        case Not(Equals(left, right)):
            return f"{_term(left, scope)} != {_term(right, scope)}"
        case Not(body):
            return "!" + _part(body, scope, (Exists, And, Or, Equals))
        case Equals(left, right):
            return f"{_term(left, scope)} = {_term(right, scope)}"
        case Atom(relation, head, tail, inverse):
            name = f"${relation.name}" if isinstance(relation, Slot) else _name(relation, ())
            return f"{'^' * inverse}{name}({_term(head, scope)}, {_term(tail, scope)})"


def _part(formula: Formula[str], scope: frozenset[str], bracketed: tuple[type[object], ...]) -> str:
    text = _formula(formula, scope)
    return f"({text})" if isinstance(formula, bracketed) else text


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
