"""`kgreason bench closure`: what a composition table entails about small graphs."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from kgreason.cli.common.command import command
from kgreason.cli.common.output import write_whole
from kgreason.cli.common.terminal import Terminal
from kgreason.errors import UsageError


def closure(
    terminal: Terminal,
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", help="Parquet tables: src, dst, rel, head, tail, label."),
    ],
    table: Annotated[
        Path | None,
        typer.Option("--table", metavar="FILE", help="Composition table, lines of A B : C D."),
    ] = None,
    mine: Annotated[
        Path | None,
        typer.Option(
            "--mine", metavar="FILE", help="Take the table from the two-step paths of these graphs."
        ),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="FILE", help="Write the composition table here."),
    ] = None,
) -> None:
    """Answer relational questions exactly, by algebraic closure (path consistency)."""
    if (table is None) == (mine is None):
        raise UsageError(
            "a composition table is either given or mined", remedy="give --table or --mine"
        )
    from kgreason.bench.relational.closure import measure_closure
    from kgreason.calculi import mine_table, read_small_graphs, read_table

    if table is not None:
        known = read_table(table)
    else:
        assert mine is not None
        with terminal.stage("mine", f"mining {mine}"):
            known = mine_table(read_small_graphs(mine))
    terminal.note(
        f"composition table: {len(known.relations)} relations, {known.informative} cells, "
        f"{'no ' if known.identity is None else ''}identity, "
        f"{'no ' if known.converse is None else ''}converses"
    )
    if output is not None:
        write_whole(output, str(known))
    for file in files:
        graphs = read_small_graphs(file)
        with terminal.bar(file.name, len(graphs)) as show:
            report = measure_closure(graphs, known, partial(_show, show, file.name))
        terminal.print(f"{file.stem}\n{report}")
        terminal.note(f"{report.milliseconds:.3f} ms per graph")


def _show(show: Callable[[int, str], None], name: str, done: int) -> None:
    show(done, name)


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "closure", closure)
