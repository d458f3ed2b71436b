"""∧, ∨, ¬, support and ∃ over a vector, for scalars and vectors alike."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

from torch import Tensor

from kgreason.compute import Step
from kgreason.execution.execution import Execution, Frame, as_vector
from kgreason.execution.values import Value
from kgreason.truth import Logic, operations
from kgreason.truth.vector import TruthVector


def intersect(execution: Execution, _: Step, inputs: list[Value], __: Frame) -> Value:
    """∧ of the inputs."""
    return _combine(execution.logic, inputs, execution.logic.conjoin, operations.intersect)


def unite(execution: Execution, _: Step, inputs: list[Value], __: Frame) -> Value:
    """∨ of the inputs."""
    return _combine(execution.logic, inputs, execution.logic.disjoin, operations.unite)


def _combine(
    logic: Logic,
    inputs: list[Value],
    scalar: Callable[[Tensor, Tensor], Tensor],
    vector: Callable[[Logic, TruthVector, TruthVector], TruthVector],
) -> Value:
    vectors = [v for v in inputs if isinstance(v, TruthVector)]
    scalars = [v for v in inputs if isinstance(v, Tensor)]
    # In the plan's order, whatever the batch holds: a t-norm of three truths rounds by its order.
    if not vectors:
        return reduce(scalar, scalars)
    whole = reduce(lambda a, b: vector(logic, a, b), vectors)
    return operations.scale(scalar, whole, reduce(scalar, scalars)) if scalars else whole


def complement(execution: Execution, _: Step, inputs: list[Value], __: Frame) -> Value:
    """¬ of the input."""
    (value,) = inputs
    if isinstance(value, Tensor):
        return execution.logic.negate(value)
    return operations.complement(execution.logic, as_vector(value))


def support(_: Execution, __: Step, inputs: list[Value], ___: Frame) -> Value:
    """Truth 1 wherever the input is above 0."""
    return operations.support(as_vector(inputs[0]))


def some(execution: Execution, _: Step, inputs: list[Value], __: Frame) -> Value:
    """∃ over the entities."""
    return operations.exists(execution.logic, as_vector(inputs[0]))
