"""Normal form: law-gated rewrites, then terms become nodes and signed atoms become edges."""

from __future__ import annotations

import re
from dataclasses import dataclass

from kgreason.errors import LimitError, Place, UnsafeQueryError, UsageError
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
    rename_terms,
    terms,
    variables,
    walk,
)
from kgreason.normal.orientation import Distances, distances, identity, orient
from kgreason.normal.query_graph import Alternatives, Member, NegatedGroup, QueryGraph
from kgreason.normal.rules import RULES, Rule, atoms_after_distribution
from kgreason.settings import Semantics
from kgreason.truth import Law, Logic

MAX_ATOMS = 4096
"""A rewrite that would leave more atoms than this does not fire."""


@dataclass(frozen=True, slots=True)
class NormalForm:
    """A query graph, with what was done to reach it and what was refused for want of a law."""

    graph: QueryGraph
    fired: tuple[str, ...]
    refused: tuple[str, ...]


def normalize(query: Query[int], logic: Logic, semantics: Semantics = "text") -> NormalForm:
    """Rewrite as far as the logic's laws allow, orient every atom, build the query graph.

    semantics: "text" keeps every truth value of the question as written; "dnf" means its
    disjunctive normal form, the convention of the EFO-1 literature, whatever the laws.
    Raises UnsafeQueryError when an answer variable is not bound by a positive atom, LimitError when
    the disjunctive form would have more than MAX_ATOMS atoms.
    """
    if semantics == "dnf" and Law.EXISTS_OVER_AND not in logic.laws:
        raise UsageError(
            f"the disjunctive normal form has no meaning under {logic}",
            remedy='ask with semantics "text", or with a logic whose ∃ is the maximum',
        )
    formula = rename_apart(query.formula, query.free)
    far = distances(formula, query.free)
    fired: list[str] = []
    refused: list[str] = []
    for rule in RULES:
        if rule.defines_dnf and semantics != "dnf":
            continue
        after = _apply(rule, formula, logic, semantics, refused)
        # A rewrite with nothing to do returns the very same formula: equality costs more to see.
        if after is not formula and after != formula:
            fired.append(rule.name)
        formula = after
    _check_safe(query, formula)
    return NormalForm(_graph(formula, query.free, far), tuple(fired), tuple(refused))


def _apply(
    rule: Rule, before: Formula[int], logic: Logic, semantics: Semantics, refused: list[str]
) -> Formula[int]:
    forced = rule.defines_dnf and semantics == "dnf"
    if forced and (size := atoms_after_distribution(before)) > MAX_ATOMS:
        raise LimitError(
            f"the disjunctive form would have {size:,} atoms, more than {MAX_ATOMS:,}",
            remedy='ask it with semantics "text", which keeps the disjunctions where they stand',
        )
    missing = rule.needs - logic.laws
    after = rule.rewrite(before)
    if after is before:
        return before
    if missing and not forced:
        if after != before:
            laws = "; ".join(sorted(law.value for law in missing))
            refused.append(f"{rule.name}: {logic} does not keep {laws}")
        return before
    _check_rule(rule, before, after)
    return after


def _check_rule(rule: Rule, before: Formula[int], after: Formula[int]) -> None:
    """Every rule keeps the free variables and the relations; one that does not is named."""
    if set(variables(before)) != set(variables(after)) or _relations(before) != _relations(after):
        raise AssertionError(f"the rule {rule.name} changed what the question is about")


def _relations(formula: Formula[int]) -> set[object]:
    return {part.relation for part in walk(formula) if isinstance(part, Atom)}


