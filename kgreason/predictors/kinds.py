"""The kinds of models: how each is told, read, calibrated and trained. Only here by name.

To add a kind, add an entry to `KINDS`. An embedding with a diagonal relation needs no entry: it is
one of `COMPOSITIONS`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import torch
from torch import Tensor

from kgreason.errors import CheckpointError, DataError, KgreasonError, UsageError
from kgreason.predictors.calibrated.calibrations import parse_calibration
from kgreason.predictors.calibrated.predictor import CalibratedPredictor
from kgreason.predictors.checkpoints.format import Checkpoint, check_fit, inspect, read_checkpoint
from kgreason.predictors.checkpoints.layout import Foreign
from kgreason.predictors.embedding.compositions import COMPOSITIONS
from kgreason.predictors.embedding.pykeen import adopt_weights, model_key, rebuild
from kgreason.predictors.embedding.tables import adopt_tables, check_table_weights, table_scorer
from kgreason.predictors.facts import FactPredictor
from kgreason.predictors.gnn.epignn.checkpoint import restore_epignn
from kgreason.predictors.gnn.epignn.links import load_epignn
from kgreason.predictors.gnn.ultra.checkpoint import ULTRA, adopt_ultra, restore_ultra
from kgreason.predictors.gnn.ultra.published import PUBLISHED, published_as
from kgreason.predictors.gnn.ultra.zero_shot import over as zero_shot
from kgreason.predictors.mixture.file import SUFFIX as MIXTURE
from kgreason.predictors.mixture.file import read_mixture, verify_mixture
from kgreason.predictors.mixture.predictor import MixturePredictor
from kgreason.predictors.presets import BILINEAR, PRESETS, Preset
from kgreason.predictors.protocol import LinkPredictor
from kgreason.predictors.request import Request
from kgreason.predictors.rules import RulePredictor
from kgreason.predictors.scorer import Scorer, scoring_dtype
from kgreason.rules import read_rules
from kgreason.rules.seal import unsealed
from kgreason.rules.text import lines_of, read_text
from kgreason.settings import AUTO, FACTS
from kgreason.truth.rows import truth_dtype

if TYPE_CHECKING:
    from kgreason.knowledge import KnowledgeGraph, Vocabulary


class MakeScorer(Protocol):
    """Makes the scorer of a checkpoint that was read from a path.

    Raises CheckpointError where the tensors do not fit the model.
    """

    def __call__(
        self,
        path: str | Path,
        checkpoint: Checkpoint,
        *,
        dtype: torch.dtype,
        device: str | torch.device,
    ) -> Scorer: ...


class Over(Protocol):
    """Makes the scorer of a checkpoint over the observed facts of a graph."""

    def __call__(
        self,
        path: Path,
        graph: KnowledgeGraph,
        observed: Iterable[str] | None = None,
        *,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
    ) -> Scorer: ...


Adopt = Callable[[Path, str, dict[str, Tensor], "Vocabulary | None", Foreign], Checkpoint]
"""From the source, the model, its tensors and how they are to be read, to a checkpoint.

A vocabulary is there where the kind is tied to the names of one graph.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ModelKind:
    """One kind of model; what is left out it does not have.

    name: of its models in checkpoints. key: of a family of models, from any spelling to the model's
    own name; UsageError for one that is not of the family. suffix: of files told by it. read: makes
    the predictor. verify: of a file told by its suffix, whether it has checksums; KgreasonError
    where it is not what they say. check: CheckpointError where a checkpoint's tensors do not fit.
    scorer: of a checkpoint, where that needs nothing else; over: of one that needs a graph's facts.
    adopt: makes a checkpoint of weights of elsewhere. calibration: what suits it. dtypes: in which
    scores are computed. inductive: whether it is not tied to the names of one graph. relations: the
    names of a model's relations, where it knows them by name.

    trainer: `module:class`, made with (facts, base relations, options); a name, because predictors
    do not import training. training_dtypes: in which it takes products. takes_arguments: whether it
    has more settings than `Preset`. usual, presets: settings where nothing is said, and named ones.
    """

    name: str
    read: Callable[[Request], LinkPredictor]
    key: Callable[[str], str] | None = None
    suffix: str = ""
    verify: Callable[[Path], bool] | None = None
    check: Callable[[str | Path, Checkpoint], object] = lambda path, checkpoint: None
    scorer: MakeScorer | None = None
    over: Over | None = None
    adopt: Adopt | None = None
    calibration: str = "softmax-degree"
    dtypes: tuple[str, ...] = ("float32", "float64")
    inductive: bool = False
    relations: Callable[[Path], tuple[str, ...]] | None = None
    trainer: str = ""
    training_dtypes: tuple[str, ...] = ("float32",)
    takes_arguments: bool = True
    usual: Preset | None = None
    presets: Mapping[str, Preset] = field(default_factory=dict)


