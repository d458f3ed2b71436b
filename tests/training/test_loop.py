from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from kgreason.errors import PredictorError
from kgreason.training.loop import Ending, Keeper, run_epochs
from kgreason.training.options import Options
from kgreason.training.progress import EpochReport, Watch
from kgreason.training.state import load_run, state_path
from tests.training.test_bilinear import options

RUN = {"facts": 6}


class Counting:
    """A trainer whose one weight is the number of epochs it has had."""

    def __init__(self, loss: float = 0.5) -> None:
        self._weight = torch.zeros(1)
        self._loss = loss

    def epoch(self, show: Any) -> float:
        self._weight += 1
        show(1.0)
        return self._loss

    def weights(self) -> dict[str, Tensor]:
        return {"weight": self._weight}

    def adopt(self, weights: dict[str, Tensor]) -> None:
        self._weight.copy_(weights["weight"])

    state = weights

    def restore(self, state: dict[str, Tensor], epochs: int) -> None:
        self.adopt(state)

    def scorer(self) -> Any:
        return int(self._weight)

    def checkpoint(self, *_: Any) -> Any:
        raise NotImplementedError


def run(
    settings: Options, mrr: list[float], path: Path, trainer: Counting | None = None
) -> tuple[Ending, Counting, list[EpochReport], list[float]]:
    """Train where the epoch n is judged mrr[n - 1]."""
    trainer = trainer or Counting()
    reports: list[EpochReport] = []
    parts: list[float] = []
    judge: Any = (lambda epoch: mrr[epoch - 1]) if mrr else None
    watch = Watch(judge, 12, parts.append, reports.append)
    keeper = Keeper(path, RUN, 7)
    ending = run_epochs(trainer, settings, load_run(path, RUN), keeper, watch)
    return ending, trainer, reports, parts


def test_training_ends_when_nothing_better_comes_and_the_best_is_kept(tmp_path: Path) -> None:
    mrr = [0.1, 0.3, 0.2, 0.3, 0.25, 0.9]
    settings = options(epochs=6, patience=3)
    ending, trainer, reports, parts = run(settings, mrr, tmp_path / "m")
    assert (ending.epochs, ending.kept) == (5, 2)
    assert trainer.scorer() == 2
    assert parts == [1, 2, 3, 4, 5]
    assert [report.mrr for report in reports] == mrr[:5]
    assert [report.best for report in reports][1:] == [(2, 0.3)] * 4
    assert "loss 0.5000, valid MRR 0.2000, best 0.3000 in epoch 2, " in str(reports[2])


def test_patience_counts_judgements_and_the_last_epoch_is_judged(tmp_path: Path) -> None:
    mrr = [0.0, 0.5, 0.0, 0.4, 0.0, 0.3, 0.0, 0.2]
    settings = options(epochs=8, patience=2, evaluate_every=2)
    ending, _, reports, _ = run(settings, mrr, tmp_path / "m")
    assert (ending.epochs, ending.kept) == (6, 2)
    assert [report.mrr for report in reports] == [None, 0.5, None, 0.4, None, 0.3]
    ending, *_ = run(options(epochs=3, evaluate_every=2), [0.0, 0.5, 0.7], tmp_path / "n")
    assert (ending.epochs, ending.kept) == (3, 3)


@pytest.mark.parametrize("patience", [0, 2])
def test_without_patience_or_judge_all_epochs_are_run(patience: int, tmp_path: Path) -> None:
    mrr = [] if patience else [0.4, 0.3, 0.2, 0.1]
    ending, trainer, reports, _ = run(options(epochs=4, patience=patience), mrr, tmp_path / "m")
    assert ending.epochs == len(reports) == 4
    assert ending.kept == trainer.scorer() == (4 if patience else 1)


@pytest.mark.parametrize("stop", [1, 3, 4])
def test_the_best_survives_an_interruption(stop: int, tmp_path: Path) -> None:
    mrr = [0.1, 0.3, 0.2, 0.25, 0.28]
    first = options(epochs=stop, patience=3)
    run(first, mrr, tmp_path / "m")
    saved = load_run(tmp_path / "m", RUN)
    assert saved is not None
    assert (saved.epochs, saved.seed, saved.loss) == (stop, 7, 0.5)
    assert saved.best is not None
    ending, trainer, reports, _ = run(options(epochs=9, patience=3), mrr, tmp_path / "m")
    assert [report.epoch for report in reports] == list(range(stop + 1, 6))
    assert (ending.epochs, ending.kept, ending.loss) == (5, 2, 0.5)
    assert trainer.scorer() == 2


def test_a_run_that_had_ended_is_not_gone_on_with(tmp_path: Path) -> None:
    settings = options(epochs=9, patience=1)
    run(settings, [0.2, 0.1], tmp_path / "m")
    ending, trainer, reports, _ = run(settings, [], tmp_path / "m")
    assert reports == []
    assert (ending.epochs, ending.kept, trainer.scorer()) == (2, 1, 1)


def test_a_loss_that_is_not_finite_ends_the_run_before_it_is_kept(tmp_path: Path) -> None:
    with pytest.raises(PredictorError, match="the loss of epoch 1 is nan"):
        run(options(epochs=3), [], tmp_path / "m", Counting(math.nan))
    assert not state_path(tmp_path / "m").exists()
