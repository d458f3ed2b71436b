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
    Term,
    Variable,
    children,
    fold,
    rebuild,
    rename_terms,
    variables,
    walk,
)
from kgreason.normal.orientation import Distances, distances, identity, orient
from kgreason.normal.query_graph import Alternatives, Member, NegatedGroup, QueryGraph
from kgreason.normal.rules import COUNTED, RULES, Rule, atoms_after_distribution
from kgreason.settings import Semantics
from kgreason.truth import Law, Logic
from kgreason.walks import Walk, unwind

MAX_STATEMENTS = 16_000
"""Atoms and equalities that a question may have."""
MAX_VARIABLES = 4_000
"""Quantified variables that a question may have."""
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
    Raises UnsafeQueryError when an answer variable is not bound by a positive atom, LimitError for
    a question of more than MAX_STATEMENTS or MAX_VARIABLES, and when the disjunctive form would
    have more than MAX_ATOMS atoms.
    """
    if semantics == "dnf" and Law.EXISTS_OVER_AND not in logic.laws:
        raise UsageError(
            f"the disjunctive normal form has no meaning under {logic}",
            remedy='ask with semantics "text", or with a logic whose ∃ is the maximum',
        )
    _check_size(query)
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


def _check_size(query: Query[int]) -> None:
    statements = variables_seen = 0
    place: Place | None = None
    for part in walk(query.formula):
        match part:
            case Atom(_, _, _, _, place):
                statements += 1
            case Equals():
                statements += 1
            case Exists(own, _):
                variables_seen += len(own)
        for count, limit, what in (
            (statements, MAX_STATEMENTS, "statements"),
            (variables_seen, MAX_VARIABLES, "quantified variables"),
        ):
            if count > limit:
                raise LimitError(
                    f"the question has more than {limit:,} {what}",
                    text=query.text if place else None,
                    place=place,
                    remedy="ask several questions, or put long lists of entities into the graph",
                )


def _apply(
    rule: Rule, before: Formula[int], logic: Logic, semantics: Semantics, refused: list[str]
) -> Formula[int]:
    forced = rule.defines_dnf and semantics == "dnf"
    if forced and (size := atoms_after_distribution(before)) > MAX_ATOMS:
        raise LimitError(
            f"the disjunctive form would have {_counted(size)} atoms, more than {MAX_ATOMS:,}",
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


def _counted(size: int) -> str:
    return f"{size:,}" if size < COUNTED else f"{COUNTED:,} or more"


def _check_rule(rule: Rule, before: Formula[int], after: Formula[int]) -> None:
    """Every rule keeps the free variables and the relations; one that does not is named."""
    if set(variables(before)) != set(variables(after)) or _relations(before) != _relations(after):
        raise AssertionError(f"the rule {rule.name} changed what the question is about")


def _relations(formula: Formula[int]) -> set[object]:
    return {part.relation for part in walk(formula) if isinstance(part, Atom)}


def rename_apart(formula: Formula[int], free: tuple[Variable, ...]) -> Formula[int]:
    """Give every quantified variable a name of its own."""
    return unwind(_Renaming({v.name for v in free}).visit(formula))


class _Renaming:
    """Names given so far, and those in force where the walk is."""

    def __init__(self, taken: set[str]) -> None:
        self.taken = taken
        self.numbers: dict[str, int] = {}
        self.names: dict[Variable, Variable] = {}

    def visit(self, part: Formula[int]) -> Walk[Formula[int]]:
        if isinstance(part, Exists):
            outer = {v: self.names.get(v, v) for v in part.variables}
            fresh = {v: Variable(self._fresh(v.name)) for v in part.variables}
            self.names.update(fresh)
            body = yield self.visit(part.body)
            self.names.update(outer)
            return Exists(tuple(fresh.values()), body)
        if isinstance(part, Atom | Equals):
            return rename_terms(part, self._term, lambda relation, _: relation)
        parts: list[Formula[int]] = []
        for child in children(part):
            parts.append((yield self.visit(child)))
        return rebuild(part, tuple(parts))

    def _term(self, term: Term[int]) -> Term[int]:
        return self.names.get(term, term) if isinstance(term, Variable) else term

    def _fresh(self, name: str) -> str:
        candidate, number = name, self.numbers.get(name, 1)
        while candidate in self.taken:
            number += 1
            candidate = f"{name}_{number}"
        self.numbers[name] = number
        self.taken.add(candidate)
        return candidate


_Conjunction = tuple[tuple[Variable, ...], tuple[Member, ...]]
"""Variables quantified in front of a conjunction, and its members."""


def _graph(formula: Formula[int], free: tuple[Variable, ...], far: Distances) -> QueryGraph:
    inner, members = fold(formula, lambda part, below: _members(part, below, far))
    return QueryGraph(free, inner, members)


def _members(part: Formula[int], below: tuple[_Conjunction, ...], far: Distances) -> _Conjunction:
    """The formula as a conjunction, from the conjunctions that its children are."""
    groups = zip(children(part), below, strict=True)
    match part:
        case Atom():
            return (), (orient(part, False, far),)
        case Equals(left, right):
            return (), (identity(left, right, False),)
        case Not(Atom() as atom):
            return (), (orient(atom, True, far),)
        case Not(Equals(left, right)):
            return (), (identity(left, right, True),)
        case Not(body):
            return (), (NegatedGroup(QueryGraph(variables(body), *below[0])),)
        case Or():
            graphs = (QueryGraph(variables(child), *group) for child, group in groups)
            return (), (Alternatives(tuple(graphs)),)
        case And():
            return (), tuple(_single(child, group) for child, group in groups)
        case Exists(bound, body):
            same = below[0][1] if isinstance(body, And) else (_single(body, below[0]),)
            return bound, same


def _single(part: Formula[int], found: _Conjunction) -> Member:
    """A part of a conjunction as one member."""
    if isinstance(part, And | Exists):
        return Alternatives((QueryGraph(variables(part), *found),))
    return found[1][0]


def _check_safe(query: Query[int], formula: Formula[int]) -> None:
    bound = fold(formula, _bound)
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


def _bound(part: Formula[int], below: tuple[frozenset[Variable], ...]) -> frozenset[Variable]:
    """Variables that a positive atom or a constant restricts, whichever alternative holds."""
    match part:
        case Atom():
            return frozenset(variables(part))
        case Equals(left, right):
            fixed = isinstance(left, Constant) or isinstance(right, Constant)
            return frozenset(variables(part) if fixed else ())
        case And(parts):
            return _closed(frozenset().union(*below), parts)
        case Or():
            return frozenset.intersection(*below)
        case Exists(inner, _):
            return below[0].difference(inner)
        case Not():
            return frozenset()


def _closed(bound: frozenset[Variable], parts: tuple[Formula[int], ...]) -> frozenset[Variable]:
    """A variable equal to a bound one is bound."""
    equal: dict[Variable, list[Variable]] = {}
    for part in parts:
        ends = variables(part) if isinstance(part, Equals) else ()
        for one, other in zip(ends, ends[::-1], strict=True):
            equal.setdefault(one, []).append(other)
    growing, waiting = set(bound), list(bound & equal.keys())
    while waiting:
        for other in equal[waiting.pop()]:
            if other not in growing:
                growing.add(other)
                waiting.append(other)
    return frozenset(growing)
