"""A measurement of speed as tables."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from kgreason.bench.measurements.roofline import clock_name
from kgreason.bench.measurements.speed import CACHED, DENSE, FULL, Measured, Speed
from kgreason.bench.tables import Cell, Table
from kgreason.metrics.averages import question_figures

_HEAD = (
    *("type", "way", "asked", "cold ms", "warm ms", "cold /s", "warm /s"),
    *("rows mean", "rows median", "rows %", "MRR", "compared", "equal", "roofline %"),
    *("dense × cold", "dense × warm"),
)
_TOTAL = "all"


def speed_tables(speed: Speed) -> list[Table]:
    """Every way on every type, then every way on all types with its peak of memory."""
    kinds = list(dict.fromkeys(one.type for one in speed.measured))
    by_type = [_row(one, speed.measured) for kind in kinds for one in _of(speed, kind)]
    merged = [_merged(speed, name) for name in speed.peaks]
    overall = [(*_row(one, merged)[1:], round(speed.peaks[one.way] / 2**20)) for one in merged]
    return [
        Table(speed.suite, _HEAD, tuple(by_type)),
        Table(
            f"{speed.suite}, {_TOTAL} types",
            (*_HEAD[1:], "peak MiB"),
            tuple(overall),
            _notes(speed),
        ),
    ]


def _of(speed: Speed, kind: str) -> list[Measured]:
    return [one for one in speed.measured if one.type == kind]


def _row(one: Measured, whole: Sequence[Measured]) -> tuple[Cell, ...]:
    """Milliseconds are medians, rates what the mean allows; rows are those scored cold."""
    share = one.scoring / one.product if one.scoring and one.product else None
    return (
        *(one.type, one.way, len(one.cold)),
        *(_median(one.cold, 1000), _median(one.warm, 1000), _rate(one.cold), _rate(one.warm)),
        *(_mean(one.rows), _median(one.rows), _share_of_rows(one, whole)),
        *(_mrr(one), one.compared, one.equal),
        None if share is None else 100 * share,
        _times_dense(one, one.cold, whole),
        _times_dense(one, one.warm, whole),
    )


def _share_of_rows(one: Measured, whole: Sequence[Measured]) -> float | None:
    """Median over the questions: rows scored, in percent of those that all truths take."""
    full = next((o.rows for o in whole if o.type == one.type and o.way == FULL), [])
    return _median([own / most for own, most in zip(one.rows, full, strict=False) if most], 100)


def _times_dense(
    one: Measured, seconds: Sequence[float], whole: Sequence[Measured]
) -> float | None:
    """How often a way's seconds fit into those of the dense evaluation of the same questions."""
    dense = next((o for o in whole if o.type == one.type and o.way == DENSE and o.cold), None)
    if dense is None or not seconds:
        return None
    own = dict(zip(_places(one), seconds, strict=True))
    spent = sum(own[place] for place in _places(dense))
    return sum(dense.cold) / spent if spent else None


def _places(one: Measured) -> list[tuple[str, int]]:
    return [(kind, i) for kind, count in one.counts for i in range(count)]


def _merged(speed: Speed, way: str) -> Measured:
    parts = [one for one in speed.measured if one.way == way]
    whole = Measured(way, _TOTAL)
    for part in parts:
        whole.cold += part.cold
        whole.warm += part.warm
        whole.rows += part.rows
        whole.compared += part.compared
        whole.equal += part.equal
        whole.counts += part.counts
    if all(part.ranks is not None for part in parts):
        whole.ranks = [ranks for part in parts for ranks in part.ranks or ()]
    rated = [(p.scoring, p.product, p.seconds) for p in parts if p.scoring and p.product]
    if rated:
        # Operations over time, and the product's speed of each type weighted by that time.
        seconds = sum(s for _, _, s in rated)
        whole.scoring = sum(rate * s for rate, _, s in rated) / seconds
        whole.product = sum(rate * s for _, rate, s in rated) / seconds
    return whole


def _mean(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


def _median(values: Sequence[float], factor: float = 1) -> float | None:
    return factor * float(np.median(values)) if values else None


def _rate(seconds: Sequence[float]) -> float | None:
    return len(seconds) / sum(seconds) if seconds else None


def _mrr(one: Measured) -> float | None:
    if one.ranks is None:
        return None
    return 100 * float(np.mean([question_figures(ranks)["MRR"] for ranks in one.ranks]))


def _notes(speed: Speed) -> tuple[str, ...]:
    settings = speed.settings
    own = settings.reasoning
    together = "one by one" if settings.batch == 1 else f"{settings.batch} at a time"
    rates = [one.product for one in speed.measured if one.product]
    dense = "all" if settings.dense is None else f"the first {settings.dense}"
    notes = [
        f"questions {together}; cold: no row at hand, model and facts loaded; warm: asked again at "
        f"once; ms: the median question, /s: questions over the time of all, planning included; "
        f"{clock_name(own.device)}",
        f"{FULL}: the truth of every entity; proved: until no row that was not scored can change "
        "it; new: not by the observed facts alone; beam: candidates that an ∃ keeps",
        f"rows scored cold; rows %: of those that {FULL} take, the median question; MRR × 100",
        f"compared: questions whose outcome is known; equal: that come out exactly as by {FULL}",
        f"{speed.predictor}; scores in {own.dtype} on {own.device}, product logic",
    ]
    if rates:
        notes.append(
            "roofline %: 4 · entities · rank operations a row over the time in row scoring, "
            f"against the bare product of blocks of {speed.block_rows:,} rows "
            f"(median {np.median(rates) / 1e9:,.1f} GFLOP/s)"
        )
    if DENSE in speed.peaks:
        notes.append(
            f"{DENSE}: entity × entity products of whole matrices, as published solvers take them, "
            f"of {dense} questions of a type; {CACHED}: the same in blocks that stay in cache; "
            "filling matrices is not counted, so that warm is their equal; dense ×: the first's "
            "time over the way's"
        )
        sampled = sum(len(o.cold) - o.compared for o in speed.measured if o.way == DENSE)
        if sampled:
            notes.append(
                f"dense seconds of {sampled} questions with a cycle are those of a sample of "
                f"values (at most {settings.values}, evenly spread) times their number; "
                "their truths are not known and not compared"
            )
    return tuple(notes)
