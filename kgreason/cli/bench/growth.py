"""`kgreason bench growth`: how time and rows grow, on synthetic graphs."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from kgreason.choose import require
from kgreason.cli.bench.figures import FigureFormat, require_format
from kgreason.cli.common.options import USUAL_MEMORY, Device, MaxMemory, names
from kgreason.cli.common.terminal import Terminal
from kgreason.errors import UsageError
from kgreason.settings import USUAL, Settings

if TYPE_CHECKING:
    from kgreason.bench.measurements.growth import GrowthSettings

AXIS_NAMES = ("entities", "facts", "rank", "variables", "batch")


@dataclass(frozen=True, slots=True, kw_only=True)
class GrowthOptions:
    """What grows, how far, and where."""

    axes: Annotated[
        str,
        typer.Option("--axes", metavar="AXIS,…", help=f"What grows: {', '.join(AXIS_NAMES)}."),
    ] = ",".join(AXIS_NAMES)
    largest: Annotated[
        int, typer.Option("--largest", min=1000, metavar="N", help="Most entities.")
    ] = 100_000
    questions: Annotated[
        int, typer.Option("--questions", min=1, metavar="N", help="Batches at each point.")
    ] = 5
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.0, metavar="S", help="At most so long for a batch.")
    ] = 30.0
    seed: Annotated[int, typer.Option("--seed", min=0, help="Of graphs and questions.")] = 0
    device: Device = USUAL.device
    max_memory: MaxMemory = USUAL_MEMORY

    def chosen(self) -> GrowthSettings:
        """What is to be measured."""
        chosen = names(self.axes) or ()
        settings = Settings.of(device=self.device, max_memory=self.max_memory)
        if not chosen:
            raise UsageError("no axis was named", remedy=f"known: {', '.join(AXIS_NAMES)}")
        for axis in chosen:
            require("axis", axis, AXIS_NAMES)
        from kgreason.bench.measurements.growth import GrowthSettings

        return GrowthSettings(
            axes=chosen,
            largest=self.largest,
            questions=self.questions,
            seconds=self.seconds,
            reasoning=settings,
            seed=self.seed,
        )


def growth(
    terminal: Terminal,
    options: GrowthOptions,
    plot: Annotated[
        Path | None,
        typer.Option("--plot", metavar="FILE.png|svg", help="Also draw the curves."),
    ] = None,
    form: FigureFormat = "table",
) -> None:
    """Time the first ten proved answers on random graphs and models of growing size.

    Degrees are skewed as in real graphs; questions are paths. The exponents are fitted.
    """
    require_format(form)
    with terminal.stage("torch", "starting"):
        from kgreason.bench.measurements.growth import grow, growth_tables
        from kgreason.bench.runs.plot import plot_curves, require_picture
        from kgreason.bench.tables import render

    settings = options.chosen()
    if plot is not None:
        require_picture(plot)
    with terminal.bar("growth", 1) as show:
        curves = grow(settings, lambda done, total, text: show(done, text, total))
    terminal.data(render(growth_tables(curves, settings), form))
    if plot is not None:
        plot_curves(curves, plot)
        terminal.note(f"drawn in {plot}")
