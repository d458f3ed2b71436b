"""`kgreason bench growth`: how time and rows grow, on synthetic graphs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgreason.cli.bench_speed import FORMATS
from kgreason.cli.options import names, offer, size
from kgreason.cli.terminal import Terminal
from kgreason.errors import UsageError

AXIS_NAMES = ("entities", "facts", "rank", "variables", "batch")


def growth(
    terminal: Terminal,
    axes: Annotated[
        str,
        typer.Option("--axes", metavar="AXIS,…", help=f"What grows: {', '.join(AXIS_NAMES)}."),
    ] = ",".join(AXIS_NAMES),
    largest: Annotated[
        int, typer.Option("--largest", min=1000, metavar="N", help="Most entities.")
    ] = 100_000,
    questions: Annotated[
        int, typer.Option("--questions", min=1, metavar="N", help="Batches at each point.")
    ] = 5,
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.0, metavar="S", help="At most so long for a batch.")
    ] = 30.0,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE.png|svg", help="Also draw the curves."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of graphs and questions.")] = 0,
    device: Annotated[
        str, typer.Option("--device", metavar="cpu|cuda", help="Where to compute.")
    ] = "cpu",
    max_memory: Annotated[
        str, typer.Option("--max-memory", metavar="SIZE", help="Working memory.")
    ] = "2GiB",
    form: Annotated[
        str,
        typer.Option(
            "--format",
            metavar="|".join(FORMATS),
            help="Format of the figures.",
            autocompletion=offer(*FORMATS),
        ),
    ] = "table",
) -> None:
    """Time the first ten proved answers on random graphs and models of growing size.

    Degrees are skewed as in real graphs; questions are paths. The exponents are fitted.
    """
    if form not in FORMATS:
        raise UsageError(f"there is no format {form!r}", remedy=f"known: {', '.join(FORMATS)}")
    chosen, memory = names(axes) or (), size(max_memory)
    if not chosen or set(chosen) - set(AXIS_NAMES):
        raise UsageError(f"{axes!r} cannot grow", remedy=f"known: {', '.join(AXIS_NAMES)}")
    with terminal.stage("torch", "starting"):
        from kgreason.bench.growth import GrowthSettings, grow, growth_tables
        from kgreason.bench.plot import plot_curves, require_picture
        from kgreason.bench.tables import render

    if plot is not None:
        require_picture(plot)
    settings = GrowthSettings(
        axes=chosen,
        largest=largest,
        questions=questions,
        seconds=seconds,
        max_memory=memory,
        device=device,
        seed=seed,
    )
    with terminal.bar("growth", 1) as show:
        curves = grow(settings, lambda done, total, text: show(done, text, total))
    terminal.data(render(growth_tables(curves, settings), form))
    if plot is not None:
        plot_curves(curves, plot)
        terminal.note(f"drawn in {plot}")
