"""Rewrites of a formula. Each is a function; its laws and the order are data in RULES."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from operator import is_

from kgreason.formula import (
    And,
    Exists,
    Formula,
    Not,
    Or,
    children,
    conjunction,
    disjunction,
    exists,
    fold,
    rebuild,
    variables,
)
from kgreason.truth import Law
from kgreason.walks import Walk, unwind

COUNTED = 10**12
"""Atoms of a disjunctive form are counted up to here."""

Rewrite = Callable[[Formula[int]], Formula[int]]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rewrite with the laws under which it keeps every truth value.

    `defines_dnf` marks the rewrites that the disjunctive reading of a question applies whether or
    not the logic keeps their laws.
    """

    name: str
    rewrite: Rewrite
    needs: frozenset[Law]
    defines_dnf: bool = False


def bottom_up(step: Rewrite) -> Rewrite:
    """Apply `step` at every node, children first."""

    def rewrite(formula: Formula[int]) -> Formula[int]:
        return fold(formula, lambda part, below: step(_with(part, below)))

    return rewrite


def _with(formula: Formula[int], parts: tuple[Formula[int], ...]) -> Formula[int]:
    """The formula with other children; itself, not a copy, when none of them is another."""
    same = all(map(is_, parts, children(formula)))
    return formula if same else rebuild(formula, parts)


def _flatten(formula: Formula[int]) -> Formula[int]:
    match formula:
        case And(parts) if any(isinstance(part, And) for part in parts):
            return conjunction(list(parts))
        case Or(parts) if any(isinstance(part, Or) for part in parts):
            return disjunction(list(parts))
        case Exists(bound, body) if not bound or isinstance(body, Exists):
            return exists(bound, body)
        case _:
            return formula


def _drop_unused(formula: Formula[int]) -> Formula[int]:
    """∃x a → a where a does not mention x."""
    if isinstance(formula, Exists):
        used = set(variables(formula.body))
        if not used.issuperset(formula.variables):
            return exists(tuple(v for v in formula.variables if v in used), formula.body)
    return formula


def push_not_inward(formula: Formula[int]) -> Formula[int]:
    """¬¬a → a, ¬(a ∧ b) → ¬a ∨ ¬b, ¬(a ∨ b) → ¬a ∧ ¬b; a ¬ before ∃ stays where it is."""
    return unwind(_pushed(formula, in_groups=True))


def _pushed(formula: Formula[int], in_groups: bool) -> Walk[Formula[int]]:
    """in_groups: whether also inside a negated ∃."""
    while isinstance(formula, Not) and isinstance(formula.body, Not):
        formula = formula.body.body
    if isinstance(formula, Not) and isinstance(formula.body, And | Or):
        parts: list[Formula[int]] = []
        for part in formula.body.parts:
            parts.append((yield _pushed(Not(part), in_groups)))
        return disjunction(parts) if isinstance(formula.body, And) else conjunction(parts)
    if isinstance(formula, Not) and not in_groups:
        return formula
    below: list[Formula[int]] = []
    for part in children(formula):
        below.append((yield _pushed(part, in_groups)) if children(part) else part)
    return _with(formula, tuple(below))


def _widen_exists(formula: Formula[int]) -> Formula[int]:
    """Rewrite a ∧ ∃x b(x) → ∃x (a ∧ b(x)): one block of inner variables, for planning to order."""
    if not isinstance(formula, And) or not any(isinstance(p, And | Exists) for p in formula.parts):
        return formula
    bound = tuple(v for part in formula.parts if isinstance(part, Exists) for v in part.variables)
    parts = [part.body if isinstance(part, Exists) else part for part in formula.parts]
    return exists(bound, conjunction(parts))


def _split_exists(formula: Formula[int]) -> Formula[int]:
    """∃x (a(x) ∨ b(x)) → ∃x a(x) ∨ ∃x b(x)."""
    if isinstance(formula, Exists) and isinstance(formula.body, Or):
        place = {variable: i for i, variable in enumerate(formula.variables)}
        return disjunction(
            [
                exists(tuple(sorted(place.keys() & variables(part), key=place.__getitem__)), part)
                for part in formula.body.parts
            ]
        )
    return formula


