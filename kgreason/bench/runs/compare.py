"""Runs beside one another and beside published figures, with intervals of their differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgreason.bench.runs.averages import FAMILIES, averages, explain_average, in_order
from kgreason.bench.runs.by_missing_links import links_side_by_side
from kgreason.bench.runs.published import PublishedRow, published_for
from kgreason.bench.runs.records import Header, Run
from kgreason.bench.runs.summary import protocol, type_means
from kgreason.bench.runs.thresholds import truths_side_by_side
from kgreason.bench.tables import Cell, Table
from kgreason.errors import UsageError

RESAMPLES = 10_000
_MARK = "†"


@dataclass(frozen=True, slots=True)
class Interval:
    """The difference of a metric × 100 between two runs, with a bootstrap interval.

    questions: how many both runs have answered.
    """

    difference: float
    low: float
    high: float
    questions: int


def paired_bootstrap(
    first: Mapping[str, Mapping[int, float]],
    second: Mapping[str, Mapping[int, float]],
    *,
    resamples: int = RESAMPLES,
    level: float = 0.95,
    seed: int = 0,
) -> Interval:
    """Percentile interval of the mean over types of the mean difference, second − first.

    first, second: by type, a question's figure by its index. Questions are drawn again, with
    replacement, within each type; only those that both runs have answered take part (Koehn,
    EMNLP 2004). UsageError when there are none.
    """
    generator = np.random.default_rng(seed)
    parts = [_differences(first[kind], second[kind]) for kind in first if kind in second]
    parts = [part for part in parts if len(part)]
    if not parts:
        raise UsageError(
            "the two runs have no question in common", remedy="run them on the same suite and types"
        )
    drawn = np.mean([_resampled(part, resamples, generator) for part in parts], axis=0)
    low, high = np.quantile(drawn, [(1 - level) / 2, (1 + level) / 2])
    difference = np.mean([part.mean() for part in parts])
    return Interval(
        100 * float(difference), 100 * float(low), 100 * float(high), sum(map(len, parts))
    )


def _differences(first: Mapping[int, float], second: Mapping[int, float]) -> NDArray[np.float64]:
    common = [index for index in sorted(first) if index in second]
    return np.array([second[index] - first[index] for index in common], dtype=np.float64)


def _resampled(
    values: NDArray[np.float64], resamples: int, generator: np.random.Generator
) -> NDArray[np.float64]:
    """Means of as many values drawn again, in blocks that stay small: (resamples,)."""
    block = max(1, 4_000_000 // len(values))
    sizes = [min(block, resamples - start) for start in range(0, resamples, block)]
    drawn = [values[generator.integers(0, len(values), (n, len(values)))].mean(1) for n in sizes]
    return np.concatenate(drawn)


def compare(
    runs: Sequence[Run], *, metric: str = "MRR", published: bool = True, seed: int = 0
) -> list[Table]:
    """For each suite a row per run and per published method; then intervals between the runs.

    Between them, a row per run by missing links and of truths at a threshold, where there are any.
    """
    suites: dict[str, Header] = {}
    for run in runs:
        for name, suite in run.suites.items():
            before = suites.setdefault(name, suite)
            if before["sha256"] != suite["sha256"]:
                raise UsageError(
                    f"{run.path} has other questions under the name {name} than the runs before it",
                    remedy="compare runs on the same questions",
                )
    tables = []
    for name, suite in suites.items():
        these = [run for run in runs if name in run.suites]
        tables.append(_side_by_side(these, name, suite, metric, published))
        more = links_side_by_side(these, suite, metric), truths_side_by_side(these, name)
        tables += [table for table in more if table is not None]
        intervals = _intervals(these, name, metric, seed)
        tables += [intervals] if intervals.rows else []
    return tables


def _side_by_side(
    runs: Sequence[Run], name: str, suite: Header, metric: str, published: bool
) -> Table:
    family = suite["family"]
    figures = [type_means(run, name, metric) for run in runs]
    kinds = in_order(family, list(dict.fromkeys(kind for found in figures for kind in found)))
    # An average is over the types that every run has: another set of types is another figure.
    common = {kind: 0.0 for kind in kinds if all(kind in found for found in figures)}
    over = {key: present for key, (_, present) in averages(family, common).items()}
    head = ("", *kinds, *over)
    rows: list[tuple[Cell, ...]] = []
    notes = [f"{explain_average(family, key, present)}" for key, present in over.items()]
    for run, found in zip(runs, figures, strict=True):
        cells = [found.get(kind) for kind in kinds]
        rows.append((run.label, *cells, *(_average(found, over[key]) for key in over)))
        notes += [f"{run.label}: {line}" for line in protocol(run.header, run.suites[name])]
        notes.append(f"{run.label}: {_span(run, name)} questions a type")
    if published and metric == "MRR":
        stated = published_for(suite["graph"], family)
        rows += [_published_row(row, kinds, over) for row in stated]
        notes += _sources(stated)
    return Table(f"{name}, {metric} × 100", head, tuple(rows), tuple(notes))


def _span(run: Run, name: str) -> str:
    found = run.by_type(name)
    counts = sorted({len(records) for records in found.values()}) or [0]
    span = str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"
    unfinished = sum(map(len, found.values())) < sum(run.suites[name]["types"].values())
    return f"unfinished, so far {span}" if unfinished else span


def _average(figures: Mapping[str, float], over: Sequence[str]) -> float:
    return float(np.mean([figures[kind] for kind in over]))


def _published_row(
    row: PublishedRow, kinds: Sequence[str], over: Mapping[str, Sequence[str]]
) -> tuple[Cell, ...]:
    """Its figures, and averages over the same types as the runs': stated, else made of them."""
    cells: list[Cell] = [row.figures.get(kind) for kind in kinds]
    for key, present in over.items():
        whole = FAMILIES[row.family][key]
        known = [kind for kind in whole if kind in row.figures]
        if len(present) == len(whole) and (len(known) == len(whole) or not known):
            cells.append(row.figures.get(key))
        else:
            comparable = set(present) <= set(known)
            cells.append(_average(row.figures, present) if comparable else None)
    return (row.method + (_MARK if row.second_hand else ""), *cells)


