"""From a knowledge graph to a checkpoint: choose facts, train epoch by epoch, judge, write."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor

from kgreason.errors import UsageError
from kgreason.knowledge import FactIndex
from kgreason.predictors.checkpoints.format import save_checkpoint
from kgreason.predictors.embedding.compositions import COMPLEX
from kgreason.predictors.kinds import find_model, kind_of_model
from kgreason.predictors.request import usable_device
from kgreason.predictors.scorer import Scorer
from kgreason.training.facts import TrainingFacts, choose_facts
from kgreason.training.loop import Ending, Keeper, Trainer, fitting_threads, run_epochs
from kgreason.training.metrics import FINAL, Metrics, evaluate, sample
from kgreason.training.options import AUTO, Options
from kgreason.training.presets import preset as find_preset
from kgreason.training.progress import EpochReport, Listener, Say, listener
from kgreason.training.state import SavedRun, load_run, state_path

if TYPE_CHECKING:
    from kgreason.knowledge import KnowledgeGraph


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """A finished run.

    metrics, test: filtered ranks of validation and test facts (at most FINAL of each), None where
    there are none.
    loss: of the last epoch. epochs: run in all. epoch: the one whose weights were written.
    """

    path: Path
    metrics: Metrics | None
    test: Metrics | None
    loss: float
    epochs: int
    epoch: int
    seconds: float
    seed: int
    notes: tuple[str, ...]


def train(
    graph: KnowledgeGraph,
    out: str | Path,
    *,
    model: str = COMPLEX.model,
    preset: str | None = None,
    dimension: int | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    regularization: float | None = None,
    patience: int | None = None,
    evaluate_every: int | None = None,
    precision: str = AUTO,
    arguments: Mapping[str, Any] | None = None,
    validation: str | float | None = None,
    seed: int | None = None,
    device: str = "cpu",
    resume: bool = True,
    progress: bool = True,
    say: Say | None = None,
    on_part: Callable[[float], None] | None = None,
    on_epoch: Callable[[EpochReport], None] | None = None,
) -> TrainingResult:
    """Train a model on a graph and write the checkpoint of its best epoch to `out`.

    model: `complex` or `distmult` (native, full softmax), `epignn` or any of PyKEEN. preset: one
    of `PRESETS`. None leaves a setting to the preset, else to the model's default; see `Options`
    for what they mean. validation: see `choose_facts`. resume: go on with an unfinished run of the
    same settings (epochs and patience may differ), whose state is kept beside `out` after every
    epoch. progress: a bar on standard error. say: takes notes for people, by default standard error
    when `progress` is on. on_part: told the epochs done, as a fraction, after every step. on_epoch:
    told of every epoch. Raises UsageError, and PredictorError when training diverges.
    """
    path = _writable(Path(out))
    given = {
        "dimension": dimension,
        "epochs": epochs,
        "batch_size": batch_size,
        "learning_rate": learning_rate,
        "regularization": regularization,
        "patience": patience,
        "evaluate_every": evaluate_every,
    }
    fixed = {"precision": precision, "seed": seed, "device": str(usable_device(device))}
    options = _options(find_model(model)[1], preset, given, fixed, arguments or {})
    options, saved = _resumed(path, graph, options, validation, seed, resume)
    facts = choose_facts(graph, validation, options.seed)
    hear = listener(say, progress, on_part, on_epoch)
    if preset is not None:
        hear.say(f"preset {preset}: {find_preset(options.model, preset).source}")
    for note in _beginning(options, facts, saved):
        hear.say(note)
    keeper = Keeper(path, _run(graph, options, validation), options.seed)
    return _finish(graph, options, facts, saved, keeper, hear)


def _beginning(options: Options, facts: TrainingFacts, saved: SavedRun | None) -> Iterator[str]:
    yield f"seed {options.seed}"
    yield from facts.notes
    if len(facts.validation):
        used, every = len(sample(facts.validation)), len(facts.validation)
        end = f"ends after {options.patience} judgements without a better one"
        yield (
            f"judged by the filtered MRR of {used:,} of {every:,} validation facts, both "
            f"directions; {end if options.patience else 'runs all epochs'}"
        )
    if saved:
        yield f"going on after epoch {saved.epochs} of an unfinished run"


def _finish(
    graph: KnowledgeGraph,
    options: Options,
    facts: TrainingFacts,
    saved: SavedRun | None,
    keeper: Keeper,
    hear: Listener,
) -> TrainingResult:
    """Train, judge, write."""
    started = time.monotonic()
    trainer = _trainer(facts, graph.relation_count, options)
    known = _known(graph, facts)
    judge = _judge(sample(facts.validation), known)
    first = saved.epochs if saved else 0
    with fitting_threads(facts.entities * options.dimension * options.batch_size):
        with hear.watch(options, first, judge, 2 * len(facts.train)) as watch:
            ending = run_epochs(trainer, options, saved, keeper, watch)
        metrics = evaluate(trainer.scorer(), sample(facts.validation, FINAL), known)
        test = evaluate(trainer.scorer(), sample(facts.test, FINAL), known)
    for note in _ended(graph, facts, ending, metrics, test):
        hear.say(note)
    training = {
        **options.described(),
        "epoch": ending.kept,
        "loss": ending.loss,
        "validation": metrics and asdict(metrics),
        "test": test and asdict(test),
    }
    checkpoint = trainer.checkpoint(graph.vocabulary, facts.coverage, training)
    save_checkpoint(keeper.path, checkpoint.info, checkpoint.tensors)
    state_path(keeper.path).unlink(missing_ok=True)
    return TrainingResult(
        path=keeper.path,
        metrics=metrics,
        test=test,
        loss=ending.loss,
        epochs=ending.epochs,
        epoch=ending.kept,
        seconds=time.monotonic() - started,
        seed=options.seed,
        notes=facts.notes,
    )


def _ended(
    graph: KnowledgeGraph,
    facts: TrainingFacts,
    ending: Ending,
    metrics: Metrics | None,
    test: Metrics | None,
) -> Iterator[str]:
    if ending.kept < ending.epochs:
        yield f"ended after epoch {ending.epochs}; epoch {ending.kept} was the best and is kept"
    for name, held, found in (
        ("validation", facts.validation, metrics),
        ("test", facts.test, test),
    ):
        if found:
            yield f"{name}, {found.ranked // 2:,} of {len(held):,} facts: {found}"
    if metrics or test:
        yield (
            f"protocol: among {facts.entities:,} entities, known facts of all splits "
            f"({', '.join(graph.splits)}) filtered, ties at their mean rank"
        )


def _judge(facts: Tensor, known: FactIndex) -> Callable[[Scorer], float] | None:
    """The filtered MRR of these facts, as a judge of scorers; None without facts."""
    if not len(facts):
        return None

    def judge(scorer: Scorer) -> float:
        metrics = evaluate(scorer, facts, known)
        return metrics.mrr if metrics else 0.0

    return judge


def _trainer(facts: TrainingFacts, relations: int, options: Options) -> Trainer:
    module, _, name = kind_of_model(options.model).trainer.partition(":")
    made: Trainer = getattr(import_module(module), name)(facts, relations, options)
    return made


def _options(
    model: str,
    preset: str | None,
    given: Mapping[str, int | float | None],
    fixed: dict[str, Any],
    arguments: Mapping[str, Any],
) -> Options:
    """Complete settings: what is given, else the preset's, else the model's; a seed drawn."""
    usual = asdict(find_preset(model, preset))
    settings: dict[str, Any] = {
        name: usual[name] if value is None else value for name, value in given.items()
    }
    if fixed["seed"] is None:
        fixed = {**fixed, "seed": random.SystemRandom().randrange(2**32)}
    return Options(model=model, **settings, **fixed, arguments=dict(arguments))


def _resumed(
    path: Path,
    graph: KnowledgeGraph,
    options: Options,
    validation: str | float | None,
    seed: int | None,
    resume: bool,
) -> tuple[Options, SavedRun | None]:
    """The options with the seed of the unfinished run, where there is one to go on with."""
    saved = load_run(path, _run(graph, options, validation)) if resume else None
    if saved is None:
        return options, None
    if seed is not None and seed != saved.seed:
        raise UsageError(
            f"{state_path(path)} belongs to an unfinished run with seed {saved.seed}",
            remedy="repeat its settings to go on with it, or start afresh (resume off)",
        )
    return replace(options, seed=saved.seed), saved


def _run(graph: KnowledgeGraph, options: Options, validation: str | float | None) -> dict[str, Any]:
    """What a run is recognised by.

    The seed is compared apart, it may have been drawn; when to end can be chosen anew.
    """
    settings = options.described()
    for name in ("seed", "epochs", "patience"):
        del settings[name]
    facts = {split: int(count) for split, count in graph.fact_counts.items()}
    return {
        **settings,
        "validation": validation,
        "vocabulary": graph.vocabulary.fingerprint(),
        "facts": facts,
    }


def _known(graph: KnowledgeGraph, facts: TrainingFacts) -> FactIndex:
    """All facts between trained entities, in the numbering of training."""
    triples = graph.facts().astype(np.int64)
    if facts.coverage.entities is not None:
        position = np.full(graph.entity_count, -1, dtype=np.int64)
        position[facts.coverage.entities.numpy()] = np.arange(facts.entities)
        heads, tails = position[triples[:, 0]], position[triples[:, 2]]
        triples = np.stack((heads, triples[:, 1], tails), 1)[(heads >= 0) & (tails >= 0)]
    return FactIndex.from_facts(triples.astype(np.int32), facts.entities, graph.relation_count)


def _writable(path: Path) -> Path:
    if path.is_dir():
        raise UsageError(f"{path} is a folder", remedy="give the path of a file to write")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        writable = os.access(path.parent, os.W_OK)
    except OSError:
        writable = False
    if not writable:
        raise UsageError(
            f"cannot write into {path.parent}",
            remedy="choose a path in a folder that can be written to",
        )
    return path
