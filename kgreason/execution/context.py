"""What a step may use: the predictor's rows, the logic, and the surroundings it runs in."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from kgreason.compute import Bound, Reference
from kgreason.execution.reached import Reached
from kgreason.execution.row_store import RowStore
from kgreason.execution.values import Value
from kgreason.predictors.protocol import LinkPredictor
from kgreason.truth import Logic
from kgreason.truth.vector import TruthVector


@dataclass(slots=True)
class Context:
    """What stays the same for all steps of an executor, and the counters of its work.

    max_entries: entries that the intermediates of one chunk may hold together.
    frontier: how many of its truest candidates a quantified variable keeps; None for all.
    floor: candidates less true than this are left out, and what they might add bounds the result.
    crowd: at most so many of the other candidates are looked at, None for all. crowded: whether any
    were left out for being more. joint: a number for each set of links between the same variables.
    """

    predictor: LinkPredictor
    logic: Logic
    store: RowStore
    dtype: torch.dtype
    device: torch.device
    max_entries: int
    frontier: int | None = None
    floor: float = 0.0
    crowd: int | None = None
    crowded: bool = False
    pairs: int = 0
    largest: int = 0
    foreseen: int = 0
    reached: Reached = field(default_factory=Reached)
    joint: dict[tuple[object, ...], int] = field(default_factory=dict)

    @property
    def entity_count(self) -> int:
        return self.predictor.entity_count

    def zeros(self, size: int) -> Tensor:
        """(size,) truths of 0."""
        return torch.zeros(size, dtype=self.dtype, device=self.device)

    def ones(self, size: int) -> Tensor:
        """(size,) truths of 1."""
        return torch.ones(size, dtype=self.dtype, device=self.device)


@dataclass(frozen=True, slots=True)
class Frame:
    """The surroundings of a step: how many rows, their bound entities, ids and outside inputs.

    bound: per nesting depth (size,) entities; slots: (size, columns) ids.
    """

    size: int
    bound: tuple[Tensor, ...]
    slots: Tensor
    outside: tuple[Value, ...]

    def ids(self, reference: Reference) -> Tensor:
        """(size,) int64 ids of a term or relation."""
        if isinstance(reference, Bound):
            return self.bound[reference.depth]
        return self.slots[:, reference.column]


def as_vector(value: Value) -> TruthVector:
    """The value of a vector step."""
    assert isinstance(value, TruthVector)
    return value
