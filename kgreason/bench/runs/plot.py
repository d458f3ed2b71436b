"""Pictures: of runs, bars per type and MRR against time; of growth, a panel per curve."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from kgreason.bench.measurements.growth import Curve
from kgreason.bench.runs.averages import in_order
from kgreason.bench.runs.records import Run
from kgreason.bench.runs.summary import type_means
from kgreason.errors import KgreasonError, UsageError
from kgreason.files import replacing

SUFFIXES = (".png", ".svg")


def plot_runs(runs: Sequence[Run], path: Path) -> None:
    """Write a PNG or SVG with two panels per suite. UsageError without matplotlib."""
    names = list(dict.fromkeys(name for run in runs for name in run.suites))
    figure = _figure(path, 14, 4.2 * len(names))
    panels = figure.subplots(len(names), 2, squeeze=False, width_ratios=(3, 1))
    for name, (bars, times) in zip(names, panels, strict=True):
        these = [run for run in runs if name in run.suites]
        _bars(bars, these, name)
        _times(times, these, name)
    _save(figure, path)


def plot_curves(curves: Sequence[Curve], path: Path) -> None:
    """Write a PNG or SVG with a panel per curve, both axes logarithmic. Errors as `plot_runs`."""
    figure = _figure(path, 4.2 * len(curves), 4.2)
    (panels,) = figure.subplots(1, len(curves), squeeze=False)
    for axes, curve in zip(panels, curves, strict=True):
        sizes = [point.size for point in curve.points]
        for name in ("seconds", "rows"):
            slope = curve.exponent(name)
            label = f"{name} a question" + ("" if slope is None else f" ∝ size^{slope:.2f}")
            axes.plot(sizes, [getattr(point, name) for point in curve.points], "o-", label=label)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xticks(sizes, [f"{size:,}" for size in sizes])
        axes.set_xticks([], minor=True)
        axes.set_xlabel(curve.axis)
        axes.legend()
    _save(figure, path)


def require_picture(path: Path) -> None:
    """UsageError for a name that is no picture's, or without matplotlib."""
    if path.suffix.lower() not in SUFFIXES:
        raise UsageError(
            f"{path}: pictures are written as {' or '.join(SUFFIXES)}",
            remedy="give a file name with one of these endings",
        )
    try:
        import matplotlib  # noqa: F401
    except ImportError as error:
        raise UsageError(
            "drawing needs matplotlib, which is not installed",
            remedy='install it with: pip install "kgreason[plot]"',
        ) from error


def _figure(path: Path, width: float, height: float) -> Any:
    require_picture(path)
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure: Any, path: Path) -> None:
    try:
        with replacing(path) as temporary:
            figure.savefig(temporary, format=path.suffix[1:])
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
