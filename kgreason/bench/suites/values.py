"""Reading a benchmark question's value: one answer variable, one truth vector."""

from __future__ import annotations

from kgreason.errors import UnsupportedError
from kgreason.execution import Bounds, Exact, Value, lower
from kgreason.truth.vector import TruthVector


def vector_of(value: Exact) -> TruthVector:
    """Truth of every entity, a batch of one; UnsupportedError for yes/no and tuple questions."""
    if not isinstance(value, TruthVector):
        raise UnsupportedError(
            "a benchmark question must have exactly one answer variable",
            remedy="ask questions with none or several through the engine",
        )
    return value


def vector_or_bounds(value: Value) -> TruthVector | Bounds:
    """The same, or bounds of it."""
    if isinstance(value, Bounds):
        return value
    return vector_of(lower(value))
