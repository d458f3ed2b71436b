"""`kgreason train`: a knowledge graph into a checkpoint."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from kgreason.cli.common.command import command
from kgreason.cli.common.options import offer
from kgreason.cli.common.reading import ReadingOptions
from kgreason.cli.common.session import load_graph
from kgreason.cli.common.terminal import Terminal
from kgreason.errors import UsageError

if TYPE_CHECKING:
    from kgreason.knowledge import KnowledgeGraph
    from kgreason.training import TrainingResult
    from kgreason.training.progress import EpochReport

# Seconds between lines where no bar can be shown.
_SILENCE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingOptions:
    """Settings of the run; what is not given is the model's default."""

    model: Annotated[
        str,
        typer.Option(
            "--model",
            "-m",
            metavar="MODEL",
            help="complex, distmult, epignn, or the name of any PyKEEN model.",
            autocompletion=offer(
                "complex", "distmult", "epignn", "TransE", "RotatE", "TuckER", "ConvE"
            ),
        ),
    ] = "complex"
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="fb15k-237|nell995|wn18rr",
            help="The literature's settings of complex for a known graph; "
            "each can be given another value.",
            autocompletion=offer("fb15k-237", "nell995", "wn18rr"),
        ),
    ] = None
    dimension: Annotated[int | None, typer.Option(help="Rank of the embeddings.")] = None
    epochs: Annotated[int | None, typer.Option(help="Passes over all facts, at most.")] = None
    batch_size: Annotated[
        int | None,
        typer.Option(
            help="Per step: distinct (head, relation) pairs for complex and distmult, else facts."
        ),
    ] = None
    learning_rate: Annotated[float | None, typer.Option(help="Step size.")] = None
    regularization: Annotated[float | None, typer.Option(help="Weight of the N3 penalty.")] = None
    patience: Annotated[
        int | None,
        typer.Option(
            help="Stop after so many judgements without a better validation MRR; 0 for never."
        ),
    ] = None
    evaluate_every: Annotated[
        int | None,
        typer.Option(help="Epochs from one judgement to the next; the best one is written."),
    ] = None
    precision: Annotated[
        str,
        typer.Option(
            metavar="auto|float32|bfloat16",
            help="Of the products of complex and distmult; "
            "auto is bfloat16 where a probe finds it faster.",
            autocompletion=offer("auto", "float32", "bfloat16"),
        ),
    ] = "auto"
    argument: Annotated[
        list[str] | None,
        typer.Option(
            "--argument", metavar="NAME=VALUE", help="Further argument of the model (repeat)."
        ),
    ] = None
    validation: Annotated[
        str | None,
        typer.Option(
            "--validation",
            metavar="SPLIT|SHARE",
            help="Facts to judge by: a split, or a share to hold out (0 for none); "
            "by default the split valid, else 0.05.",
        ),
    ] = None
    seed: Annotated[
        int | None, typer.Option(help="Seed of the run; drawn and printed when not given.")
    ] = None
    device: Annotated[str, typer.Option(metavar="cpu|cuda", help="Where to compute.")] = "cpu"
    resume: Annotated[
        bool,
        typer.Option(
            "--resume/--no-resume", help="Go on with an unfinished run of the same settings."
        ),
    ] = True


def train(
    terminal: Terminal,
    sources: Annotated[
        list[str], typer.Argument(metavar="GRAPH", help="As for `kgreason query -g`.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Checkpoint to write.")
    ],
    options: TrainingOptions,
    reading: ReadingOptions,
) -> None:
    """Train a link predictor on the facts of a graph.

    An interrupted run goes on where it was when the same command is given again.
    """
    arguments = parse_arguments(options.argument or [])
    graph = load_graph(terminal, sources, reading)
    try:
        result = _train(terminal, graph, output, options, arguments)
    except KeyboardInterrupt:
        from kgreason.training.state import state_path

        if state_path(output).exists():
            terminal.note("give the same command again to go on")
        raise
    terminal.note(
        f"{result.path}: {result.epochs:,} epochs in {result.seconds:.1f} s, loss {result.loss:.4f}"
    )


def _train(
    terminal: Terminal,
    graph: KnowledgeGraph,
    output: Path,
    options: TrainingOptions,
    arguments: dict[str, Any],
) -> TrainingResult:
    with terminal.stage("torch", "starting"):
        from kgreason.predictors.kinds import find_model
        from kgreason.training import train as run
        from kgreason.training.presets import preset

        epochs = options.epochs or preset(find_model(options.model)[1], options.preset).epochs
    settings = dataclasses.asdict(options)
    settings.update(arguments=arguments, validation=parse_validation(options.validation))
    del settings["argument"]
    with terminal.bar(f"training {options.model}", epochs) as show:
        live = _Live(terminal, show, options.model)
        return run(
            graph,
            output,
            **settings,
            progress=False,
            say=terminal.note,
            on_part=live.part,
            on_epoch=live.epoch,
        )


class _Live:
    """How the run stands: in the bar; where there is none, a line now and then."""

    def __init__(self, terminal: Terminal, show: Callable[..., None], model: str) -> None:
        self._terminal, self._show = terminal, show
        self._text = f"training {model}"
        self._doing = self._text
        self._told = time.monotonic()

    def part(self, done: float) -> None:
        """Told the epochs done, as a fraction."""
        self._show(done, self._doing)

    def epoch(self, report: EpochReport) -> None:
        """Told of every epoch."""
        self._doing = f"{self._text}, {report}"
        self._show(report.epoch, self._doing)
        now = time.monotonic()
        if not self._terminal.err.is_terminal and now - self._told > _SILENCE:
            self._told = now
            self._terminal.note(
                f"epoch {report.epoch} of {report.epochs}: {report}, "
                f"{report.seconds:.1f} s ({report.cpu_seconds:.1f} s of processors)"
            )


def parse_validation(text: str | None) -> str | float | None:
    """A share where it is a number, else a split's name."""
    if text is None:
        return None
    try:
        return float(text)
    except ValueError:
        return text


def parse_arguments(pairs: list[str]) -> dict[str, Any]:
    """`name=value` pairs; a value is read as JSON where it is JSON, else it is text."""
    found: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name.isidentifier():
            raise UsageError(
                f"{pair!r} is not NAME=VALUE", remedy="write for example scoring_fct_norm=1"
            )
        try:
            found[name] = json.loads(value)
        except ValueError:
            found[name] = value
    return found


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "train", train)
