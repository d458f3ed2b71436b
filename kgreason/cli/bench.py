"""`kgreason bench`: the engine against published question sets."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgreason.cli import suites
from kgreason.cli.command import command
from kgreason.cli.options import names, size
from kgreason.cli.terminal import Terminal

if TYPE_CHECKING:
    from kgreason.bench.questions import Suite
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
    ] = "2GiB",
) -> None:
    """Compare the answers over all facts with the published ones; exit code 1 if any differs."""
    memory = size(max_memory)
    with terminal.stage("torch", "starting"):
        from kgreason.bench.check import check as run
        from kgreason.truth import resolve_logic

    chosen = resolve_logic(logic)
    graphs: dict[Path, KnowledgeGraph] = {}
    equal = total = 0
    for suite in _restricted(_read(terminal, suites, graph), names(types), limit):
        facts = _graph(terminal, suite, graphs)
        with terminal.bar(suite.name, len(suite)) as show:
            progress = _progress(suite, show)
            report = run(suite, facts, logic=chosen, max_memory=memory, progress=progress)
        terminal.print(f"{report}\n")
        equal, total = equal + report.equal, total + report.total
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


def _read(terminal: Terminal, folders: list[Path], graph: Path | None) -> list[Suite]:
    found = []
    for folder in folders:
        with terminal.stage("suite", f"reading {folder}"):
            from kgreason.bench.suites import read_suite

            found.append(read_suite(folder, graph))
    return found


def _restricted(
    suites: list[Suite], types: tuple[str, ...] | None, limit: int | None
) -> list[Suite]:
    """The suites with what is wanted of them; a type must be known to one of them."""
    if types is None:
        return [suite.only(None, limit) for suite in suites]
    if nowhere := [kind for kind in types if not any(kind in one.types for one in suites)]:
        suites[0].only(nowhere)
    kept = ((suite, [kind for kind in types if kind in suite.types]) for suite in suites)
    return [suite.only(kinds, limit) for suite, kinds in kept if kinds]


def _graph(terminal: Terminal, suite: Suite, graphs: dict[Path, KnowledgeGraph]) -> KnowledgeGraph:
    """The suite's graph, each graph read once."""
    if suite.graph not in graphs:
        with terminal.stage("graph", f"reading {suite.graph}"):
            from kgreason.knowledge import KnowledgeGraph

            graphs[suite.graph] = KnowledgeGraph.load(suite.graph)
    return graphs[suite.graph]


command(app, "check", check)
suites.register(app)
