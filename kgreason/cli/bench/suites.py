"""Reading benchmark suites and the knowledge graphs that they ask."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgreason.cli.common.terminal import Terminal

if TYPE_CHECKING:
    from kgreason.bench.suites.questions import Suite
    from kgreason.knowledge import KnowledgeGraph

SuiteGraph = Annotated[
    Path | None,
    typer.Option(
        "--graph",
        "-g",
        metavar="FOLDER",
        help="Knowledge graph of the questions, where it is not the suite's own.",
    ),
]
Types = Annotated[str | None, typer.Option("--types", metavar="1p,2p,…", help="Only these types.")]
Limit = Annotated[
    int | None, typer.Option("--limit", min=1, help="Only so many questions of each type.")
]


def read_suites(terminal: Terminal, folders: list[Path], graph: Path | None) -> list[Suite]:
    """The suites of these folders, in order."""
    found = []
    for folder in folders:
        with terminal.stage("suite", f"reading {folder}"):
            from kgreason.bench.suites.load import read_suite

            found.append(read_suite(folder, graph))
    return found


def suite_graph(
    terminal: Terminal, suite: Suite, graphs: dict[Path, KnowledgeGraph]
) -> KnowledgeGraph:
    """The suite's graph, each graph read once and kept in `graphs`."""
    if suite.graph not in graphs:
        with terminal.stage("graph", f"reading {suite.graph}"):
            from kgreason.knowledge import KnowledgeGraph

            graphs[suite.graph] = KnowledgeGraph.load(suite.graph)
    return graphs[suite.graph]
