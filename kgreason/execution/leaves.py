"""Steps without inputs: rows, single links, identity, everything, domains."""

from __future__ import annotations

import torch

from kgreason.compute import Step
from kgreason.execution.context import Context, Frame
from kgreason.execution.values import Value
from kgreason.truth.vector import TruthVector, concatenate


def row(context: Context, step: Step, _: list[Value], frame: Frame) -> Value:
    """The rows of (entity, relation) pairs."""
    source, relation = step.references
    return context.store.gather(frame.ids(source), frame.ids(relation))


def link(context: Context, step: Step, _: list[Value], frame: Frame) -> Value:
    """Single truths, read from the rows of their sources."""
    source, target, relation = (frame.ids(reference) for reference in step.references)
    count = context.entity_count
    pairs, index = (relation * count + source).unique(return_inverse=True)
    rows = context.store.gather(pairs % count, pairs // count)
    return rows.at(index * count + target)


def identity(context: Context, step: Step, _: list[Value], frame: Frame) -> Value:
    """Truth 1 of an entity with itself: a vector, or a scalar when both ends are known."""
    ends = [frame.ids(reference) for reference in step.references]
    if len(ends) == 2:
        return (ends[0] == ends[1]).to(context.dtype)
    count, size = context.entity_count, frame.size
    keys = torch.arange(size, device=context.device) * count + ends[0]
    return TruthVector.from_keys(count, context.zeros(size), keys, context.ones(size))


def everything(context: Context, _: Step, __: list[Value], frame: Frame) -> Value:
    """Truth 1 of every entity."""
    return TruthVector.constant(context.entity_count, context.ones(frame.size))


def domain(context: Context, step: Step, _: list[Value], frame: Frame) -> Value:
    """Truth 1 of the entities that may begin a link of the relation."""
    relations = frame.ids(step.references[0]).tolist()
    return concatenate([_domain_of(context, relation) for relation in relations])


def _domain_of(context: Context, relation: int) -> TruthVector:
    entities = context.predictor.domain(relation)
    if entities is None:
        return TruthVector.constant(context.entity_count, context.ones(1))
    entities = entities.to(context.device)
    truths = context.ones(entities.shape[0])
    return TruthVector.from_keys(context.entity_count, context.zeros(1), entities, truths)


def outer(_: Context, step: Step, __: list[Value], frame: Frame) -> Value:
    """What the block takes in from outside."""
    return frame.outside[step.number]
