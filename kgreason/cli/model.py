"""`kgreason model`: looking at checkpoints, and weights from and to other formats."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from kgreason.choose import require
from kgreason.cli.common.bars import byte_bars
from kgreason.cli.common.command import command
from kgreason.cli.common.options import GraphOptions, MaybeGraphOptions, offer
from kgreason.cli.common.reading import ReadingOptions
from kgreason.cli.common.session import load_graph
from kgreason.cli.common.terminal import Terminal
from kgreason.cli.train import parse_arguments
from kgreason.errors import DataError, KgreasonError, UsageError
from kgreason.settings import Settings

if TYPE_CHECKING:
    from kgreason.predictors import CheckpointInfo
    from kgreason.predictors.checkpoints.layout import Layout, Order

app = typer.Typer(
    help="List, show, verify, pull, import, export and mix models.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Checkpoint = Annotated[Path, typer.Argument(metavar="FILE", help="A checkpoint.")]


def list_models(
    terminal: Terminal,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where to look.")] = Path(),
) -> None:
    """List the checkpoints of a folder, one a line."""
    if not folder.is_dir():
        raise UsageError(f"there is no folder {folder}", remedy="check the path")
    from kgreason.predictors import inspect

    rows = []
    for path in sorted(folder.glob("*.safetensors")):
        try:
            rows.append(_row(path.name, inspect(path)))
        except KgreasonError as error:
            terminal.note(f"skipped: {error.message}")
    if not rows:
        terminal.note(f"no checkpoints in {folder} (*.safetensors)")
        return
    _print_rows(terminal, [["file", "model", "dimension", "entities", "relations", "MRR"], *rows])


def show(terminal: Terminal, file: Checkpoint) -> None:
    """Show what a checkpoint says about itself."""
    from kgreason.predictors import inspect

    info = inspect(file)
    lines = [
        ("model", info.model),
        ("dimension", f"{info.dimension:,}"),
        ("entities", f"{info.entities:,}"),
        ("relations", f"{info.relations:,}"),
        ("vocabulary", info.vocabulary or _without_vocabulary(info)),
        *((f"argument {name}", str(value)) for name, value in info.arguments.items()),
    ]
    for name, value in info.training.items():
        if isinstance(value, dict):
            lines += [(f"{name} {_words(key)}", _value(part)) for key, part in value.items()]
        elif value is not None and name not in ("model", "dimension"):
            lines.append((f"training {_words(name)}", _value(value)))
    width = max(len(name) for name, _ in lines)
    for name, value in lines:
        terminal.print(f"{name:<{width}}  {value}")


def verify(
    terminal: Terminal,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help="Checkpoints, mined rules, mixtures, unfinished runs."),
    ],
) -> None:
    """Compare files with the checksums they carry; exit code 1 if any is not as it was written."""
    from kgreason.predictors import verify_model

    failures = []
    for file in files:
        try:
            sealed = verify_model(file)
        except KgreasonError as error:
            failures.append(error)
        else:
            said = "as it was written" if sealed else "without checksums: cannot be compared"
            terminal.print(f"{file}  {said}")
    if failures and len(files) == 1:
        raise failures[0]
    for failure in failures:
        terminal.note(str(failure))
    if failures:
        raise DataError(
            f"{len(failures)} of {len(files)} files are not as they were written",
            remedy="get undamaged copies, or make them again",
        )


def import_model(
    terminal: Terminal,
    source: Annotated[
        Path, typer.Argument(metavar="SOURCE", help=".safetensors, .npz, or tensors of torch.")
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Checkpoint to write.")
    ],
    graph: MaybeGraphOptions,
    reading: ReadingOptions,
    model: Annotated[
        str,
        typer.Option(help="complex, distmult, ultra (which needs no graph), or a PyKEEN model."),
    ] = "complex",
    layout: Annotated[
        str | None,
        typer.Option(
            metavar="halves|interleaved",
            help="How a row holds a complex vector; by default as the tensors' names suggest.",
            autocompletion=offer("halves", "interleaved"),
        ),
    ] = None,
    relation_order: Annotated[
        str,
        typer.Option(
            metavar="interleaved|appended",
            help="Whether an inverse relation's row follows its relation, or all of them.",
            autocompletion=offer("interleaved", "appended"),
        ),
    ] = "interleaved",
    inverse: Annotated[
        bool, typer.Option(help="Whether a PyKEEN model was trained with inverse triples.")
    ] = True,
    argument: Annotated[
        list[str] | None,
        typer.Option("--argument", metavar="NAME=VALUE", help="Argument of a PyKEEN model."),
    ] = None,
) -> None:
    """Make a checkpoint from weights of elsewhere, for the graph that they were trained on."""
    require("layout", layout or "halves", ("halves", "interleaved"))
    require("relation order", relation_order, ("interleaved", "appended"))
    loaded = load_graph(terminal, graph.graph, reading) if graph.graph else None
    from kgreason.predictors import import_checkpoint

    info = import_checkpoint(
        source,
        output,
        vocabulary=loaded.vocabulary if loaded else None,
        model=model,
        layout=cast("Layout | None", layout),
        relation_order=cast("Order", relation_order),
        inverse=inverse,
        arguments=parse_arguments(argument or []) or None,
    )
    terminal.note(
        f"{output}: {info.model} of dimension {info.dimension:,}, {info.entities:,} entities, "
        f"{info.relations:,} relations"
    )


def pull(
    terminal: Terminal,
    name: Annotated[str, typer.Argument(metavar="NAME", help="ultra, ultra-3g, ultra-50g, …")],
    source: Annotated[
        Path | None,
        typer.Option("--from", metavar="FILE", help="The published file, fetched by hand."),
    ] = None,
) -> None:
    """Fetch a published model that answers over any graph; `-m NAME` then names it."""
    from kgreason.data.models import pull_model
    from kgreason.predictors.gnn.ultra.published import LICENCE, PUBLISHED

    with byte_bars(terminal, name) as bar:
        path = pull_model(name, source=source, progress=bar("fetching"))
    terminal.note(f"trained on {PUBLISHED[name].learned}")
    terminal.note(f"licence: {LICENCE}")
    terminal.print(str(path))


def export(
    terminal: Terminal,
    file: Checkpoint,
    output: Annotated[
        Path,
        typer.Option("--output", "-o", metavar="FILE", help=".safetensors or .npz to write."),
    ],
) -> None:
    """Write the bare tensors of a checkpoint."""
    from kgreason.predictors import export_checkpoint

    export_checkpoint(file, output)
    terminal.note(f"written to {output}")


def mix(
    terminal: Terminal,
    models: Annotated[
        list[Path],
        typer.Argument(metavar="MODEL", help="Two or more checkpoints or files of rules."),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="FILE", help="Mixture to write, mix.json.")
    ],
    graph: GraphOptions,
    reading: ReadingOptions,
    validation: Annotated[
        str, typer.Option("--validation", metavar="SPLIT", help="Held-out facts to learn from.")
    ] = "valid",
    most: Annotated[int, typer.Option("--most", min=1, help="Most facts learned from.")] = 1000,
    calibration: Annotated[
        str, typer.Option("--calibration", help="From scores to truths.")
    ] = "auto",
    device: Annotated[str, typer.Option(metavar="cpu|cuda", help="Where to compute.")] = "cpu",
) -> None:
    """Learn how much each of several models counts for each relation, and keep it in a file."""
    from kgreason.predictors.mixture.file import SUFFIX, write_mixture

    if len(models) < 2 or output.suffix != SUFFIX:
        raise UsageError(
            "a mixture is made of two models or more, and its file ends in " + SUFFIX,
            remedy="write for example: kgreason model mix a.safetensors rules.txt -g G -o mix.json",
        )
    loaded = load_graph(terminal, graph.graph, reading)
    observed = loaded.usual_splits
    if validation in (*observed, "test") or validation not in loaded.splits:
        raise UsageError(
            f"the split {validation!r} is none to learn a mixture from",
            remedy="give a graph with train and validation facts; test facts are for judging",
        )
    with terminal.stage("model", "loading"):
        from kgreason.predictors import load_predictor
        from kgreason.predictors.mixture.weights import learn_weights

        settings = Settings.of(calibration=calibration, device=device)
        members = [load_predictor(path, loaded, settings) for path in models]
    with terminal.bar("ranking", 1) as show:
        weights = learn_weights(
            members,
            loaded.facts([validation]),
            loaded.index([*observed, validation]),
            most=most,
            progress=lambda done, total: show(done, "ranking held-out links", total),
        )
    write_mixture(output, models, weights, loaded.vocabulary, calibration)
    shares = ", ".join(f"{share:.4f}" for share in weights.overall.tolist())
    terminal.note(f"{output}: weights {shares} overall, from {weights.links:,} held-out links")


def _without_vocabulary(info: CheckpointInfo) -> str:
    if not info.names:
        return "not recorded (bare weights)" if info.entities else "none: it answers over any graph"
    return f"any with its relations: {', '.join(info.names[:8])}{' …' * (len(info.names) > 8)}"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _value(value: object) -> str:
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _row(name: str, info: CheckpointInfo) -> list[str]:
    validation = info.training.get("validation")
    mrr = validation.get("mrr") if isinstance(validation, dict) else None
    return [
        name,
        info.model,
        str(info.dimension),
        str(info.entities),
        str(info.relations),
        f"{mrr:.3f}" if isinstance(mrr, float) else "",
    ]


def _print_rows(terminal: Terminal, rows: list[list[str]]) -> None:
    """Aligned for people, separated by tabs in a pipe."""
    if not terminal.interactive:
        terminal.data("".join("\t".join(row) + "\n" for row in rows))
        return
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    for row in rows:
        cells = [cell.ljust(width) for cell, width in zip(row, widths, strict=True)]
        terminal.print("  ".join(cells).rstrip())


command(app, "list", list_models)
command(app, "show", show)
command(app, "verify", verify)
command(app, "import", import_model)
command(app, "pull", pull)
command(app, "export", export)
command(app, "mix", mix)
