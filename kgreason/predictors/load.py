"""From what a user names (`facts`, or a checkpoint's path) to a link predictor."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from kgreason.errors import UsageError
from kgreason.predictors.calibrated.calibration import Calibration
from kgreason.predictors.calibrated.calibrations import parse_calibration
from kgreason.predictors.calibrated.predictor import DEFAULT_BLOCK_BYTES, CalibratedPredictor
from kgreason.predictors.checkpoints.format import inspect, load_checkpoint
from kgreason.predictors.embedding.compositions import COMPOSITIONS
from kgreason.predictors.facts import FactPredictor
from kgreason.predictors.gnn.epignn.checkpoint import EPIGNN
from kgreason.predictors.mixture.file import read_mixture
from kgreason.predictors.mixture.predictor import MixturePredictor
from kgreason.predictors.mixture.weights import learn_weights
from kgreason.predictors.protocol import LinkPredictor
from kgreason.predictors.rules import RulePredictor
from kgreason.predictors.scorer import Scorer, scoring_dtype
from kgreason.rules import read_rules
from kgreason.settings import AUTO, FACTS, USUAL, Settings
from kgreason.truth.rows import truth_dtype

if TYPE_CHECKING:
    from kgreason.knowledge import KnowledgeGraph

RULES = "rules"
MIXTURE = "mixture"
VALIDATION = "valid"
_FACTS_AT_LOAD = 300
_SUFFIXES = {".txt": RULES, ".json": MIXTURE}
# What suits a kind of model: EpiGNN's scores are log-odds of truth already.
_OWN_CALIBRATION = {EPIGNN: "sigmoid:cut=0.0001"}
_USUAL_CALIBRATION = "softmax-degree"


@dataclass(frozen=True, slots=True)
class Request:
    """What a predictor is built from.

    path: None for predictors without a checkpoint. calibration: a parsed one, or `auto`.
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


def _facts(request: Request) -> LinkPredictor:
    index = request.graph.index(request.observed)
    dtype = truth_dtype(request.settings.dtype)
    return FactPredictor(index, device=request.device, dtype=dtype)


def _scored(request: Request) -> LinkPredictor:
    assert request.path is not None
    vocabulary = request.graph.vocabulary
    scorer = load_checkpoint(request.path, vocabulary, device=request.device, dtype=request.dtype)
    return _calibrated(request, scorer)


def _epignn(request: Request) -> LinkPredictor:
    from kgreason.predictors.gnn.epignn.links import load_epignn

    assert request.path is not None
    scorer = load_epignn(
        request.path, request.graph, request.observed, device=request.device, dtype=request.dtype
    )
    return _calibrated(request, scorer)


def _calibrated(request: Request, scorer: Scorer) -> LinkPredictor:
    own = _OWN_CALIBRATION.get(_kind(request.path), _USUAL_CALIBRATION) if request.path else ""
    calibration = own if request.calibration == AUTO else request.calibration
    return CalibratedPredictor(
        scorer,
        parse_calibration(calibration),
        request.graph.index(request.observed),
        observed_truth=request.settings.observed_truth,
        rankable=torch.from_numpy(~request.graph.vocabulary.literal),
        block_bytes=request.block_bytes,
    )


def _rules(request: Request) -> LinkPredictor:
    assert request.path is not None
    vocabulary = request.graph.vocabulary
    return RulePredictor(
        read_rules(request.path, vocabulary),
        request.graph.index(request.observed),
        observed_truth=request.settings.observed_truth,
        rankable=~vocabulary.literal,
        device=request.device,
        dtype=truth_dtype(request.settings.dtype),
    )


def _mixture(request: Request) -> LinkPredictor:
    assert request.path is not None
    found = read_mixture(request.path, request.graph.vocabulary)
    learned = _parsed(found.calibration)
    given = learned if request.calibration == AUTO else request.calibration
    members = [_made(replace(request, path=path, calibration=given)) for path in found.members]
    note = None
    if given != learned:
        note = (
            f"the weights were learned with calibration {found.calibration}, not this one; "
            "kgreason model mix --calibration learns them with another."
        )
    return MixturePredictor(members, found.weights, note=note)


