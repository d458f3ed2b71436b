"""What a predictor is built from."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from kgreason.errors import UsageError
from kgreason.predictors.calibrated.calibration import Calibration
from kgreason.predictors.scorer import scoring_dtype
from kgreason.settings import Settings

if TYPE_CHECKING:
    from kgreason.knowledge import KnowledgeGraph


@dataclass(frozen=True, slots=True)
class Request:
    """What a predictor is built from.

    path: None for the known facts alone. calibration: a parsed one, or `auto`.
    """

    graph: KnowledgeGraph
    path: Path | None
    settings: Settings
    calibration: str | Calibration
    block_bytes: int

    @property
    def observed(self) -> tuple[str, ...]:
        """Splits whose facts are known."""
        return self.settings.splits(self.graph)

    @property
    def device(self) -> torch.device:
        """Where to compute. UsageError where there is no such device."""
        return usable_device(self.settings.device)

    @property
    def dtype(self) -> torch.dtype:
        """The dtype of scores."""
        return scoring_dtype(self.settings.dtype)


def usable_device(device: str | torch.device) -> torch.device:
    """`cpu`, `cuda`, `cuda:1`, … -> device; UsageError where there is none."""
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"no device {device!r} here: {reason}", remedy="use cpu") from error
    return found
