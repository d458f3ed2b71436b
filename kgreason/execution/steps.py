"""Steps without a block: rows, links and other leaves; ∧, ∨, ¬, support and ∃ over a vector."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce

import torch
from torch import Tensor

from kgreason.compute import Step
from kgreason.execution.execution import Execution, Frame, as_vector
from kgreason.execution.values import Value
from kgreason.truth import Logic, operations
from kgreason.truth.vector import TruthVector, concatenate


def row(execution: Execution, step: Step, _: list[Value], frame: Frame) -> Value:
    """The rows of (entity, relation) pairs."""
    source, relation = step.references
    return execution.gather(frame.ids(source), frame.ids(relation))


def link(execution: Execution, step: Step, _: list[Value], frame: Frame) -> Value:
    """Single truths, read from the rows of their sources."""
    source, target, relation = (frame.ids(reference) for reference in step.references)
    count = execution.entity_count
    pairs, index = (relation * count + source).unique(return_inverse=True)
    rows = execution.gather(pairs % count, pairs // count)
    return rows.at(index * count + target)


def identity(execution: Execution, step: Step, _: list[Value], frame: Frame) -> Value:
    """Truth 1 of an entity with itself: a vector, or a scalar when both ends are known."""
    ends = [frame.ids(reference) for reference in step.references]
    if len(ends) == 2:
        return (ends[0] == ends[1]).to(execution.dtype)
    count, size = execution.entity_count, frame.size
    keys = torch.arange(size, device=execution.device) * count + ends[0]
    return TruthVector.from_keys(count, execution.zeros(size), keys, execution.ones(size))


def everything(execution: Execution, _: Step, __: list[Value], frame: Frame) -> Value:
    """Truth 1 of every entity."""
    return TruthVector.constant(execution.entity_count, execution.ones(frame.size))


def domain(execution: Execution, step: Step, _: list[Value], frame: Frame) -> Value:
    """Truth 1 of the entities that may begin a link of the relation."""
    relations = frame.ids(step.references[0]).tolist()
    return concatenate([_domain_of(execution, relation) for relation in relations])


def _domain_of(execution: Execution, relation: int) -> TruthVector:
    entities = execution.predictor.domain(relation)
    if entities is None:
        return TruthVector.constant(execution.entity_count, execution.ones(1))
    entities = entities.to(execution.device)
    truths = execution.ones(entities.shape[0])
    return TruthVector.from_keys(execution.entity_count, execution.zeros(1), entities, truths)


def outer(_: Execution, step: Step, __: list[Value], frame: Frame) -> Value:
    """What the block takes in from outside."""
    return frame.outside[step.number]


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
