"""What is told about a run while it goes on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from kgreason.predictors.scorer import Scorer
from kgreason.training.options import Options

Say = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class EpochReport:
    """How a run stands after an epoch.

    loss: mean cross-entropy of a fact (PyKEEN: its own loss). mrr: filtered validation MRR of this
    epoch, None where it was not judged. best: (epoch, MRR) so far. seconds, cpu_seconds: of this
    epoch, judgement and saving left out; cpu_seconds adds up all threads. facts: both directions.
    """

    epoch: int
    epochs: int
    loss: float
    mrr: float | None
    best: tuple[int, float] | None
    seconds: float
    cpu_seconds: float
    facts: int

    def __str__(self) -> str:
        parts = [f"loss {self.loss:.4f}"]
        if self.mrr is not None:
            parts.append(f"valid MRR {self.mrr:.4f}")
        if self.best is not None and self.best[0] != self.epoch:
            parts.append(f"best {self.best[1]:.4f} in epoch {self.best[0]}")
        return ", ".join([*parts, f"{self.facts / max(self.seconds, 1e-9):,.0f} facts/s"])


@dataclass(frozen=True, slots=True)
class Watch:
    """What accompanies a run.

    judge: the validation MRR of a scorer; None where nothing is held out. facts: of an epoch.
    on_part: told the epochs done, as a fraction, within an epoch. on_epoch: told of every epoch.
    """

    judge: Callable[[Scorer], float] | None
    facts: int
    on_part: Callable[[float], None]
    on_epoch: Callable[[EpochReport], None]


@dataclass(frozen=True, slots=True)
class Listener:
    """Who is told: `say` takes notes for people; the others as in `Watch`."""

    say: Say
    progress: bool
    on_part: Callable[[float], None]
    on_epoch: Callable[[EpochReport], None]

    @contextmanager
    def watch(
        self, options: Options, first: int, judge: Callable[[Scorer], float] | None, facts: int
    ) -> Iterator[Watch]:
        """What to tell during the run, with the bar where one is wanted."""
        if not self.progress:
            yield Watch(judge, facts, self.on_part, self.on_epoch)
            return
        with _epoch_bar(options, first) as (show_part, show_epoch):

            def part(done: float) -> None:
                show_part(done)
                self.on_part(done)

            def epoch(report: EpochReport) -> None:
                show_epoch(report)
                self.on_epoch(report)

            yield Watch(judge, facts, part, epoch)


def listener(
    say: Say | None,
    progress: bool,
    on_part: Callable[[float], None] | None,
    on_epoch: Callable[[EpochReport], None] | None,
) -> Listener:
    """Notes go to standard error where nobody takes them but progress is wanted."""
    say = say or (_stderr if progress else _ignore)
    return Listener(say, progress, on_part or _ignore, on_epoch or _ignore)


@contextmanager
def _epoch_bar(
    options: Options, first: int
) -> Iterator[tuple[Callable[[float], None], Callable[[EpochReport], None]]]:
    """A progress bar on standard error: what to tell within an epoch and after it."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn
    from rich.progress import TimeRemainingColumn as Remaining

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), Remaining())
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task(f"{options.model} epochs", total=options.epochs, completed=first)
        yield (
            lambda done: bar.update(task, completed=done),
            lambda report: bar.update(task, description=f"{options.model} epochs, {report}"),
        )


def _stderr(text: str) -> None:
    print(text, file=sys.stderr)


def _ignore(_: object) -> None:
    """Nobody listens."""
