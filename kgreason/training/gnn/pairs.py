"""Training on pairs: small graphs, each with the one relation that holds between two nodes."""

from __future__ import annotations

import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from kgreason.errors import DataError, PredictorError, UsageError
from kgreason.predictors.checkpoints.format import save_checkpoint
from kgreason.predictors.gnn.epignn.checkpoint import TrainedEpiGNN, one_slope
from kgreason.predictors.gnn.epignn.graphs import PairGraph, PairGraphs
from kgreason.predictors.gnn.epignn.model import Design, EpiGNN
from kgreason.predictors.gnn.epignn.pairs import batch_of, pair_scores, score_pairs
from kgreason.training.gnn.grown import grow

Loss = Literal["margin", "cross-entropy"]
OnEpoch = Callable[[int, float], None]
"""Told the epochs done and the loss."""

_MARGIN = 1.0
_HELD_OUT = 0.2
# Graphs grown out of held-out ones to tell how far a model carries.
_GROWN = 2000
# The share of epochs, at the end, over which the learning rate falls to 0.
_DECAY = 0.25


@dataclass(frozen=True, slots=True)
class PairSettings:
    """How to train; a fifth of the graphs is held out to judge by.

    learning_rate: falls to 0 over the last quarter of the epochs, so that the last one is kept:
    accuracy on short graphs is no guide to how far a model will carry.
    loss: `margin` of 1 to the best-scored other relation, or `cross-entropy` over all of them. The
    paper draws the other relation at random: models that have to beat the best one carry farther.
    """

    design: Design
    loss: Loss
    epochs: int
    batch_size: int = 128
    learning_rate: float = 0.01


SETTINGS: Mapping[str, PairSettings] = {
    "clutrr": PairSettings(Design(64, 8, "product"), "cross-entropy", 160),
    "rcc8": PairSettings(Design(32, 8, "min"), "margin", 60, learning_rate=0.02),
    "interval": PairSettings(Design(64, 8, "min"), "margin", 20, learning_rate=0.02),
}
"""The paper's designs by suite.

Learning rates and numbers of epochs are those that carry farthest to graphs made of held-out ones;
an epoch is shorter than the paper's, for equal graphs are merged.
"""


@dataclass(frozen=True, slots=True)
class PairExamples:
    """Distinct graphs with the relation asked for (graphs,) and how often each was given."""

    graphs: PairGraphs
    labels: Tensor
    weights: Tensor
    given: int

    @classmethod
    def of(cls, rows: Iterable[tuple[PairGraph, int]]) -> PairExamples:
        """Merge equal rows of a graph and its label."""
        counts = Counter((tuple(edges), head, tail, label) for (edges, head, tail), label in rows)
        return cls(
            PairGraphs.of((edges, head, tail) for edges, head, tail, _ in counts),
            torch.tensor([label for *_, label in counts], dtype=torch.int64),
            torch.tensor(list(counts.values()), dtype=torch.float32),
            counts.total(),
        )


@dataclass(frozen=True, slots=True)
class PairTraining:
    """A trained model.

    accuracy: share of held-out rows answered rightly. carried: the same of larger graphs, held-out
    ones with edges replaced by others, None where none can be made. temperature: factor of the
    scores at which their softmax over the relations is calibrated on held-out graphs.
    """

    model: EpiGNN
    accuracy: float
    carried: float | None
    temperature: float
    seconds: float
    processor_seconds: float


class PairTrainer:
    """AdamW on batches of distinct graphs, each counting as often as it was given."""

    def __init__(
        self, examples: PairExamples, relations: int, settings: PairSettings, seed: int
    ) -> None:
        if relations < 2:
            raise DataError(
                "only one relation is named: there is nothing to tell apart",
                remedy="train on graphs with two relations or more",
            )
        self._examples = examples
        self._settings = settings
        self._seed = seed
        self._random = torch.Generator().manual_seed(seed)
        self._done = 0
        order = torch.randperm(len(examples.labels), generator=self._random)
        held = int(_HELD_OUT * len(order))
        self.validation, self.train = order[:held].sort().values, order[held:]
        self.model = EpiGNN(settings.design, relations, self._random)
        self._optimizer = torch.optim.AdamW(self.model.parameters(), lr=settings.learning_rate)

    def epoch(self) -> float:
        """One pass over the training graphs; the mean loss."""
        left = 1 - self._done / self._settings.epochs
        share = min(1.0, left / _DECAY)
        for group in self._optimizer.param_groups:
            group["lr"] = self._settings.learning_rate * share
        self._done += 1
        order = self.train[torch.randperm(len(self.train), generator=self._random)]
        total = weight = 0.0
        for chosen in order.split(self._settings.batch_size):
            weights = self._examples.weights[chosen]
            loss = (self._losses(chosen) * weights).sum() / weights.sum()
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            total += float(loss.detach()) * float(weights.sum())
            weight += float(weights.sum())
        return total / weight

    def accuracy(self) -> float:
        """Share of held-out rows answered rightly, equal ones included; NaN where none are."""
        scores, labels, weights = self._held_out()
        return float(((scores.argmax(1) == labels) * weights).sum() / weights.sum())

    def carried(self) -> float | None:
        """Share answered rightly of graphs grown out of held-out ones; None without any."""
        held = self.validation
        graphs, labels = self._examples.graphs.at(held.numpy()), self._examples.labels[held]
        rows = grow(graphs, labels, _GROWN, torch.Generator().manual_seed(self._seed))
        if not rows:
            return None
        grown = PairExamples.of(rows)
        right = score_pairs(self.model, grown.graphs).argmax(1) == grown.labels
        return float((right * grown.weights).sum() / grown.weights.sum())

    def temperature(self) -> float:
        """The factor of the scores whose softmax makes the held-out labels most likely."""
        return _temperature(*self._held_out())

    def _held_out(self) -> tuple[Tensor, Tensor, Tensor]:
        held = self.validation
        scores = score_pairs(self.model, self._examples.graphs.at(held.numpy()))
        return scores, self._examples.labels[held], self._examples.weights[held]

    def _losses(self, chosen: Tensor) -> Tensor:
        count = self.model.relation_count
        batch = batch_of(self._examples.graphs, chosen.numpy(), count, None)
        scores, labels = pair_scores(self.model, batch), self._examples.labels[chosen]
        if self._settings.loss == "cross-entropy":
            return cross_entropy(scores, labels, reduction="none")
        right = scores.gather(1, labels.unsqueeze(1))
        others = scores.scatter(1, labels.unsqueeze(1), -torch.inf)
        return (_MARGIN - right + others.max(1, keepdim=True).values).clamp(min=0).squeeze(1)


