"""`kgreason bench speed`: how fast questions are answered, and for how many rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from kgreason.cli.bench.figures import FigureFormat, require_format
from kgreason.cli.bench.suites import Limit, SuiteGraph, Types, read_suites, suite_graph
from kgreason.cli.common.options import USUAL_MEMORY, Device, Dtype, MaxMemory, names
from kgreason.cli.common.precision import settled_dtype
from kgreason.cli.common.terminal import Terminal
from kgreason.errors import UsageError
from kgreason.settings import USUAL, Settings

_MACHINE = "Machine"


@dataclass(frozen=True, slots=True, kw_only=True)
class SpeedOptions:
    """Which questions, in which ways, where."""

    graph: SuiteGraph = None
    types: Types = None
    limit: Limit = None
    calibration: Annotated[str, typer.Option("--calibration", metavar="NAME:KEY=VALUE,…")] = (
        "softmax-degree"
    )
    beams: Annotated[
        str,
        typer.Option("--beams", metavar="K,…", help="Beams to compare with; `none` for none."),
    ] = "8,64"
    dense: Annotated[
        int | None,
        typer.Option(
            "--dense",
            min=0,
            metavar="N",
            help="Time dense entity × entity products on so many questions of each type; "
            "by default all.",
        ),
    ] = None
    dense_values: Annotated[
        int,
        typer.Option(
            "--dense-values",
            min=1,
            metavar="N",
            help="Of how many values of a cycle's variable, evenly spread; the others count as "
            "long as their mean, and such a question is not compared.",
        ),
    ] = 16
    batch: Annotated[
        int,
        typer.Option(
            "--batch", min=1, help="Questions answered together.", rich_help_panel=_MACHINE
        ),
    ] = 1
    device: Device = USUAL.device
    dtype: Dtype = USUAL.dtype
    max_memory: MaxMemory = USUAL_MEMORY


def speed(
    terminal: Terminal,
    suite: Annotated[Path, typer.Argument(metavar="SUITE", help="A folder or a .parquet file.")],
    model: Annotated[
        Path,
        typer.Option("--model", "-m", metavar="MODEL", help="Checkpoint of a link predictor."),
    ],
    options: SpeedOptions,
    form: FigureFormat = "table",
) -> None:
    """Time the engine against dense products and beams: cold and warm, on the same questions.

    All truths, proved ranks and proved first answers, with the rows that each of them scores.
    """
    require_format(form)
    beams = _counts(options.beams)
    settings = Settings.of(
        calibration=options.calibration,
        dtype=settled_dtype(options.dtype, [model], options.device),
        device=options.device,
        max_memory=options.max_memory,
    )
    (read,) = read_suites(terminal, [suite], options.graph)
    read = read.only(names(options.types), options.limit)
    facts = suite_graph(terminal, read, {})
    with terminal.stage("torch", "starting"):
        from kgreason.bench.measurements.speed import SpeedSettings, measure
        from kgreason.bench.measurements.speed_tables import speed_tables
        from kgreason.bench.suites.questions import require_fit
        from kgreason.bench.tables import render

    require_fit(read, facts)
    asked = SpeedSettings(
        model=model,
        reasoning=settings,
        batch=options.batch,
        beams=beams,
        dense=options.dense,
        values=options.dense_values,
    )
    with terminal.bar(read.name, 1) as show:
        found = measure(read, facts, asked, lambda done, total, text: show(done, text, total))
    terminal.data(render(speed_tables(found), form))


def _counts(text: str) -> tuple[int, ...]:
    if text == "none":
        return ()
    parts = names(text) or ()
    if not parts or not all(part.isdecimal() and int(part) for part in parts):
        raise UsageError(
            f"{text!r} is no list of beam sizes", remedy="write for example 8,64, or none"
        )
    return tuple(dict.fromkeys(map(int, parts)))
