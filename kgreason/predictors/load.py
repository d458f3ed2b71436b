"""From what a user names (`facts`, a file, a pulled model) to a link predictor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import torch

from kgreason.files.cache import find_model_file
from kgreason.predictors.calibrated.calibrations import parse_calibration
from kgreason.predictors.calibrated.predictor import DEFAULT_BLOCK_BYTES
from kgreason.predictors.checkpoints.tensor_file import read_safetensors
from kgreason.predictors.kinds import kind_by_suffix, kind_of, make_predictor, read_model
from kgreason.predictors.mixture.predictor import MixturePredictor
from kgreason.predictors.mixture.weights import learn_weights
from kgreason.predictors.protocol import LinkPredictor
from kgreason.predictors.request import Request
from kgreason.settings import AUTO, FACTS, USUAL, Settings

if TYPE_CHECKING:
    from kgreason.knowledge import KnowledgeGraph

VALIDATION = "valid"
_UNFINISHED = ".unfinished"
_FACTS_AT_LOAD = 300


def _together(request: Request, paths: Sequence[Path | None]) -> LinkPredictor:
    """Models given side by side: weights from held-out validation facts, else all the same."""
    graph, observed = request.graph, request.observed
    members = [make_predictor(replace(request, path=path)) for path in paths]
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


def load_predictor(
    model: str | Path | Sequence[str | Path],
    graph: KnowledgeGraph,
    settings: Settings = USUAL,
    *,
    block_bytes: int = DEFAULT_BLOCK_BYTES,
) -> LinkPredictor:
    """The predictor `facts`, or that of a checkpoint, rules (`.txt`) or a mixture (`.json`).

    Several models make a mixture, weighted by how well they rank the split `valid` where that is
    held out. `ModelKind.dtypes` tells what is scored in which precision. block_bytes: size of one
    block of scores. Raises UsageError and CheckpointError.
    """
    models = [model] if isinstance(model, str | Path) else list(model)
    paths = [_path(one) for one in models]
    given = settings.calibration
    calibration = AUTO if given == AUTO else parse_calibration(given)
    request = Request(graph, None, settings, calibration, block_bytes)
    if len(paths) > 1:
        return _together(request, paths)
    return make_predictor(replace(request, path=paths[0] if paths else None))


def with_predicted_relations(graph: KnowledgeGraph, models: Sequence[str | Path]) -> KnowledgeGraph:
    """The graph with the relations that models know by name, whether or not it has such facts.

    Itself where a model is tied to the graph's own names, or knows none of its relations.
    """
    paths = [path for path in map(_path, models) if path is not None]
    if not all(path.exists() for path in paths):
        return graph
    kinds = [(kind_of(path), path) for path in paths]
    if not all(kind.inductive for kind, _ in kinds):
        return graph
    own = set(graph.vocabulary.relation_names)
    names = [kind.relations(path) for kind, path in kinds if kind.relations is not None]
    known = [name for some in names if own & set(some) for name in some]
    return graph.with_relations(known) if names else graph


def common_dtypes(models: Sequence[str | Path]) -> set[str]:
    """The precisions that every one of these models is scored in. Raises as `load_predictor`."""
    return set.intersection(*(set(kind_of(_path(one)).dtypes) for one in models))


def verify_model(path: Path) -> bool:
    """Whether a file has checksums; a KgreasonError where it is not what they say, or no model."""
    kind = kind_by_suffix(path)
    if kind is not None and kind.verify is not None:
        return kind.verify(path)
    is_run = path.suffix == _UNFINISHED
    if not is_run:
        read_model(path, verify=True)
    return read_safetensors(path, verify=is_run)[1].sealed


def _path(model: str | Path) -> Path | None:
    return None if str(model) == FACTS else Path(find_model_file(str(model)))
