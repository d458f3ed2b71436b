"""Figures by how many links an answer needs that are not observed, where a suite says so."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from kgreason.bench.runs.averages import in_order
from kgreason.bench.runs.records import Header, Record, Run
from kgreason.bench.tables import Cell, Table
from kgreason.metrics.averages import METRICS

ByLinks = dict[int, list[float]]
"""For each number of missing links, the figures of the questions that have such answers."""


def by_links(records: Iterable[Record], metric: str) -> ByLinks:
    """A question's figure is here the metric over its answers with that many missing links."""
    found: ByLinks = {}
    for record in records:
        missing = np.array(record.missing or [], dtype=np.int64)
        ranks = np.array(record.ranks, dtype=np.float64)[: len(missing)]
        for links in np.unique(missing).tolist():
            found.setdefault(links, []).append(METRICS[metric](ranks[missing == links]))
    return found


def links_table(run: Run, suite: Header, metric: str = "MRR") -> Table | None:
    """A row per type, a column per number of missing links; None for a suite without labels."""
    found = _by_type(run, suite, metric)
    columns = _columns([found])
    if not columns:
        return None
    kinds = in_order(suite["family"], found)
    rows: list[tuple[Cell, ...]] = [
        (kind, *(_mean(found[kind].get(links)) for links in columns)) for kind in kinds
    ]
    counts = (sum(len(one.get(links, [])) for one in found.values()) for links in columns)
    means = (_mean_of_types(found, links, kinds) for links in columns)
    rows += [("mean of types", *means), ("questions", *counts)]
    notes = (
        "missing links: the fewest facts an answer needs that are not observed; mean over a "
        "question's hard answers with so many, then over questions, then over the types that "
        "have any: other columns are over other types",
    )
    title = f"{suite['name']}, {metric} × 100 by missing links"
    return Table(title, ("type", *map(str, columns)), tuple(rows), notes)


def links_side_by_side(runs: Sequence[Run], suite: Header, metric: str) -> Table | None:
    """A row per run: the mean over the types in which every labelled run has such answers."""
    labelled = [(run.label, _by_type(run, suite, metric)) for run in runs]
    labelled = [(label, found) for label, found in labelled if any(found.values())]
    if not labelled:
        return None
    every = [found for _, found in labelled]
    columns = _columns(every)
    kinds = in_order(suite["family"], list(dict.fromkeys(kind for one in every for kind in one)))
    common = {
        links: [k for k in kinds if all(links in found.get(k, {}) for found in every)]
        for links in columns
    }
    rows: list[tuple[Cell, ...]] = [
        (label, *(_mean_of_types(found, links, common[links]) for links in columns))
        for label, found in labelled
    ]
    notes = tuple(
        f"{links}: mean over {', '.join(kinds)}" for links, kinds in common.items() if kinds
    )
    title = f"{suite['name']}, {metric} × 100 by missing links"
    return Table(title, ("", *map(str, columns)), tuple(rows), notes)


def _by_type(run: Run, suite: Header, metric: str) -> dict[str, ByLinks]:
    records = run.by_type(suite["name"])
    return {kind: by_links(several, metric) for kind, several in records.items()}


def _columns(every: Iterable[dict[str, ByLinks]]) -> list[int]:
    return sorted({links for found in every for figures in found.values() for links in figures})


def _mean(figures: Sequence[float] | None) -> float | None:
    return 100 * float(np.mean(figures)) if figures else None


def _mean_of_types(found: dict[str, ByLinks], links: int, kinds: Sequence[str]) -> float | None:
    means = [np.mean(found[kind][links]) for kind in kinds if links in found[kind]]
    return 100 * float(np.mean(means)) if means else None