def _sources(rows: Sequence[PublishedRow]) -> list[str]:
    if not rows:
        return []
    notes = ["published rows: all official test questions, their own models"]
    if any(row.second_hand for row in rows):
        notes.append(f"{_MARK} second-hand: check against the paper before quoting")
    by_source: dict[str, list[str]] = {}
    for row in rows:
        for source in row.sources:
            by_source.setdefault(source, []).append(row.method)
    return notes + [f"{', '.join(names)}: {source}" for source, names in by_source.items()]


def _intervals(runs: Sequence[Run], name: str, metric: str, seed: int) -> Table:
    first, *others = runs
    values = [_values(run, name, metric) for run in runs]
    rows: list[tuple[Cell, ...]] = []
    for run, found in zip(others, values[1:], strict=True):
        shared = [kind for kind in values[0] if values[0][kind].keys() & found.get(kind, {}).keys()]
        for kind in shared:
            one = paired_bootstrap({kind: values[0][kind]}, {kind: found[kind]}, seed=seed)
            rows.append(_interval_row(f"{run.label}, {kind}", one))
        if len(shared) > 1:
            whole = paired_bootstrap(values[0], found, seed=seed)
            rows.append(_interval_row(f"{run.label}, mean of types", whole))
    notes = (
        f"paired bootstrap within types, {RESAMPLES:,} resamples, seed {seed}, 95 %; "
        "an interval without 0 is more than the chance of these questions",
    )
    head = ("", "difference", "low", "high", "questions")
    return Table(f"{name}, {metric} × 100 minus that of {first.label}", head, tuple(rows), notes)


def _interval_row(label: str, found: Interval) -> tuple[Cell, ...]:
    return label, found.difference, found.low, found.high, found.questions


def _values(run: Run, name: str, metric: str) -> dict[str, dict[int, float]]:
    return {
        kind: {record.index: record.figures[metric] for record in records}
        for kind, records in run.by_type(name).items()
    }