def train_pairs(
    examples: PairExamples,
    relations: Sequence[str],
    settings: PairSettings,
    *,
    seed: int,
    on_epoch: OnEpoch | None = None,
) -> PairTraining:
    """Train for all epochs.

    Raises PredictorError when training diverges.
    """
    started = time.monotonic(), time.process_time()
    trainer = PairTrainer(examples, len(relations), settings, seed)
    for epoch in range(1, settings.epochs + 1):
        loss = trainer.epoch()
        if not np.isfinite(loss):
            raise PredictorError(
                f"training diverged: the loss of epoch {epoch} is {loss}",
                remedy="train again with a lower learning rate",
            )
        if on_epoch is not None:
            on_epoch(epoch, loss)
    return PairTraining(
        trainer.model,
        trainer.accuracy(),
        trainer.carried(),
        trainer.temperature(),
        time.monotonic() - started[0],
        time.process_time() - started[1],
    )


def train_suite(
    rows: Iterable[tuple[PairGraph, int]],
    names: Sequence[str],
    settings: PairSettings,
    path: Path,
    *,
    seed: int,
    on_epoch: OnEpoch | None = None,
) -> tuple[TrainedEpiGNN, tuple[str, ...]]:
    """Train on rows of a graph and its label, and write the checkpoint.

    names: of the relations by id. Gives the model and what to tell people about the run. Raises
    UsageError, before anything is computed, for a place that cannot be written to.
    """
    if path.is_dir() or not os.access(path.parent, os.W_OK):
        raise UsageError(
            f"cannot write {path}", remedy="name a file in a folder that can be written to"
        )
    examples = PairExamples.of(rows)
    found = train_pairs(examples, names, settings, seed=seed, on_epoch=on_epoch)
    odds = one_slope(len(names), found.temperature)
    trained = TrainedEpiGNN(found.model, tuple(names), True, None, odds)
    record = {
        "seed": seed,
        "epochs": settings.epochs,
        "batch_size": settings.batch_size,
        "learning_rate": settings.learning_rate,
        "loss": settings.loss,
        "validation_accuracy": found.accuracy,
        "larger_accuracy": found.carried,
    }
    checkpoint = trained.checkpoint(training=record)
    save_checkpoint(path, checkpoint.info, checkpoint.tensors)
    return trained, _told(examples, settings, found)


def _told(examples: PairExamples, settings: PairSettings, found: PairTraining) -> tuple[str, ...]:
    carried = ""
    if found.carried is not None:
        carried = f", {100 * found.carried:.2f} % of larger graphs, with held-out ones for edges"
    return (
        f"{examples.given:,} rows, {len(examples.labels):,} of them distinct; "
        f"{found.model.parameter_count:,} parameters",
        f"{settings.epochs} epochs, all of which are run, in {found.seconds:.1f} s "
        f"({found.processor_seconds:.1f} s of processor time): {100 * found.accuracy:.2f} % of the "
        f"held-out fifth{carried}",
    )


def _temperature(scores: Tensor, labels: Tensor, weights: Tensor) -> float:
    """The factor of the scores whose softmax makes the labels most likely, to a twentieth."""
    tried = torch.logspace(-1, 3, 200).tolist() if len(labels) else [1.0]
    losses = [
        float((cross_entropy(factor * scores, labels, reduction="none") * weights).sum())
        for factor in tried
    ]
    return float(tried[int(np.argmin(losses))])
