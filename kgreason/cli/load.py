"""`kgreason load`: files into a store."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from kgreason.cli.common.command import command
from kgreason.cli.common.reading import ReadingOptions
from kgreason.cli.common.session import load_graph
from kgreason.cli.common.terminal import Terminal


def load(
    terminal: Terminal,
    sources: Annotated[
        list[str],
        typer.Argument(
            metavar="SOURCE",
            help="RDF, TSV or CSV files (also .gz .bz2 .zst), a BetaE folder, a folder with train, "
            "valid and test tables, pykeen:umls; `-` is standard input.",
        ),
    ],
    output: Annotated[
        Path, typer.Option("--output", "-o", metavar="STORE", help="Folder to write, name.kg.")
    ],
    reading: ReadingOptions,
    lenient: Annotated[
        bool, typer.Option("--lenient", help="Skip malformed statements and count them.")
    ] = False,
    name: Annotated[str | None, typer.Option("--name", help="What to call the graph.")] = None,
) -> None:
    """Read a knowledge graph and write it as a store, which opens at once."""
    graph = load_graph(terminal, sources, reading, lenient=lenient, name=name)
    with terminal.stage("save", f"writing {output}"):
        graph.save(output)
    terminal.note(graph.describe())
    terminal.note(
        f"written to {output} ({terminal.seconds['graph']:.1f} s reading, "
        f"{terminal.seconds['save']:.1f} s writing)"
    )


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "load", load)
