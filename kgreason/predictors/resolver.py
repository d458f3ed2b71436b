"""From what a user names (`facts`, or a checkpoint's path) to a link predictor."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from kgreason.errors import UsageError
from kgreason.predictors.base import LinkPredictor
from kgreason.predictors.calibrated import DEFAULT_BLOCK_BYTES, CalibratedPredictor
from kgreason.predictors.calibration import Calibration, parse_calibration
from kgreason.predictors.checkpoint import COMPLEX, inspect, load_checkpoint
from kgreason.predictors.epignn_checkpoint import EPIGNN
from kgreason.predictors.facts import FactPredictor
from kgreason.predictors.scorers import Scorer, scoring_dtype

if TYPE_CHECKING:
    from kgreason.knowledge import KnowledgeGraph

FACTS = "facts"
AUTO = "auto"
# What suits a kind of model: EpiGNN's scores are log-odds of truth already.
_OWN_CALIBRATION = {EPIGNN: "sigmoid:cut=0.0001"}
_USUAL_CALIBRATION = "softmax-degree"


@dataclass(frozen=True, slots=True)
class Request:
    """What a predictor is built from; `path` is None for predictors without a checkpoint."""

    graph: KnowledgeGraph
    path: Path | None
    observed: tuple[str, ...] | None
    observed_truth: float | None
    calibration: Calibration
    device: torch.device
    dtype: torch.dtype
    block_bytes: int


def _facts(request: Request) -> LinkPredictor:
    index = request.graph.index(request.observed)
    dtype = torch.float64 if request.dtype == torch.float64 else torch.float32
    return FactPredictor(index, device=request.device, dtype=dtype)


def _scored(request: Request) -> LinkPredictor:
    assert request.path is not None
    vocabulary = request.graph.vocabulary
    scorer = load_checkpoint(request.path, vocabulary, device=request.device, dtype=request.dtype)
    return _calibrated(request, scorer)


def _epignn(request: Request) -> LinkPredictor:
    from kgreason.predictors.epignn_links import load_epignn

    assert request.path is not None
    scorer = load_epignn(
        request.path, request.graph, request.observed, device=request.device, dtype=request.dtype
    )
    return _calibrated(request, scorer)


def _calibrated(request: Request, scorer: Scorer) -> LinkPredictor:
    return CalibratedPredictor(
        scorer,
        request.calibration,
        request.graph.index(request.observed),
        observed_truth=request.observed_truth,
        rankable=torch.from_numpy(~request.graph.vocabulary.literal),
        block_bytes=request.block_bytes,
    )


# Every kind of predictor by name; the contract suite runs over this table.
PREDICTORS: dict[str, Callable[[Request], LinkPredictor]] = {
    FACTS: _facts,
    COMPLEX: _scored,
    EPIGNN: _epignn,
    "pykeen": _scored,
}


def load_predictor(
    model: str | Path,
    graph: KnowledgeGraph,
    *,
    observed: Iterable[str] | None = None,
    observed_truth: float | None = 1.0,
    calibration: str | Calibration = AUTO,
    device: str | torch.device = "cpu",
    dtype: str | torch.dtype = "float32",
    block_bytes: int = DEFAULT_BLOCK_BYTES,
) -> LinkPredictor:
    """The predictor `facts`, or the one of a checkpoint, over a knowledge graph.

    observed: splits whose facts are known, None for all of them. observed_truth: their truth, None
    to leave them as scored. calibration: `auto` for what suits the model. dtype: float32, float64
    or (ComplEx) bfloat16. block_bytes: size of one block of scores. Raises UsageError and
    CheckpointError.
    """
    path = None if model == FACTS else Path(model)
    kind = FACTS if path is None else _kind(path)
    request = Request(
        graph=graph,
        path=path,
        observed=None if observed is None else tuple(observed),
        observed_truth=observed_truth,
        calibration=_calibration(kind, calibration),
        device=usable_device(device),
        dtype=scoring_dtype(dtype),
        block_bytes=block_bytes,
    )
    return PREDICTORS[kind](request)


def usable_device(device: str | torch.device) -> torch.device:
    """`cpu`, `cuda`, `cuda:1`, … -> device; UsageError where there is none."""
    try:
        found = torch.device(device)
        torch.empty(0, device=found)
    except (RuntimeError, AssertionError) as error:
        reason = str(error).splitlines()[0]
        raise UsageError(f"no device {device!r} here: {reason}", remedy="use cpu") from error
    return found


def _kind(path: Path) -> str:
    if not path.exists():
        raise UsageError(
            f"there is no model {str(path)!r}",
            remedy=f"give the path of a checkpoint, or {FACTS!r} to use known facts only",
        )
    model = inspect(path).model
    return model if model in (COMPLEX, EPIGNN) else "pykeen"


def _calibration(kind: str, chosen: str | Calibration) -> Calibration:
    own = _OWN_CALIBRATION.get(kind, _USUAL_CALIBRATION)
    return parse_calibration(own if chosen == AUTO else chosen)
