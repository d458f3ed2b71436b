"""Epoch by epoch: train, judge, remember the best, keep the state on disk, stop early."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import torch
from torch import Tensor

from kgreason.errors import PredictorError
from kgreason.predictors.checkpoints.format import Checkpoint
from kgreason.predictors.scorer import Coverage, Scorer
from kgreason.training.options import Options
from kgreason.training.progress import EpochReport, Watch
from kgreason.training.state import Best, SavedRun, save_run

# entities · dimension · batch size of a step
_SMALL_STEP = 10**8


class Trainer(Protocol):
    """A model in training, one epoch at a time.

    A class that `ModelKind.trainer` names is made with (TrainingFacts, base relations, Options).
    """

    def epoch(self, show: Callable[[float], None]) -> float:
        """One pass over all facts; the mean loss. `show` is told which share of it is done."""
        ...

    def weights(self) -> dict[str, Tensor]:
        """The model as it stands; the tensors change with training."""
        ...

    def adopt(self, weights: dict[str, Tensor]) -> None:
        """Take over what `weights` once gave."""
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
class Ending:
    """How a run ended; the trainer holds the weights of the `best` epoch, where one was judged."""

    epochs: int
    loss: float
    best: Best | None

    @property
    def kept(self) -> int:
        """The epoch whose weights the trainer holds."""
        return self.best.epoch if self.best else self.epochs


@dataclass(frozen=True, slots=True)
class Keeper:
    """Keeps the state of a run on disk."""

    path: Path
    run: dict[str, Any]
    seed: int

    def keep(self, trainer: Trainer, epochs: int, loss: float, best: Best | None) -> None:
        """Write it, whole or not at all."""
        save_run(self.path, self.run, SavedRun(epochs, self.seed, loss, trainer.state(), best))


def run_epochs(
    trainer: Trainer, options: Options, saved: SavedRun | None, keeper: Keeper, watch: Watch
) -> Ending:
    """Run what is left of the epochs, or fewer where the validation MRR no longer rises.

    The state is kept after every epoch. Raises PredictorError where the loss is no longer finite.
    """
    epoch, loss, best = 0, math.nan, None
    if saved is not None:
        trainer.restore(saved.tensors, saved.epochs)
        epoch, loss, best = saved.epochs, saved.loss, saved.best
    while epoch < options.epochs and not _at_rest(epoch, best, options):
        epoch += 1
        wall, cpu = time.monotonic(), time.process_time()
        loss = trainer.epoch(_from(epoch - 1, watch.on_part))
        wall, cpu = time.monotonic() - wall, time.process_time() - cpu
        if not math.isfinite(loss):
            raise PredictorError(
                f"training diverged: the loss of epoch {epoch} is {loss}",
                remedy="train again with a lower learning rate",
            )
        mrr = None
        if watch.judge and (epoch % options.evaluate_every == 0 or epoch == options.epochs):
            mrr = watch.judge(trainer.scorer())
            if best is None or mrr > best.mrr:
                best = Best(epoch, mrr, _copied(trainer.weights()))
        keeper.keep(trainer, epoch, loss, best)
        standing = None if best is None else (best.epoch, best.mrr)
        watch.on_epoch(
            EpochReport(epoch, options.epochs, loss, mrr, standing, wall, cpu, watch.facts)
        )
    if best is not None and best.epoch != epoch:
        trainer.adopt(best.weights)
    return Ending(epoch, loss, best)


def _at_rest(epoch: int, best: Best | None, options: Options) -> bool:
    """Whether `patience` judgements in a row have found nothing better."""
    if best is None or not options.patience:
        return False
    judged_since = epoch // options.evaluate_every - best.epoch // options.evaluate_every
    return judged_since >= options.patience


def _from(done: int, show: Callable[[float], None]) -> Callable[[float], None]:
    return lambda share: show(done + share)


def _copied(weights: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().clone() for name, tensor in weights.items()}


@contextmanager
def fitting_threads(size: int) -> Iterator[None]:
    """One thread for small steps: on a busy machine, waiting for others costs more than work."""
    usual = torch.get_num_threads()
    torch.set_num_threads(1 if size < _SMALL_STEP else usual)
    try:
        yield
    finally:
        torch.set_num_threads(usual)
