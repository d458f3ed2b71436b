"""What a benchmark run does, and where."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from kgreason.methods.methods import Method
from kgreason.topk.reasoner import DEFAULT_MEMORY

DEFAULT_BATCH = 64


def _silent(_: str) -> None:
    pass


@dataclass(frozen=True, slots=True, kw_only=True)
class RunSettings:
    """What a run does.

    model: a checkpoint, None for methods without one. observed: splits whose facts are known.
    threshold: the least truth that counts as an answer, in (0, 1]; None counts no truths, and asks
    for no more rows than prove the ranks. seed: of the random non-answers that truths are held to.
    tolerance: how far a question's mean reciprocal rank may be from the exact one, 0 for exact.
    batch: questions computed together, and written together. max_memory: bytes. row_cache: a folder
    in which a checkpoint's rows are kept, note told of what is wrong with it. None of these changes
    a figure.
    """

    method: Method
    model: Path | None = None
    observed: tuple[str, ...] = ("train",)
    ties: str = "expected"
    threshold: float | None = None
    seed: int = 0
    dtype: str = "float32"
    device: str = "cpu"
    max_memory: int = DEFAULT_MEMORY
    batch: int = DEFAULT_BATCH
    tolerance: float = 0.0
    row_cache: Path | None = None
    note: Callable[[str], None] = _silent
