"""`kgreason bench inductive`: link prediction over a graph of entities never seen in training."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgreason.cli.bench.figures import FigureFormat, require_format
from kgreason.cli.common.terminal import Terminal
from kgreason.cli.train import parse_arguments
from kgreason.errors import UsageError
from kgreason.files.cache import find_model_file

if TYPE_CHECKING:
    from kgreason.bench.relational.inductive import InductiveSplits, Ranks
    from kgreason.predictors.scorer import Scorer


def inductive(
    terminal: Terminal,
    file: Annotated[
        Path,
        typer.Argument(metavar="FILE", help="Table of two graphs: graph, split, h, r, t."),
    ],
    model: Annotated[
        list[str] | None,
        typer.Option(
            "--model", "-m", metavar="MODEL", help="EpiGNN or ULTRA, trained earlier (repeat)."
        ),
    ] = None,
    asked: Annotated[
        str | None,
        typer.Option("--asked", metavar="SPLITS", help="Splits to rank: test, or valid,test."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="CHECKPOINT",
            help="Train on the first graph, and write the model here.",
        ),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Passes over all facts.")] = None,
    argument: Annotated[
        list[str] | None,
        typer.Option("--argument", metavar="NAME=VALUE", help="facets, pooling, rounds (repeat)."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the training.")] = 0,
    form: FigureFormat = "table",
) -> None:
    """Rank the missing links of a graph by a model that has learned on another one.

    Beside it stands an untrained model of the same design, which shows what reachability is worth.
    """
    require_format(form)
    arguments = parse_arguments(argument or [])
    if (model is None) == (output is None):
        raise UsageError(
            "give either a model to measure or a place for one to be trained",
            remedy="write --model CHECKPOINT, or --output CHECKPOINT",
        )
    with terminal.stage("torch", "starting"):
        from kgreason.bench.relational.inductive import inductive_table, read_inductive
        from kgreason.bench.tables import render

    splits = read_inductive(file, tuple(asked.split(",")) if asked else ())
    paths = [Path(find_model_file(one)) for one in model or ()]
    paths = paths or [_trained(terminal, splits, output, epochs, seed, arguments)]
    terminal.data(render([inductive_table(splits, _ranked(terminal, splits, paths, seed))], form))


def _ranked(
    terminal: Terminal, splits: InductiveSplits, paths: list[Path], seed: int
) -> dict[str, Ranks]:
    """By name; after an EpiGNN one of its design without training."""
    from kgreason.bench.relational.inductive import rank_inductive, untrained
    from kgreason.predictors.gnn.epignn.links import over
    from kgreason.predictors.gnn.epignn.scorer import EpiGNNScorer

    found: dict[str, Ranks] = {}

    def rank(name: str, make: Callable[[], Scorer]) -> Scorer:
        with terminal.stage("ranking", f"ranking by {name}"):
            scorer = make()
            found[name] = rank_inductive(scorer, splits)
        terminal.note(f"{name}: ranked in {terminal.seconds['ranking']:.1f} s")
        for note in scorer.notes:
            terminal.note(f"note: {note}")
        return scorer

    for path in paths:
        scorer = rank(path.stem, partial(_scorer, path, splits))
        if isinstance(scorer, EpiGNNScorer):
            random = untrained(scorer.trained, seed)
            rank("untrained", partial(over, random, splits.new, ("train",)))
    return found


def _scorer(path: Path, splits: InductiveSplits) -> Scorer:
    from kgreason.predictors.kinds import kind_of

    kind = kind_of(path)
    if kind.over is None:
        raise UsageError(
            f"{path} holds {kind.name}, which is tied to the entities that it was trained on",
            remedy="give a model that answers over any graph: epignn or ultra",
        )
    return kind.over(path, splits.new, ("train",))


def _trained(
    terminal: Terminal,
    splits: InductiveSplits,
    output: Path | None,
    epochs: int | None,
    seed: int,
    arguments: dict[str, object],
) -> Path:
    from kgreason.training import train
    from kgreason.training.presets import preset

    assert output is not None
    with terminal.bar("training epignn", epochs or preset("epignn", None).epochs) as show:
        result = train(
            splits.learned,
            output,
            model="epignn",
            epochs=epochs,
            seed=seed,
            arguments=arguments,
            progress=False,
            say=terminal.note,
            on_epoch=lambda report: show(report.epoch, f"training epignn, {report}"),
        )
    terminal.note(f"{result.path}: {result.epochs:,} epochs in {result.seconds:.1f} s")
    return result.path
