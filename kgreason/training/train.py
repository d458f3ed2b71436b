"""From a knowledge graph to a checkpoint: choose facts, train epoch by epoch, judge, write."""

from __future__ import annotations

import math
import os
import random
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch import Tensor

from kgreason.errors import PredictorError, UsageError
from kgreason.predictors.checkpoint import COMPLEX, Checkpoint, save_checkpoint
from kgreason.predictors.epignn_checkpoint import EPIGNN
from kgreason.predictors.resolver import usable_device
from kgreason.predictors.scorers import Coverage, Scorer
from kgreason.training.facts import TrainingFacts, choose_facts
from kgreason.training.metrics import Metrics, evaluate
from kgreason.training.options import Options, defaults
from kgreason.training.state import SavedRun, load_run, save_run, state_path

if TYPE_CHECKING:
    from kgreason.knowledge import KnowledgeGraph

Say = Callable[[str], None]
EpochDone = Callable[[int, float], None]

# entities · dimension · batch size of a step
_SMALL_STEP = 10**8


class Trainer(Protocol):
    """A model in training, one epoch at a time."""

    def epoch(self) -> float:
        """One pass over all facts; the mean loss."""
        ...

    def state(self) -> dict[str, Tensor]:
        """Everything the next epoch depends on."""
        ...

    def restore(self, state: dict[str, Tensor], epochs: int) -> None:
        """Continue from `state()` after `epochs` epochs."""
        ...

    def scorer(self) -> Scorer:
        """The model as it stands."""
        ...

    def checkpoint(
        self, vocabulary: Any, coverage: Coverage, training: dict[str, Any]
    ) -> Checkpoint:
        """The model as it stands, to be written."""
        ...


@dataclass(frozen=True, slots=True)
class TrainingResult:
    """A finished run; `metrics` are filtered validation ranks, None where nothing was held out."""

    path: Path
    metrics: Metrics | None
    loss: float
    epochs: int
    seconds: float
    seed: int
    notes: tuple[str, ...]


def train(
    graph: KnowledgeGraph,
    out: str | Path,
    *,
    model: str = COMPLEX,
    dimension: int | None = None,
    epochs: int | None = None,
    batch_size: int | None = None,
    learning_rate: float | None = None,
    regularization: float | None = None,
    arguments: Mapping[str, Any] | None = None,
    validation: str | float | None = None,
    seed: int | None = None,
    device: str = "cpu",
    resume: bool = True,
    save_seconds: float = 30.0,
    progress: bool = True,
    say: Say | None = None,
    on_epoch: EpochDone | None = None,
) -> TrainingResult:
    """Train a model on a graph and write its checkpoint to `out`.

    model: `complex` (native, full softmax), `epignn`, or any model of PyKEEN. None leaves a setting
    to the model's default. validation: see `choose_facts`. resume: go on with an unfinished run of
    the same settings, whose state is kept beside `out` every `save_seconds` seconds. progress: a
    bar on standard error. say: takes notes for people, by default standard error when `progress` is
    on.
    on_epoch: called with the epochs done and the loss. Raises UsageError, and PredictorError when
    training diverges.
    """
    say = say or (_stderr if progress else _silent)
    path = _writable(Path(out))
    kind = _model_name(model)
    given = (dimension, epochs, batch_size, learning_rate, regularization)
    chosen_seed = random.SystemRandom().randrange(2**32) if seed is None else seed
    options = _options(kind, given, chosen_seed, str(usable_device(device)), arguments or {})
    options, saved = _resumed(path, graph, options, validation, seed, resume)
    facts = choose_facts(graph, validation, options.seed)
    for note in (f"seed {options.seed}", *facts.notes):
        say(note)
    if saved:
        say(f"going on after epoch {saved.epochs} of an unfinished run")
    started = time.monotonic()
    trainer = _trainer(facts, graph.relation_count, options)
    keep = _Keeper(path, _run(graph, options, validation), options.seed, save_seconds)
    with _threads(facts.entities * options.dimension * options.batch_size):
        loss = _epochs(trainer, options, saved, keep, progress, on_epoch)
        metrics = evaluate(trainer.scorer(), facts.validation, _known(graph, facts))
    if metrics:
        say(f"validation: {metrics}")
    seconds = time.monotonic() - started
    training = {**options.described(), "loss": loss, "validation": metrics and asdict(metrics)}
    checkpoint = trainer.checkpoint(graph.vocabulary, facts.coverage, training)
    save_checkpoint(path, checkpoint.info, checkpoint.tensors)
    state_path(path).unlink(missing_ok=True)
    return TrainingResult(path, metrics, loss, options.epochs, seconds, options.seed, facts.notes)