def make_predictor(request: Request) -> LinkPredictor:
    """The predictor of one model. Raises UsageError and CheckpointError."""
    return kind_of(request.path).read(request)


def read_model(path: str | Path, *, verify: bool | None = None) -> tuple[ModelKind, Checkpoint]:
    """A whole checkpoint, checked as its kind asks for. verify: see `read_checkpoint`."""
    checkpoint = read_checkpoint(path, verify=verify)
    kind = kind_of_model(checkpoint.info.model)
    kind.check(path, checkpoint)
    return kind, checkpoint


def kind_of(path: Path | None) -> ModelKind:
    """The kind of a file, or that of no file: known facts. Raises as `inspect`, and UsageError."""
    if path is None:
        return KINDS[FACTS]
    if not path.exists():
        remedy = f"give a checkpoint, a file of rules, or {FACTS!r} for known facts only"
        if str(path) in PUBLISHED:
            remedy = f"fetch it: kgreason model pull {path}"
        raise UsageError(f"there is no model {str(path)!r}", remedy=remedy)
    return kind_by_suffix(path) or kind_of_model(inspect(path).model)


def kind_by_suffix(path: Path) -> ModelKind | None:
    """The kind of a file that is told by its suffix; None for what may be a checkpoint."""
    return {kind.suffix: kind for kind in KINDS.values() if kind.suffix}.get(path.suffix)


def kind_of_model(model: str) -> ModelKind:
    """The kind of a model by its name in checkpoints and options: any other is PyKEEN's."""
    found = KINDS.get(model)
    in_checkpoints = found is not None and not (found.key or found.suffix or found.name == FACTS)
    return found if found is not None and in_checkpoints else _PYKEEN


def find_model(name: str) -> tuple[ModelKind, str]:
    """A model that can be trained, in any spelling: its kind and its own name; else UsageError."""
    plain = name.lower().replace("-", "").replace("_", "")
    kind = kind_of_model(plain)
    if kind.key is None:
        return kind, kind.name
    try:
        return kind, kind.key(name)
    except ImportError as error:
        own = [one.name for one in KINDS.values() if one.trainer and not one.key]
        raise UsageError(
            f"model {name!r} needs the package {kind.name}, which is not installed",
            remedy=f"pip install 'kgreason[{kind.name}]', or use the model {' or '.join(own)}",
        ) from error


def load_checkpoint(
    path: str | Path,
    vocabulary: Vocabulary | None = None,
    *,
    device: str | torch.device = "cpu",
    dtype: str | torch.dtype = "float32",
) -> Scorer:
    """A checkpoint as a scorer, refused with CheckpointError where it does not fit `vocabulary`.

    dtype: in which scores are computed, see `ModelKind.dtypes`.
    """
    kind, checkpoint = read_model(path)
    if kind.scorer is None:
        raise CheckpointError(
            f"{path} holds {checkpoint.info.model}, which scores the links of a graph it is given",
            remedy="load it as a predictor over a knowledge graph",
        )
    if vocabulary is not None:
        check_fit(path, checkpoint.info, vocabulary)
    return kind.scorer(path, checkpoint, dtype=scoring_dtype(dtype), device=device)


def _facts(request: Request) -> LinkPredictor:
    index = request.graph.index(request.observed)
    dtype = truth_dtype(request.settings.dtype)
    return FactPredictor(index, device=request.device, dtype=dtype)


