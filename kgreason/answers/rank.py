"""From the value of a plan to ranked tuples of entities."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kgreason.execution import Exact, Table
from kgreason.formula import Variable
from kgreason.topk import rows_in
from kgreason.truth.vector import TruthVector


@dataclass(frozen=True, slots=True)
class Ranking:
    """Tuples of entities by descending truth; equal truths in the order of the entity ids.

    entities: (answers, answer variables) int64; truths: (answers,), above 0.
    """

    entities: Tensor
    truths: Tensor


def rank(value: Exact, columns: tuple[Variable, ...], free: tuple[Variable, ...]) -> Ranking:
    """Rank the single row of a plan's value; `columns` is the plan's order of the variables."""
    entities, truths = _tuples(value)
    entities = entities[:, [columns.index(variable) for variable in free]]
    keep = truths > 0
    entities, truths = entities[keep], truths[keep]
    order = torch.arange(truths.shape[0], device=truths.device)
    # Sorting by the last column first, each sort stable, orders by the first column, then the next.
    for column in reversed(range(entities.shape[1])):
        order = order[torch.argsort(entities[order, column], stable=True)]
    order = order[torch.argsort(truths[order], descending=True, stable=True)]
    return Ranking(entities[order], truths[order])


def without(ranking: Ranking, tuples: Tensor | None) -> Ranking:
    """The ranking without these tuples. tuples: (answers, answer variables) int64."""
    if tuples is None or not tuples.shape[0]:
        return ranking
    keep = ~rows_in(ranking.entities, tuples)
    return Ranking(ranking.entities[keep], ranking.truths[keep])


def truest(value: Exact) -> int:
    """The entity of greatest truth in a vector of one row, the first among equals."""
    assert isinstance(value, TruthVector)
    if value.entities.shape[0] == 0:
        return 0
    listed = int(value.truths.argmax())
    # Where every entity is listed, none has the background's truth.
    is_whole = value.entities.shape[0] == value.entity_count
    if is_whole or float(value.truths[listed]) >= float(value.background[0]):
        return int(value.entities[listed])
    taken = set(value.entities.tolist())
    return next((e for e in range(value.entity_count) if e not in taken), 0)


def _tuples(value: Exact) -> tuple[Tensor, Tensor]:
    if isinstance(value, TruthVector):
        _, entity, truth = value.expand()
        return entity[:, None], truth
    if isinstance(value, Table):
        row, entity, truth = value.vector.expand()
        return torch.cat([value.columns[row], entity[:, None]], 1), truth
    # A yes/no question has one answer, the empty tuple.
    return torch.zeros((value.shape[0], 0), dtype=torch.int64, device=value.device), value