@dataclass(slots=True)
class _Keeper:
    """Keeps the state of a run on disk, now and then."""

    path: Path
    run: dict[str, Any]
    seed: int
    seconds: float
    last: float = 0.0

    def keep(self, trainer: Trainer, epochs: int) -> None:
        if time.monotonic() - self.last >= self.seconds:
            save_run(self.path, self.run, SavedRun(epochs, self.seed, trainer.state()))
            self.last = time.monotonic()


def _epochs(
    trainer: Trainer,
    options: Options,
    saved: SavedRun | None,
    keeper: _Keeper,
    progress: bool,
    on_epoch: EpochDone | None,
) -> float:
    """Run what is left of the epochs; the last loss."""
    first, loss = 0, math.nan
    if saved is not None:
        trainer.restore(saved.tensors, saved.epochs)
        first = saved.epochs
    keeper.last = time.monotonic()
    with _bar(progress, options, first) as advance:
        for epoch in range(first + 1, options.epochs + 1):
            loss = trainer.epoch()
            if not math.isfinite(loss):
                raise PredictorError(
                    f"training diverged: the loss of epoch {epoch} is {loss}",
                    remedy="train again with a lower learning rate",
                )
            keeper.keep(trainer, epoch)
            advance(loss)
            if on_epoch is not None:
                on_epoch(epoch, loss)
    return loss


@contextmanager
def _threads(size: int) -> Iterator[None]:
    """One thread for small steps: on a busy machine, waiting for others costs more than work."""
    usual = torch.get_num_threads()
    torch.set_num_threads(1 if size < _SMALL_STEP else usual)
    try:
        yield
    finally:
        torch.set_num_threads(usual)


@contextmanager
def _bar(progress: bool, options: Options, first: int) -> Iterator[Callable[[float], None]]:
    if not progress:
        yield lambda loss: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(f"{options.model} epochs", total=options.epochs, completed=first)
        yield lambda loss: bar.update(
            task, advance=1, description=f"{options.model} epochs, loss {loss:.4f}"
        )


def _trainer(facts: TrainingFacts, relations: int, options: Options) -> Trainer:
    if options.model == COMPLEX:
        from kgreason.training.complex import ComplExTrainer

        return ComplExTrainer(facts.train, facts.entities, relations, options)
    if options.model == EPIGNN:
        from kgreason.training.epignn import EpiGNNTrainer

        return EpiGNNTrainer(facts, relations, options)
    from kgreason.training.pykeen import PyKEENTrainer

    return PyKEENTrainer(facts.train, facts.entities, relations, options)


def _model_name(model: str) -> str:
    if model.lower() in (COMPLEX, EPIGNN):
        return model.lower()
    try:
        from kgreason.predictors.pykeen import model_key

        return model_key(model)
    except ImportError as error:
        raise UsageError(
            f"model {model!r} needs the package pykeen, which is not installed",
            remedy=f"pip install 'kgreason[pykeen]', or use the model {COMPLEX}",
        ) from error


def _options(
    model: str,
    given: tuple[int | None, int | None, int | None, float | None, float | None],
    seed: int,
    device: str,
    arguments: Mapping[str, Any],
) -> Options:
    usual = defaults(model)
    dimension, epochs, batch_size, rate, penalty = given
    return Options(
        model=model,
        dimension=usual.dimension if dimension is None else dimension,
        epochs=usual.epochs if epochs is None else epochs,
        batch_size=usual.batch_size if batch_size is None else batch_size,
        learning_rate=usual.learning_rate if rate is None else rate,
        regularization=usual.regularization if penalty is None else penalty,
        seed=seed,
        device=device,
        arguments=dict(arguments),
    )


def _resumed(
    path: Path,
    graph: KnowledgeGraph,
    options: Options,
    validation: str | float | None,
    seed: int | None,
    resume: bool,
) -> tuple[Options, SavedRun | None]:
    """The options with the seed of the unfinished run, where there is one to go on with."""
    from dataclasses import replace

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
    """What a run is recognised by; the seed is compared apart, it may have been drawn."""
    settings = options.described()
    del settings["seed"]
    facts = {split: int(count) for split, count in graph.fact_counts.items()}
    return {
        **settings,
        "validation": validation,
        "vocabulary": graph.vocabulary.fingerprint(),
        "facts": facts,
    }


def _known(graph: KnowledgeGraph, facts: TrainingFacts) -> Any:
    """All facts between trained entities, in the numbering of training."""
    import numpy as np

    from kgreason.knowledge import FactIndex

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


def _stderr(text: str) -> None:
    print(text, file=sys.stderr)


def _silent(text: str) -> None:
    """Say nothing."""
