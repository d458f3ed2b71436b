"""Rewrites of a formula. Each is a function; its laws and the order are data in RULES."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product

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
    rebuild,
    variables,
    walk,
)
from kgreason.truth import Law

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
        return step(_over_children(rewrite, formula))

    return rewrite


def _over_children(rewrite: Rewrite, formula: Formula[int]) -> Formula[int]:
    """The formula with its children rewritten; itself, not a copy, when none of them changes."""
    before = children(formula)
    after = tuple(rewrite(part) for part in before)
    same = all(new is old for new, old in zip(after, before, strict=True))
    return formula if same else rebuild(formula, after)


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
        used = variables(formula.body)
        if any(v not in used for v in formula.variables):
            return exists(tuple(v for v in formula.variables if v in used), formula.body)
    return formula


def push_not_inward(formula: Formula[int]) -> Formula[int]:
    """¬¬a → a, ¬(a ∧ b) → ¬a ∨ ¬b, ¬(a ∨ b) → ¬a ∧ ¬b; a ¬ before ∃ stays where it is."""
    if isinstance(formula, Not):
        match formula.body:
            case Not(inner):
                return push_not_inward(inner)
            case And(parts):
                return disjunction([push_not_inward(Not(part)) for part in parts])
            case Or(parts):
                return conjunction([push_not_inward(Not(part)) for part in parts])
    return _over_children(push_not_inward, formula)


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
        bound = formula.variables
        return disjunction(
            [
                exists(tuple(v for v in bound if v in variables(part)), part)
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

    def guarded(formula: Formula[int]) -> Formula[int]:
        if isinstance(formula, Not):
            return formula
        return rewrite(_over_children(guarded, formula))

    return guarded


def _to_disjunctions(formula: Formula[int]) -> Formula[int]:
    return _split_exists(_distribute(_flatten(formula)))


def atoms_after_distribution(formula: Formula[int]) -> int:
    """Atoms that the disjunctive form would have, without building it."""
    return _disjuncts(formula)[1]


def _disjuncts(formula: Formula[int]) -> tuple[int, int]:
    """(disjuncts, atoms in all of them) of the disjunctive form."""
    match formula:
        case Or(parts):
            counted = [_disjuncts(part) for part in parts]
            return sum(c for c, _ in counted), sum(a for _, a in counted)
        case And(parts):
            total, atoms = 1, 0
            for count, size in (_disjuncts(part) for part in parts):
                atoms = atoms * count + size * total
                total *= count
            return total, atoms
        case Exists(_, body):
            return _disjuncts(body)
        case _:
            return 1, sum(1 for part in walk(formula) if not children(part))


RULES: tuple[Rule, ...] = (
    Rule("flatten", bottom_up(_flatten), frozenset()),
    Rule("drop-unused", bottom_up(_drop_unused), frozenset({Law.VACUOUS_EXISTS})),
    Rule("push-not-inward", push_not_inward, frozenset({Law.INVOLUTION, Law.DE_MORGAN})),
    Rule("widen-exists", bottom_up(_widen_exists), frozenset({Law.EXISTS_OVER_AND})),
    Rule(
        "to-disjunctions",
        outside_negation(_to_disjunctions),
        frozenset({Law.AND_OVER_OR, Law.EXISTS_OVER_AND, Law.EXISTS_OVER_OR, Law.VACUOUS_EXISTS}),
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
