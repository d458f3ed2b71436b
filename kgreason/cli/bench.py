"""`kgreason bench`: the engine against published question sets."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgreason.cli.command import command
from kgreason.cli.options import names, size
from kgreason.cli.terminal import Terminal

if TYPE_CHECKING:
    from kgreason.bench.questions import Suite
    from kgreason.knowledge import KnowledgeGraph

app = typer.Typer(
    help="Measure the engine on published question sets.",
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
        typer.Argument(metavar="SUITE…", help="Folders in the BetaE or the EFO1 layout."),
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
    for folder in suites:
        suite = _read(terminal, folder, graph, graphs).only(names(types), limit)
        with terminal.bar(suite.name, len(suite)) as show:
            progress = _Progress(suite)
            report = run(
                suite,
                graphs[suite.graph],
                logic=chosen,
                max_memory=memory,
                progress=lambda kind, done, _, p=progress: show(*p.at(kind, done)),
            )
        terminal.print(f"{report}\n")
        equal, total = equal + report.equal, total + report.total
    terminal.print(f"{equal:,} of {total:,} questions have exactly the published answers")
    if equal < total:
        raise typer.Exit(1)


class _Progress:
    """Where a suite stands, from where one of its types stands."""

    def __init__(self, suite: Suite) -> None:
        self._name = suite.name
        self._before: dict[str, int] = {}
        total = 0
        for kind, questions in suite.questions.items():
            self._before[kind] = total
            total += len(questions)

    def at(self, kind: str, done: int) -> tuple[int, str]:
        """Questions done in all, and what to call this."""
        return self._before[kind] + done, f"{self._name} {kind}"


def _read(
    terminal: Terminal, folder: Path, graph: Path | None, graphs: dict[Path, KnowledgeGraph]
) -> Suite:
    """A suite; its graph is put into `graphs`, each graph once."""
    with terminal.stage("suite", f"reading {folder}"):
        from kgreason.bench.suites import read_suite
        from kgreason.knowledge import KnowledgeGraph

        suite = read_suite(folder, graph)
        if suite.graph not in graphs:
            graphs[suite.graph] = KnowledgeGraph.load(suite.graph)
    return suite


command(app, "check", check)