def rename_apart(formula: Formula[int], free: tuple[Variable, ...]) -> Formula[int]:
    """Give every quantified variable a name of its own."""
    taken = {v.name for v in free}

    def visit(part: Formula[int], names: dict[Variable, Variable]) -> Formula[int]:
        if isinstance(part, Exists):
            fresh = {v: Variable(_fresh(v.name, taken)) for v in part.variables}
            return Exists(tuple(fresh.values()), visit(part.body, names | fresh))
        if isinstance(part, Atom | Equals):
            return rename_terms(part, lambda term: _renamed(term, names), lambda r, _: r)
        match part:
            case Not(body):
                return Not(visit(body, names))
            case And(parts):
                return And(tuple(visit(p, names) for p in parts))
            case Or(parts):
                return Or(tuple(visit(p, names) for p in parts))

    return visit(formula, {})


def _renamed(term: Term[int], names: dict[Variable, Variable]) -> Term[int]:
    return names.get(term, term) if isinstance(term, Variable) else term


def _fresh(name: str, taken: set[str]) -> str:
    candidate, number = name, 1
    while candidate in taken:
        number += 1
        candidate = f"{name}_{number}"
    taken.add(candidate)
    return candidate


def _graph(formula: Formula[int], free: tuple[Variable, ...], far: Distances) -> QueryGraph:
    inner: tuple[Variable, ...] = ()
    if isinstance(formula, Exists):
        inner, formula = formula.variables, formula.body
    parts = formula.parts if isinstance(formula, And) else (formula,)
    return QueryGraph(free, inner, tuple(_member(part, far) for part in parts))


def _member(formula: Formula[int], far: Distances) -> Member:
    match formula:
        case Atom():
            return orient(formula, False, far)
        case Equals(left, right):
            return identity(left, right, False)
        case Not(Atom() as atom):
            return orient(atom, True, far)
        case Not(Equals(left, right)):
            return identity(left, right, True)
        case Not(body):
            return NegatedGroup(_graph(body, variables(body), far))
        case Or(parts):
            return Alternatives(tuple(_graph(part, variables(part), far) for part in parts))
        case _:
            return Alternatives((_graph(formula, variables(formula), far),))


def _check_safe(query: Query[int], formula: Formula[int]) -> None:
    bound = _bound(formula)
    loose = [v for v in query.free if v not in bound]
    if loose:
        names = ", ".join(f"?{v.name}" for v in loose)
        raise UnsafeQueryError(
            f"{names} is bound by no positive atom, so nearly every entity would be an answer",
            remedy="add an atom that says what it is (in each alternative, if there are several)",
            text=query.text,
            place=_mention(query.text, loose[0]),
        )


def _mention(text: str | None, variable: Variable) -> Place | None:
    """Where the text first names the variable."""
    found = re.search(rf"[?$]?\b{re.escape(variable.name)}\b", text or "")
    return Place(*found.span()) if found else None


def _bound(formula: Formula[int]) -> frozenset[Variable]:
    """Variables that a positive atom or a constant restricts, whichever alternative holds."""
    match formula:
        case Atom():
            return frozenset(t for t in terms(formula) if isinstance(t, Variable))
        case Equals(left, right):
            ends = frozenset(t for t in (left, right) if isinstance(t, Variable))
            return (
                ends if any(isinstance(t, Constant | Slot) for t in (left, right)) else frozenset()
            )
        case And(parts):
            return _closed(frozenset().union(*(_bound(part) for part in parts)), parts)
        case Or(parts):
            return frozenset.intersection(*(_bound(part) for part in parts))
        case Exists(inner, body):
            return _bound(body) - set(inner)
        case Not():
            return frozenset()


def _closed(bound: frozenset[Variable], parts: tuple[Formula[int], ...]) -> frozenset[Variable]:
    """A variable equal to a bound one is bound."""
    pairs = [
        (part.left, part.right)
        for part in parts
        if isinstance(part, Equals) and all(isinstance(t, Variable) for t in terms(part))
    ]
    growing = set(bound)
    for _ in pairs:
        for left, right in pairs:
            if left in growing or right in growing:
                growing |= {left, right}  # type: ignore[arg-type]
    return frozenset(growing)
