"""Algebraic closure as the exact reference of relational reasoning: figures per k and b."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from time import perf_counter

import numpy as np

from kgreason.calculi import CompositionTable, SmallGraphs, close


@dataclass(frozen=True, slots=True)
class ClosureFigures:
    """How the closure did on some graphs; all but the milliseconds are counts.

    correct: only the label is left. undecided: the label and others are left. contradicting:
    nothing is left. The rest exclude the label.
    """

    k: int
    b: int
    graphs: int
    correct: int
    undecided: int
    contradicting: int

    @property
    def accuracy(self) -> float:
        """Share of graphs of which only the label is left."""
        return self.correct / self.graphs if self.graphs else 0.0


@dataclass(frozen=True, slots=True)
class ClosureReport:
    """Figures of each (k, b) and of all graphs (k = b = −1), and the milliseconds a graph took."""

    cells: tuple[ClosureFigures, ...]
    total: ClosureFigures
    milliseconds: float

    def __str__(self) -> str:
        lines = [
            f"{'k':>3} {'b':>3} {'graphs':>8} {'accuracy':>9} {'undecided':>10} {'none left':>10}"
        ]
        for one in (*self.cells, self.total):
            k, b = ("all", "") if one is self.total else (one.k, one.b)
            lines.append(
                f"{k:>3} {b:>3} {one.graphs:>8,} {100 * one.accuracy:>8.2f}% "
                f"{one.undecided:>10,} {one.contradicting:>10,}"
            )
        return "\n".join(lines)


def measure_closure(
    graphs: SmallGraphs,
    table: CompositionTable,
    progress: Callable[[int], None] | None = None,
) -> ClosureReport:
    """Close all graphs and compare what is left between head and tail with the labels."""
    start = perf_counter()
    left = close(graphs, table, progress)
    seconds = perf_counter() - start
    place = {name: 1 << i for i, name in enumerate(table.relations)}
    label = np.array([place.get(name, 0) for name in graphs.names], dtype=np.uint64)[graphs.labels]
    correct = (left == label) & (label != 0)
    undecided = ((left & label) != 0) & ~correct

    def figures(
        k: int, b: int, chosen: np.ndarray[tuple[int], np.dtype[np.bool_]]
    ) -> ClosureFigures:
        counts = [int((part & chosen).sum()) for part in (correct, undecided, left == 0)]
        return ClosureFigures(k, b, int(chosen.sum()), *counts)

    cells = tuple(
        figures(k, b, (graphs.cells == (k, b)).all(1))
        for k, b in np.unique(graphs.cells, axis=0).tolist()
    )
    everything = figures(-1, -1, np.ones(len(graphs), dtype=np.bool_))
    return ClosureReport(cells, everything, 1000 * seconds / max(1, len(graphs)))
