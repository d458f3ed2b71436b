"""Blocks that are rows: one link, or several, from the variable that the block binds to another.

Several links between the same two variables are one link of their own (x -r→ y ∧ ¬ x -s→ y, say):
what they give for an entity x depends on nothing else, so it is kept among the rows, under the
number of a relation that the predictor does not have. A conjunction has no more entries than the
shortest of its rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from kgreason.compute import Block, Kind, Step
from kgreason.execution.context import Context, Frame, as_vector
from kgreason.execution.pairs import Pairs, Run, computed, inside, segments
from kgreason.execution.values import Value, most
from kgreason.truth.rows import TruthRows
from kgreason.truth.vector import TruthVector, concatenate

_CONNECTIVES = frozenset({Kind.INTERSECT, Kind.UNITE, Kind.COMPLEMENT})


def is_row(step: Step) -> bool:
    """Whether the step's block is a row and nothing else."""
    assert step.block is not None
    return [inner.kind for inner in step.block.steps] == [Kind.ROW]


def is_made_of_rows(step: Step) -> bool:
    """Whether the step's block is made of rows of its entity alone, and sparse as they are."""
    assert step.block is not None
    sparse: list[bool] = []
    for inner in step.block.steps:
        if inner.kind is not Kind.ROW and inner.kind not in _CONNECTIVES:
            return False
        of_parts = [sparse[i] for i in inner.inputs]
        if inner.kind is Kind.INTERSECT:
            sparse.append(any(of_parts))
        else:
            sparse.append(inner.kind is not Kind.COMPLEMENT and all(of_parts))
    return sparse[step.block.result]


def row_ids(step: Step, frame: Frame, pairs: Pairs) -> tuple[Tensor, Tensor]:
    """Heads and relations, (pairs,) each, of a block that is a row."""
    assert step.block is not None
    source, relation = step.block.steps[0].references
    within = inside(frame, [], pairs)
    return within.ids(source), within.ids(relation)


def rows_of(
    context: Context, step: Step, source: Value, frame: Frame, every: Pairs, run: Run
) -> Iterator[tuple[Pairs, Tensor]]:
    """Pairs of a block that is made of rows, part by part, with where the store holds its value."""
    assert step.block is not None

    def later(count: int) -> tuple[Tensor, Tensor]:
        return row_ids(step, frame, _next(as_vector(most(source)), context.floor, count))

    relations = None if is_row(step) else _relations(context, step.block, frame)
    for part in segments(context, step.block, len(every)):
        here = every[part]
        if relations is None:
            yield here, context.store.positions(*row_ids(step, frame, here), later)
        else:
            yield here, _positions(context, step.block, frame, here, relations[here.owner], run)


def _relations(context: Context, block: Block, frame: Frame) -> Tensor:
    """(size,) the number of the relation that the block's links are together, per instance."""
    parts = [frame.ids(step.references[1]) for step in block.steps if step.kind is Kind.ROW]
    every, index = torch.stack(parts, 1).unique(dim=0, return_inverse=True)
    shape = block.result, tuple((step.kind, step.inputs) for step in block.steps)
    numbers = [
        context.joint.setdefault((shape, *ids), len(context.joint)) for ids in every.tolist()
    ]
    relations: Tensor = every.new_tensor(numbers)[index]
    return context.predictor.relation_count + relations


def _positions(
    context: Context, block: Block, frame: Frame, pairs: Pairs, relations: Tensor, run: Run
) -> Tensor:
    """Where the store holds the block's values; those that it does not hold are computed."""
    store = context.store
    keys = relations * context.entity_count + pairs.entity
    absent, place = _first(keys, store.find(keys) < 0)
    if absent.shape[0]:
        with store.keeping(keys):
            every = computed(context, block, [], frame, run, pairs[place])
            whole = concatenate([as_vector(chunk.value) for chunk in every])
            store.add(absent, TruthRows(whole.offsets, whole.entities, whole.truths))
    return store.use(keys)


def _first(keys: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """The keys that are wanted, ascending and each once, with the place of one of each."""
    places = torch.nonzero(wanted).flatten()
    found, index = keys[places].unique(return_inverse=True)
    return found, places.new_zeros(found.shape[0]).scatter_(0, index, places)


def _next(source: TruthVector, floor: float, count: int) -> Pairs:
    """The truest `count` of the listed pairs below the floor, in that order."""
    truths = torch.where(source.truths < floor, source.truths, 0.0)
    truths, best = truths.topk(min(count, truths.shape[0]))
    best, truths = best[truths > 0], truths[truths > 0]
    return Pairs(source.row[best], source.entities[best].long(), truths, truths)
