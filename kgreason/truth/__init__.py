"""Truth: fuzzy logics with the laws they keep, and batches of fuzzy sets over the entities.

The logics need no torch; the vectors (`kgreason.truth.vector`, `.operations`, `.rows`) do.
"""

from kgreason.truth.law import Law
from kgreason.truth.logic import (
    GODEL,
    LOGICS,
    LUKASIEWICZ,
    NOISY_OR,
    PRODUCT,
    Godel,
    Hamacher,
    Logic,
    Lukasiewicz,
    NoisyOr,
    Product,
    Qto,
    Quantifier,
    Yager,
    resolve_logic,
)

__all__ = [
    "GODEL",
    "LOGICS",
    "LUKASIEWICZ",
    "NOISY_OR",
    "PRODUCT",
    "Godel",
    "Hamacher",
    "Law",
    "Logic",
    "Lukasiewicz",
    "NoisyOr",
    "Product",
    "Qto",
    "Quantifier",
    "Yager",
    "resolve_logic",
]
