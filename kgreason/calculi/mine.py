"""A composition table from examples: what two-step paths between head and tail amount to."""

from __future__ import annotations

import numpy as np

from kgreason.calculi.small_graphs import SmallGraphs
from kgreason.calculi.table import CompositionTable, make_table
from kgreason.errors import DataError
from kgreason.ragged import ranges, segments


def mine_table(graphs: SmallGraphs) -> CompositionTable:
    """For each pair of relations every label seen where they lead from head to tail in two steps.

    Graphs whose longest simple paths are longer tell by their two-step paths alone. A pair that is
    never seen tells nothing, which is sound; a cell is sound as far as its labels are all seen.
    Raises DataError when there is no two-step path at all.
    """
    graph = graphs.graph_of_edge
    first = np.flatnonzero(graphs.sources == graphs.heads[graph])
    second = np.flatnonzero(graphs.targets == graphs.tails[graph])
    # Join over (graph, middle node): the first steps in order, each second step finds its span.
    width = int(graphs.node_counts.max(initial=1))
    middle_first = graph[first] * width + graphs.targets[first]
    middle_second = graph[second] * width + graphs.sources[second]
    first = first[np.argsort(middle_first, kind="stable")]
    middle_first.sort()
    low = np.searchsorted(middle_first, middle_second)
    counts = np.searchsorted(middle_first, middle_second, side="right") - low
    offsets, found = ranges(low, counts)
    first, second = first[found], second[segments(offsets)]
    rows = np.stack(
        [graphs.relations[first], graphs.relations[second], graphs.labels[graph[second]]], 1
    )
    if not len(rows):
        raise DataError(
            "no path of two steps leads from head to tail in these graphs",
            remedy="mine from the training rows with k = 2",
        )
    cells: dict[tuple[str, str], list[str]] = {}
    for left, right, label in np.unique(rows, axis=0).tolist():
        cells.setdefault((graphs.names[left], graphs.names[right]), []).append(graphs.names[label])
    return make_table(graphs.names, cells)
