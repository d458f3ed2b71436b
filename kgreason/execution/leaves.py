"""Steps without inputs: rows, single links, identity, everything, domains."""

from __future__ import annotations

import torch

from kgreason.compute import Step
from kgreason.execution.execution import Execution, Frame
from kgreason.execution.values import Value
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
