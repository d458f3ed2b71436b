"""`kgreason bench report`: runs beside one another and beside published figures."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgreason.choose import require
from kgreason.cli.bench.figures import FigureFormat, require_format
from kgreason.cli.common.options import offer
from kgreason.cli.common.terminal import Terminal

METRICS = ("MRR", "Hits@1", "Hits@3", "Hits@10")


def report(
    terminal: Terminal,
    runs: Annotated[
        list[Path],
        typer.Argument(metavar="RUN", help="Files of `kgreason bench run`, finished or not."),
    ],
    metric: Annotated[
        str,
        typer.Option(
            "--metric", metavar="|".join(METRICS), help="Figure.", autocompletion=offer(*METRICS)
        ),
    ] = "MRR",
    published: Annotated[
        bool, typer.Option("--published/--no-published", help="Rows of published figures.")
    ] = True,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of the bootstrap.")] = 0,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE.png|FILE.svg", help="Draw the runs as well."),
    ] = None,
    form: FigureFormat = "table",
) -> None:
    """Compare runs type by type; with several, bootstrap the differences to the first."""
    require_format(form)
    require("metric", metric, METRICS)
    from kgreason.bench.runs.compare import compare
    from kgreason.bench.runs.records import read_run
    from kgreason.bench.tables import render

    read = [read_run(path) for path in runs]
    if plot is not None:
        from kgreason.bench.runs.plot import plot_runs

        plot_runs(read, plot)
    tables = compare(read, metric=metric, published=published, seed=seed)
    terminal.data(render(tables, form))