def _distribute(formula: Formula[int]) -> Formula[int]:
    """Rewrite a ∧ (b ∨ c) → (a ∧ b) ∨ (a ∧ c)."""
    if not isinstance(formula, And):
        return formula
    options = [part.parts if isinstance(part, Or) else (part,) for part in formula.parts]
    if all(len(option) == 1 for option in options):
        return formula
    return disjunction([_widen_exists(conjunction(list(choice))) for choice in product(*options)])


def _drop_repeated(formula: Formula[int]) -> Formula[int]:
    """Rewrite a ∧ a → a, and by duality a ∨ a → a."""
    match formula:
        case And(parts) if len(set(parts)) < len(parts):
            return conjunction(list(dict.fromkeys(parts)))
        case Or(parts) if len(set(parts)) < len(parts):
            return disjunction(list(dict.fromkeys(parts)))
        case _:
            return formula


def outside_negation(rewrite: Rewrite) -> Rewrite:
    """Apply a rewrite that works bottom-up, but leave negated groups as they are."""

    def guarded(formula: Formula[int]) -> Walk[Formula[int]]:
        if isinstance(formula, Not):
            return formula
        below: list[Formula[int]] = []
        for part in children(formula):
            below.append((yield guarded(part)) if children(part) else part)
        return rewrite(_with(formula, tuple(below)))

    return lambda formula: unwind(guarded(formula))


def _to_disjunctions(formula: Formula[int]) -> Formula[int]:
    """The disjunctive form by the laws of classical logic; a negated ∃ stays as it is."""
    return outside_negation(_split_and_distribute)(unwind(_pushed(formula, in_groups=False)))


def _split_and_distribute(formula: Formula[int]) -> Formula[int]:
    return _split_exists(_distribute(_flatten(formula)))


def atoms_after_distribution(formula: Formula[int]) -> int:
    """Atoms that the disjunctive form would have, without building it; at most `COUNTED`."""
    return fold(unwind(_pushed(formula, in_groups=False)), _disjuncts)[1]


_Counts = tuple[int, int, int]


def _disjuncts(part: Formula[int], below: tuple[_Counts, ...]) -> _Counts:
    """(disjuncts, atoms in all of them, atoms as they stand) of the disjunctive form."""
    total, atoms = 1, 0
    standing = sum(one for _, _, one in below) or 1
    match part:
        case Or():
            total = sum(count for count, _, _ in below)
            atoms = sum(size for _, size, _ in below)
        case And() | Exists():
            for count, size, _ in below:
                atoms = min(COUNTED, atoms * count + size * total)
                total = min(COUNTED, total * count)
        case _:
            atoms = standing
    return min(COUNTED, total), min(COUNTED, atoms), standing


RULES: tuple[Rule, ...] = (
    Rule("flatten", bottom_up(_flatten), frozenset()),
    Rule("drop-unused", bottom_up(_drop_unused), frozenset({Law.VACUOUS_EXISTS})),
    Rule("push-not-inward", push_not_inward, frozenset({Law.INVOLUTION, Law.DE_MORGAN})),
    Rule("widen-exists", bottom_up(_widen_exists), frozenset({Law.EXISTS_OVER_AND})),
    Rule(
        "to-disjunctions",
        _to_disjunctions,
        frozenset(
            {
                Law.INVOLUTION,
                Law.DE_MORGAN,
                Law.AND_OVER_OR,
                Law.EXISTS_OVER_AND,
                Law.EXISTS_OVER_OR,
                Law.VACUOUS_EXISTS,
            }
        ),
        defines_dnf=True,
    ),
    Rule(
        "split-exists",
        bottom_up(_split_exists),
        # A disjunct keeps only the variables that it mentions.
        frozenset({Law.EXISTS_OVER_OR, Law.VACUOUS_EXISTS}),
    ),
    Rule("drop-repeated", bottom_up(_drop_repeated), frozenset({Law.IDEMPOTENCE})),
    Rule("flatten-again", bottom_up(_flatten), frozenset()),
)
