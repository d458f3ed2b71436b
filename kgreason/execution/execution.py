"""One execution: what a step may use while one batch of questions is computed."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from kgreason.compute import Bound, Reference
from kgreason.execution.budget import BudgetMeter, Profile
from kgreason.execution.head_bounds import LearnedBounds
from kgreason.execution.memory import INTERMEDIATES, UPPER_BOUNDS, MemoryPool
from kgreason.execution.session import Session
from kgreason.execution.values import Value
from kgreason.predictors.protocol import LinkPredictor
from kgreason.settings import Settings
from kgreason.truth import Logic
from kgreason.truth.rows import truth_dtype
from kgreason.truth.vector import TruthVector

_TIMED_ENTRIES = 1 << 20


@dataclass(frozen=True, slots=True)
class Setting:
    """What never changes: the predictor, the logic, and where and how finely is computed.

    max_entries: entries that the intermediates of one chunk may hold together. frontier: how many
    of its truest candidates a quantified variable keeps, which makes it a beam search; None for
    all.
    """

    predictor: LinkPredictor
    logic: Logic
    dtype: torch.dtype
    device: torch.device
    max_entries: int
    frontier: int | None = None

    @classmethod
    def of(cls, predictor: LinkPredictor, settings: Settings) -> Setting:
        """Half of the working memory is for intermediates, the other half for rows."""
        entries = MemoryPool(settings.max_memory).own(INTERMEDIATES).entries
        dtype, device = truth_dtype(settings.dtype), torch.device(settings.device)
        return cls(predictor, settings.logic, dtype, device, entries, settings.frontier)


@dataclass(slots=True)
class Execution:
    """The state of one batch of questions, from its first threshold to its last.

    threshold: candidates of an ∃ that are less true are left out, and what they might add bounds
    the result. max_candidates: at most so many of the others are looked at, None for all.
    truncated: whether any were left out for being more. learned: bounds of links, found at one
    threshold and used at the next; they are not kept for other questions, so that an answer does
    not depend on what was asked before. profile: the work of each step, where that is wanted.
    """

    setting: Setting
    session: Session
    meter: BudgetMeter
    profile: Profile | None = None
    threshold: float = 0.0
    max_candidates: int | None = None
    truncated: bool = False
    learned: LearnedBounds = field(init=False)

    def __post_init__(self) -> None:
        self.learned = LearnedBounds(self.session.pool.own(UPPER_BOUNDS))

    @property
    def predictor(self) -> LinkPredictor:
        return self.setting.predictor

    @property
    def logic(self) -> Logic:
        return self.setting.logic

    @property
    def dtype(self) -> torch.dtype:
        return self.setting.dtype

    @property
    def device(self) -> torch.device:
        return self.setting.device

    @property
    def max_entries(self) -> int:
        """Entries of a chunk; fewer where time may run out, which is only seen between chunks."""
        most = self.setting.max_entries
        return min(most, _TIMED_ENTRIES) if self.meter.is_timed else most

    @property
    def entity_count(self) -> int:
        return self.setting.predictor.entity_count

    def gather(self, heads: Tensor, relations: Tensor) -> TruthVector:
        """heads, relations: (rows,) int64 -> a copy of their rows, repeats allowed."""
        return self.session.rows.gather(heads, relations, self.meter)

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
