"""What a benchmark run does, and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from kgreason.methods.methods import Method
from kgreason.settings import FACTS, USUAL, Recipe, Settings

if TYPE_CHECKING:
    from kgreason.knowledge import KnowledgeGraph

DEFAULT_BATCH = 64


def _silent(_: str) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """What a run does.

    model: a checkpoint, None for methods without one. machine: the settings that are not the
    method's: observed splits, dtype, device, memory, row cache.
    threshold: the least truth that counts as an answer, in (0, 1]; None counts no truths, and asks
    for no more rows than prove the ranks. seed: of the random non-answers that truths are held to.
    tolerance: how far a question's mean reciprocal rank may be from the exact one, 0 for exact.
    batch: questions computed together, and written together. note: told of what is wrong with the
    row cache. None of these affects a figure.
    """

    method: Method
    model: Path | None = None
    machine: Settings = USUAL
    ties: str = "expected"
    threshold: float | None = None
    seed: int = 0
    batch: int = DEFAULT_BATCH
    tolerance: float = 0.0
    note: Callable[[str], None] = _silent

    def recipe(self, graph: KnowledgeGraph, calibration: str) -> Recipe:
        """What answers questions over a graph by this method, with that calibration."""
        model = FACTS if self.model is None else str(self.model)
        own = self.method
        settings = self.machine.but(
            logic=own.logic,
            semantics=own.semantics,
            observed_truth=own.observed_truth,
            frontier=own.frontier,
            calibration=calibration,
        )
        return Recipe(graph, (model,), settings)
