"""The shelf every room shares: questions in first-order logic, as frozen values.

A question `q(y) = ∃ x₁…xₙ. φ(y, x)` is a `Query`: answer variables and a formula built from atoms
`r(t₁, t₂)`, equalities, ∧, ∨, ¬ and ∃. Names are generic: `Query[str]` as parsed, `Query[int]` once
bound to a vocabulary.
"""

from kgreason.formula.formulas import (
    And,
    Atom,
    Constant,
    Equals,
    Exists,
    Formula,
    Not,
    Or,
    Slot,
    Term,
    Variable,
    children,
    conjunction,
    disjunction,
    exists,
    fold,
    rebuild,
    rename_terms,
    terms,
    variables,
    walk,
)
from kgreason.formula.query import Modifiers, Query, fill, slots

__all__ = [
    "And",
    "Atom",
    "Constant",
    "Equals",
    "Exists",
    "Formula",
    "Modifiers",
    "Not",
    "Or",
    "Query",
    "Slot",
    "Term",
    "Variable",
    "children",
    "conjunction",
    "disjunction",
    "exists",
    "fill",
    "fold",
    "rebuild",
    "rename_terms",
    "slots",
    "terms",
    "variables",
    "walk",
]
