"""`kgreason bench relational`: systematic reasoning over small graphs, trained and measured."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgreason.choose import require
from kgreason.cli.bench.figures import FigureFormat, require_format
from kgreason.cli.common.options import offer
from kgreason.cli.common.terminal import Terminal
from kgreason.errors import UsageError

if TYPE_CHECKING:
    from kgreason.predictors.gnn.epignn.checkpoint import TrainedEpiGNN

_TRAINING = "Training"
_NAMES = ("clutrr", "rcc8", "interval")


@dataclass(frozen=True, slots=True, kw_only=True)
class PairTrainingOptions:
    """What a model is trained on first, where one is."""

    train: Annotated[
        Path | None,
        typer.Option(
            "--train",
            metavar="FILE",
            help="Train on this file first; a fifth of it is held out to judge by.",
            rich_help_panel=_TRAINING,
        ),
    ] = None
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="CHECKPOINT",
            help="Where the trained model goes.",
            rich_help_panel=_TRAINING,
        ),
    ] = None
    settings: Annotated[
        str,
        typer.Option(
            "--settings",
            metavar="|".join(_NAMES),
            help="Published settings of a suite.",
            autocompletion=offer(*_NAMES),
            rich_help_panel=_TRAINING,
        ),
    ] = "rcc8"
    epochs: Annotated[
        int | None,
        typer.Option("--epochs", min=1, help="Passes over all rows.", rich_help_panel=_TRAINING),
    ] = None
    seed: Annotated[
        int,
        typer.Option("--seed", min=0, help="Seed of the training.", rich_help_panel=_TRAINING),
    ] = 0


def relational(
    terminal: Terminal,
    training: PairTrainingOptions,
    files: Annotated[
        list[Path] | None,
        typer.Argument(
            metavar="[FILE]...",
            help="Tables of graphs and pairs: src, dst, rel, head, tail, label, perhaps k and b.",
        ),
    ] = None,
    model: Annotated[
        Path | None,
        typer.Option("--model", "-m", metavar="CHECKPOINT", help="A model trained earlier."),
    ] = None,
    rounds: Annotated[
        int | None,
        typer.Option("--rounds", min=1, help="Rounds of a sweep; by default what a graph needs."),
    ] = None,
    form: FigureFormat = "table",
) -> None:
    """Tell which relation holds between two nodes: accuracy for each k and b.

    With --train, a model is trained and written first; else --model names one.
    """
    require_format(form)
    if (model is None) == (training.train is None):
        raise UsageError(
            "give either a model to measure or a file to train on",
            remedy="write --model CHECKPOINT, or --train FILE --output CHECKPOINT",
        )
    if not files and training.train is None:
        raise UsageError("no file to measure on", remedy="name one or more Parquet files")
    with terminal.stage("torch", "starting"):
        from kgreason.bench.relational.paths import evaluate_relational, read_relational
        from kgreason.bench.tables import render
        from kgreason.predictors.gnn.epignn.checkpoint import read_epignn

    suites = [read_relational(path, "test") for path in files or ()]
    trained = read_epignn(model) if model is not None else _train(terminal, training)
    tables = []
    for suite in suites:
        with terminal.stage("measure", f"answering {suite.name}"):
            tables.append(evaluate_relational(trained, suite, rounds=rounds))
        for note in tables[-1].notes:
            terminal.note(f"note: {suite.name}: {note}")
        asked, seconds = len(suite.labels), terminal.seconds["measure"]
        each = 1000 * seconds / asked
        terminal.note(f"{suite.name}: {asked:,} graphs in {seconds:.1f} s, {each:.2f} ms each")
    terminal.data(render(tables, form))


def _train(terminal: Terminal, options: PairTrainingOptions) -> TrainedEpiGNN:
    from dataclasses import replace

    from kgreason.bench.relational.paths import read_relational
    from kgreason.training.gnn.pairs import SETTINGS, train_suite

    require("setting", options.settings, SETTINGS)
    if options.train is None or options.output is None:
        raise UsageError(
            "the trained model has nowhere to go", remedy="name a file with --output CHECKPOINT"
        )
    settings = SETTINGS[options.settings]
    settings = replace(settings, epochs=options.epochs or settings.epochs)
    suite = read_relational(options.train, "train")
    names = suite.relations()
    with terminal.bar(f"training on {suite.name}", settings.epochs) as show:
        trained, said = train_suite(
            suite.bound(names),
            names,
            settings,
            options.output,
            seed=options.seed,
            on_epoch=_progress(suite.name, show),
        )
    for line in said:
        terminal.note(line)
    return trained


def _progress(name: str, show: Callable[..., None]) -> Callable[[int, float], None]:
    return lambda done, loss: show(done, f"training on {name}, loss {loss:.4f}")
