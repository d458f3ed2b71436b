"""The laws a logic may keep. A rewrite or an elimination names those it needs."""

from __future__ import annotations

from enum import Enum


class Law(Enum):
    """An identity over truth values in [0, 1]; the value is the sentence shown to users."""

    INVOLUTION = "¬¬a = a"
    DE_MORGAN = "¬(a ∧ b) = ¬a ∨ ¬b"
    AND_OVER_OR = "a ∧ (b ∨ c) = (a ∧ b) ∨ (a ∧ c)"
    EXISTS_OVER_AND = "a ∧ ∃x b(x) = ∃x (a ∧ b(x))"
    EXISTS_OVER_OR = "∃x (a(x) ∨ b(x)) = ∃x a(x) ∨ ∃x b(x)"
    VACUOUS_EXISTS = "∃x a = a"
    IDEMPOTENCE = "a ∧ a = a"
