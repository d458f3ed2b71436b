"""Runs as a picture: grouped bars per type, and MRR against the time of a question."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kgreason.bench.averages import in_order
from kgreason.bench.records import Run
from kgreason.bench.summary import type_means
from kgreason.errors import KgreasonError, UsageError

SUFFIXES = (".png", ".svg")


def plot_runs(runs: Sequence[Run], path: Path) -> None:
    """Write a PNG or SVG with two panels per suite. UsageError without matplotlib."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"{path}: pictures are written as {' or '.join(SUFFIXES)}",
            remedy="give a file name with one of these endings",
        )
    try:
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError as error:
        raise UsageError(
            "drawing needs matplotlib, which is not installed",
            remedy='install it with: pip install "kgreason[plot]"',
        ) from error
    names = list(dict.fromkeys(name for run in runs for name in run.suites))
    figure = Figure(figsize=(14, 4.2 * len(names)), layout="constrained")
    FigureCanvasAgg(figure)
    panels = figure.subplots(len(names), 2, squeeze=False, width_ratios=(3, 1))
    for name, (bars, times) in zip(names, panels, strict=True):
        these = [run for run in runs if name in run.suites]
        _bars(bars, these, name)
        _times(times, these, name)
    temporary = path.with_name(f".{path.stem}.tmp{path.suffix}")
    try:
        figure.savefig(temporary)
        temporary.replace(path)
    except OSError as error:
        raise KgreasonError(f"cannot write {path}: {error.strerror or error}") from error


def _bars(axes: Any, runs: Sequence[Run], name: str) -> None:
    figures = [type_means(run, name) for run in runs]
    kinds = in_order(
        runs[0].suites[name]["family"], list(dict.fromkeys(k for found in figures for k in found))
    )
    width = 0.8 / len(runs)
    for i, (run, found) in enumerate(zip(runs, figures, strict=True)):
        at = np.arange(len(kinds)) + (i - (len(runs) - 1) / 2) * width
        axes.bar(at, [found.get(kind, np.nan) for kind in kinds], width, label=run.label)
    axes.set_xticks(np.arange(len(kinds)), kinds)
    axes.set_ylabel("MRR × 100")
    axes.set_title(name)
    axes.legend()


def _times(axes: Any, runs: Sequence[Run], name: str) -> None:
    for run in runs:
        seconds = [r.seconds for r in run.records if r.suite == name]
        means = list(type_means(run, name).values())
        if seconds and means:
            axes.plot(np.mean(seconds), np.mean(means), "o", label=run.label)
    axes.set_xscale("log")
    axes.set_xlabel("seconds a question")
    axes.set_ylabel("mean MRR × 100 of the types")
    axes.legend()
