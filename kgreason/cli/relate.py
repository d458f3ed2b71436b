"""`kgreason relate`: which relations hold from one entity to another."""

from __future__ import annotations

from typing import Annotated

import typer

from kgreason.checks import check_text
from kgreason.cli.common.answers import deliver, footer
from kgreason.cli.common.command import command
from kgreason.cli.common.options import (
    OUTPUT,
    GraphOptions,
    Paths,
    ReasoningOptions,
    ResultsFile,
    ResultsFormat,
)
from kgreason.cli.common.output import Target
from kgreason.cli.common.reading import ReadingOptions
from kgreason.cli.common.session import choose_models, keep_rows, load_asked, make_engine
from kgreason.cli.common.terminal import Terminal


def relate(
    terminal: Terminal,
    head: Annotated[str, typer.Argument(metavar="HEAD", help="An entity.")],
    tail: Annotated[str, typer.Argument(metavar="TAIL", help="Another one.")],
    graph: GraphOptions,
    reading: ReadingOptions,
    reasoning: ReasoningOptions,
    limit: Annotated[
        int, typer.Option("--limit", min=0, help="At most so many.", rich_help_panel=OUTPUT)
    ] = 10,
    paths: Paths = 1,
    form: ResultsFormat = None,
    output: ResultsFile = None,
) -> None:
    """Tell which relations hold from one entity to another, truest first.

    Example: kgreason relate ann bob -g family.tsv -m epignn.safetensors
    """
    from kgreason.binding import bind_entity

    target = Target.choose(form, output, terminal.interactive)
    reasoning = choose_models(terminal, graph.graph, reasoning)
    loaded = load_asked(terminal, graph.graph, reading, reasoning)
    for name in (head, tail):
        check_text(name, "an entity's name")
        # A mistake is told before a model is loaded.
        bind_entity(name, loaded.vocabulary)
    engine = make_engine(terminal, loaded, reasoning)
    with terminal.stage("answers", "answering"):
        answers = engine.relations(head, tail, limit=limit, paths=paths)
    deliver(terminal, target, answers, loaded.vocabulary.prefixes)
    footer(terminal, engine, answers)
    keep_rows(terminal, engine)


def register(app: typer.Typer) -> None:
    """Add the command."""
    command(app, "relate", relate)
