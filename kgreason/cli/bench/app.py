"""`kgreason bench`: the engine against published question sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgreason.cli.bench import closure, sample
from kgreason.cli.bench.growth import growth
from kgreason.cli.bench.inductive import inductive
from kgreason.cli.bench.relational import relational
from kgreason.cli.bench.report import report
from kgreason.cli.bench.run import run
from kgreason.cli.bench.speed import speed
from kgreason.cli.bench.suites import read_suites, suite_graph
from kgreason.cli.common.command import command
from kgreason.cli.common.options import USUAL_MEMORY, names
from kgreason.cli.common.terminal import Terminal
from kgreason.settings import Settings

if TYPE_CHECKING:
    from kgreason.bench.suites.questions import Suite
    from kgreason.knowledge import KnowledgeGraph

app = typer.Typer(
    help="Measure the engine on question sets; make new ones.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def _group() -> None:
    """Measure the engine on published question sets."""


def check(
    terminal: Terminal,
    suites: Annotated[
        list[Path],
        typer.Argument(metavar="SUITE", help="Folders (BetaE, EFO1) or .parquet files."),
    ],
    graph: Annotated[
        Path | None,
        typer.Option(
            "--graph",
            "-g",
            metavar="FOLDER",
            help="Knowledge graph of the questions, where it is not the suite's own.",
        ),
    ] = None,
    types: Annotated[
        str | None, typer.Option("--types", metavar="1p,2p,…", help="Only these types.")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", min=1, help="Only so many questions of each type.")
    ] = None,
    logic: Annotated[str, typer.Option("--logic", help="Logic; over facts all agree.")] = "godel",
    max_memory: Annotated[
        str, typer.Option("--max-memory", metavar="SIZE", help="Working memory.")
    ] = USUAL_MEMORY,
) -> None:
    """Compare the answers over all facts with the published ones; exit code 1 if any differs."""
    settings = Settings.of(logic=logic, max_memory=max_memory)
    with terminal.stage("torch", "starting"):
        from kgreason.bench.suites.check import check as compare
        from kgreason.bench.suites.questions import restrict

    graphs: dict[Path, KnowledgeGraph] = {}
    equal = total = 0
    for suite in restrict(read_suites(terminal, suites, graph), names(types), limit):
        facts = suite_graph(terminal, suite, graphs)
        with terminal.bar(suite.name, len(suite)) as show:
            progress = _progress(suite, show)
            found = compare(suite, facts, settings=settings, progress=progress)
        terminal.print(f"{found}\n")
        equal, total = equal + found.equal, total + found.total
    terminal.print(f"{equal:,} of {total:,} questions have exactly the published answers")
    if equal < total:
        raise typer.Exit(1)


def _progress(suite: Suite, show: Callable[[int, str], None]) -> Callable[[str, int, int], None]:
    """From where one type stands to where the suite stands."""
    before: dict[str, int] = {}
    total = 0
    for kind, questions in suite.questions.items():
        before[kind] = total
        total += len(questions)
    return lambda kind, done, _: show(before[kind] + done, f"{suite.name} {kind}")


command(app, "check", check)
command(app, "run", run)
command(app, "report", report)
command(app, "speed", speed)
command(app, "growth", growth)
closure.register(app)
sample.register(app)
command(app, "relational", relational)
command(app, "inductive", inductive)