def _scored(request: Request) -> LinkPredictor:
    assert request.path is not None
    vocabulary = request.graph.vocabulary
    scorer = load_checkpoint(request.path, vocabulary, device=request.device, dtype=request.dtype)
    return _calibrated(request, scorer)


def _over_the_graph(request: Request) -> LinkPredictor:
    assert request.path is not None
    over = kind_of(request.path).over
    assert over is not None
    scorer = over(
        request.path, request.graph, request.observed, device=request.device, dtype=request.dtype
    )
    return _calibrated(request, scorer)


def _ultra(
    path: Path,
    graph: KnowledgeGraph,
    observed: Iterable[str] | None = None,
    *,
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
) -> Scorer:
    checkpoint = read_checkpoint(path)
    published = published_as(checkpoint.tensors)
    return zero_shot(
        restore_ultra(path, checkpoint),
        graph,
        observed,
        learned=published.learned if published else "",
        dtype=dtype,
        device=device,
    )


def _calibrated(request: Request, scorer: Scorer) -> LinkPredictor:
    own = request.calibration == AUTO
    calibration = kind_of(request.path).calibration if own else request.calibration
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


def _verify_rules(path: Path) -> bool:
    text = read_text(path)
    try:
        return unsealed(lines_of(text))[1] is not None
    except KgreasonError as error:
        raise DataError(f"{path}: {error.message}", remedy=error.remedy) from error


def _mixture(request: Request) -> LinkPredictor:
    assert request.path is not None
    found = read_mixture(request.path, request.graph.vocabulary)
    auto = found.calibration == AUTO
    learned = AUTO if auto else parse_calibration(found.calibration)
    given = learned if request.calibration == AUTO else request.calibration
    members = [
        make_predictor(replace(request, path=path, calibration=given)) for path in found.members
    ]
    note = None
    if given != learned:
        note = (
            f"the weights were learned with calibration {found.calibration}, not this one; "
            "kgreason model mix --calibration learns them with another."
        )
    return MixturePredictor(members, found.weights, note=note)


_PYKEEN = ModelKind(
    name="pykeen",
    key=model_key,
    read=_scored,
    scorer=rebuild,
    adopt=adopt_weights,
    trainer="kgreason.training.pykeen:PyKEENTrainer",
    usual=Preset(64, 100, 256, 0.01, 0.0, 10, 5, "PyKEEN's defaults"),
)

KINDS: Mapping[str, ModelKind] = {
    kind.name: kind
    for kind in (
        ModelKind(name=FACTS, read=_facts, inductive=True),
        *(
            ModelKind(
                name=composition.model,
                read=_scored,
                check=check_table_weights,
                scorer=table_scorer,
                adopt=adopt_tables,
                dtypes=("float32", "float64", "bfloat16"),
                trainer="kgreason.training.bilinear:BilinearTrainer",
                training_dtypes=("float32", "bfloat16"),
                takes_arguments=False,
                usual=BILINEAR,
                presets=PRESETS.get(composition.model, {}),
            )
            for composition in COMPOSITIONS.values()
        ),
        ModelKind(
            name="epignn",
            read=_over_the_graph,
            over=load_epignn,
            check=restore_epignn,
            # Scores are log-odds of truth already.
            calibration="sigmoid:cut=0.0001",
            inductive=True,
            relations=lambda path: inspect(path).names,
            trainer="kgreason.training.gnn.epignn:EpiGNNTrainer",
            usual=Preset(64, 8, 32, 0.01, 0.0, 0, 1, "small graphs"),
        ),
        ModelKind(
            name=ULTRA,
            read=_over_the_graph,
            over=_ultra,
            check=restore_ultra,
            adopt=adopt_ultra,
            calibration="sigmoid:cut=0.0001",
            inductive=True,
        ),
        _PYKEEN,
        ModelKind(name="rules", read=_rules, verify=_verify_rules, suffix=".txt", inductive=True),
        ModelKind(name="mixture", read=_mixture, verify=verify_mixture, suffix=MIXTURE),
    )
}
"""Every kind by name; the contract suite runs over them."""
