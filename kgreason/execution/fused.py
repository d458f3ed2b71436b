"""Fused rows: blocks of one link, or several, from the bound variable to one other variable.

Several links between the same two variables (x -r→ y ∧ ¬ x -s→ y, say) are fused into one. The
truths that they give for an entity x depend on nothing else, so they are kept among the rows, under
the number of a relation that the predictor does not have. A conjunction has no more entries than
the shortest of its rows.
"""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from kgreason.compute import Block, Kind, Step
from kgreason.execution.bindings import Bindings, Run, computed, inside, segments
from kgreason.execution.execution import Execution, Frame, as_vector
from kgreason.execution.values import Value, upper
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


def row_ids(step: Step, frame: Frame, pairs: Bindings) -> tuple[Tensor, Tensor]:
    """Heads and relations, (pairs,) each, of a block that is a row."""
    assert step.block is not None
    source, relation = step.block.steps[0].references
    within = inside(frame, [], pairs)
    return within.ids(source), within.ids(relation)


def rows_of(
    execution: Execution, step: Step, source: Value, frame: Frame, every: Bindings, run: Run
) -> Iterator[tuple[Bindings, Tensor]]:
    """Pairs of a block that is made of rows, part by part, with where the store holds its value."""
    assert step.block is not None

    def prefetch(count: int) -> tuple[Tensor, Tensor]:
        return row_ids(step, frame, _next(as_vector(upper(source)), execution.threshold, count))

    relations = None if is_row(step) else _relations(execution, step.block, frame)
    rows = execution.session.rows
    for part in segments(execution, step.block, len(every)):
        here = every[part]
        if relations is None:
            yield here, rows.positions(*row_ids(step, frame, here), execution.meter, prefetch)
        else:
            yield (
                here,
                _positions(execution, step.block, frame, here, relations[here.instance], run),
            )


def _relations(execution: Execution, block: Block, frame: Frame) -> Tensor:
    """(size,) the number of the relation that the block's links make together, per instance."""
    parts = [frame.ids(step.references[1]) for step in block.steps if step.kind is Kind.ROW]
    every, index = torch.stack(parts, 1).unique(dim=0, return_inverse=True)
    shape = block.result, tuple((step.kind, step.inputs) for step in block.steps)
    numbers = [execution.session.fused_relation((shape, *ids)) for ids in every.tolist()]
    relations: Tensor = every.new_tensor(numbers)[index]
    return execution.predictor.relation_count + relations


def _positions(
    execution: Execution, block: Block, frame: Frame, pairs: Bindings, relations: Tensor, run: Run
) -> Tensor:
    """Where the store holds the block's values; those that it does not hold are computed."""
    rows = execution.session.rows
    keys = relations * execution.entity_count + pairs.entity
    absent, place = _first(keys, rows.find(keys) < 0)
    if absent.shape[0]:
        with rows.pinned(keys):
            every = computed(execution, block, [], frame, run, pairs[place])
            whole = concatenate([as_vector(chunk.value) for chunk in every])
            rows.add(absent, TruthRows(whole.offsets, whole.entities, whole.truths))
    return rows.touch(keys)


def _first(keys: Tensor, wanted: Tensor) -> tuple[Tensor, Tensor]:
    """The keys that are wanted, ascending and each once, with the place of one of each."""
    places = torch.nonzero(wanted).flatten()
    found, index = keys[places].unique(return_inverse=True)
    return found, places.new_zeros(found.shape[0]).scatter_(0, index, places)


def _next(source: TruthVector, threshold: float, count: int) -> Bindings:
    """The truest `count` of the listed pairs below the threshold, in that order."""
    truths = torch.where(source.truths < threshold, source.truths, 0.0)
    truths, best = truths.topk(min(count, truths.shape[0]))
    best, truths = best[truths > 0], truths[truths > 0]
    return Bindings(source.row[best], source.entities[best].long(), truths, truths)