def _parsed(calibration: str | Calibration) -> str | Calibration:
    return calibration if calibration == AUTO else parse_calibration(calibration)


def _together(request: Request, paths: Sequence[Path | None]) -> LinkPredictor:
    """Models given side by side: weights from held-out validation facts, else all the same."""
    graph, observed = request.graph, request.observed
    members = [_made(replace(request, path=path)) for path in paths]
    if VALIDATION not in graph.splits or VALIDATION in observed:
        even = torch.ones(2 * graph.relation_count, len(members))
        note = f"all models count the same: no held-out split {VALIDATION} to learn from."
        return MixturePredictor(members, even, note=note)
    held_out = graph.facts([VALIDATION])
    known = graph.index([*observed, VALIDATION])
    weights = learn_weights(members, held_out, known, most=_FACTS_AT_LOAD)
    note = (
        f"weights of the models learned from {weights.links:,} held-out links of {VALIDATION}; "
        "kgreason model mix keeps them in a file."
    )
    return MixturePredictor(members, weights.relations, note=note)


# Every kind of predictor by name; the contract suite runs over this table.
PREDICTORS: dict[str, Callable[[Request], LinkPredictor]] = {
    FACTS: _facts,
    **dict.fromkeys(COMPOSITIONS, _scored),
    EPIGNN: _epignn,
    "pykeen": _scored,
    RULES: _rules,
    MIXTURE: _mixture,
}


def load_predictor(
    model: str | Path | Sequence[str | Path],
    graph: KnowledgeGraph,
    settings: Settings = USUAL,
    *,
    block_bytes: int = DEFAULT_BLOCK_BYTES,
) -> LinkPredictor:
    """The predictor `facts`, or that of a checkpoint, rules (`.txt`) or a mixture (`.json`).

    Several models make a mixture, weighted by how well they rank the split `valid` where that is
    held out. bfloat16 is for ComplEx and DistMult. block_bytes: size of one block of scores.
    Raises UsageError and CheckpointError.
    """
    models = [model] if isinstance(model, str | Path) else list(model)
    paths = [None if str(one) == FACTS else Path(one) for one in models]
    request = Request(graph, None, settings, _parsed(settings.calibration), block_bytes)
    if len(paths) > 1:
        return _together(request, paths)
    return _made(replace(request, path=paths[0] if paths else None))


def with_predicted_relations(graph: KnowledgeGraph, models: Sequence[str | Path]) -> KnowledgeGraph:
    """The graph with the relations that models know by name, whether or not it has such facts.

    Itself where a model is tied to the graph's own names, or knows none of its relations.
    """
    paths = [Path(one) for one in models if one != FACTS]
    kinds = [_kind(path) for path in paths if path.exists()]
    if len(kinds) < len(paths) or not {EPIGNN} <= set(kinds) <= {EPIGNN, RULES}:
        return graph
    own = set(graph.vocabulary.relation_names)
    names = [inspect(path).names for path, kind in zip(paths, kinds, strict=True) if kind == EPIGNN]
    return graph.with_relations(name for some in names if own & set(some) for name in some)


def _made(request: Request) -> LinkPredictor:
    kind = FACTS if request.path is None else _kind(request.path)
    return PREDICTORS[kind](request)


def takes_bfloat16(models: Sequence[str | Path]) -> bool:
    """Whether every one of these models can be scored in bfloat16. Raises as `load_predictor`."""
    return all(one != FACTS and _kind(Path(one)) in COMPOSITIONS for one in models)


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
            remedy=f"give a checkpoint, a file of rules, or {FACTS!r} for known facts only",
        )
    if path.suffix in _SUFFIXES:
        return _SUFFIXES[path.suffix]
    model = inspect(path).model
    return model if model in (*COMPOSITIONS, EPIGNN) else "pykeen"
