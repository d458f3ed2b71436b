"""A run's figures type by type, its averages, and the protocol that they were taken under."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from kgreason.bench.runs.averages import averages, explain_average, in_order
from kgreason.bench.runs.by_missing_links import links_table
from kgreason.bench.runs.records import FIGURES, Header, Record, Run
from kgreason.bench.runs.thresholds import entailment, threshold_tables, total
from kgreason.bench.tables import Cell, Table
from kgreason.methods.methods import Special


def type_means(run: Run, suite: str, metric: str = "MRR") -> dict[str, float]:
    """The mean of a metric over each type's questions, times 100."""
    return {kind: mean(records, metric) for kind, records in run.by_type(suite).items()}


def mean(records: Iterable[Record], metric: str) -> float:
    """The mean of a metric over questions, times 100."""
    return 100 * float(np.mean([record.figures[metric] for record in records]))


def summarize(run: Run) -> list[Table]:
    """Tables for each suite: types and averages, missing links, truths at a threshold."""
    tables = []
    for suite in run.header["suites"]:
        links = links_table(run, suite)
        tables.append(_suite_table(run, suite))
        tables += [links] if links is not None else []
        tables += threshold_tables(run, suite)
    return tables


def _suite_table(run: Run, suite: Header) -> Table:
    family, found = suite["family"], run.by_type(suite["name"])
    kinds = in_order(family, found)
    rows: list[tuple[Cell, ...]] = []
    for kind in kinds:
        records = found[kind]
        figures = (mean(records, metric) for metric in FIGURES)
        rows.append((kind, *figures, len(records)))
    columns = [averages(family, type_means(run, suite["name"], metric)) for metric in FIGURES]
    notes = []
    for name, (_, over) in columns[0].items():
        asked = sum(len(found[kind]) for kind in over)
        rows.append((name, *(column[name][0] for column in columns), asked))
        notes.append(explain_average(family, name, over))
    head = ("type", *FIGURES, "asked")
    unfinished = sum(suite["types"].values()) - sum(map(len, found.values()))
    if unfinished:
        notes.insert(0, f"unfinished: {unfinished:,} questions are still to be asked")
    notes += protocol(run.header, suite)
    if found:
        notes += entailment(total(record for several in found.values() for record in several))
        notes += _slack([record for records in found.values() for record in records])
        notes.append(_time([record for records in found.values() for record in records]))
    return Table(suite["name"], head, tuple(rows), tuple(notes))


def _slack(records: Sequence[Record]) -> tuple[str, ...]:
    """How exact the figures are, where a tolerance left something open."""
    if not any(record.slack for record in records):
        return ()
    slack = 100 * float(np.mean([record.slack for record in records]))
    return (f"ended when proved closely enough: MRR within ±{slack:.3f} of exact on the mean",)


def _time(records: Sequence[Record]) -> str:
    total = sum(record.seconds for record in records)
    each = 1000 * total / len(records)
    return f"{len(records):,} questions in {total:,.1f} s, {each:,.1f} ms each, types in one batch"


def protocol(header: Header, suite: Header) -> tuple[str, ...]:
    """What was run, in a few lines; every word of it is in the run's header."""
    method, model = header["method"], header["model"]
    splits = ", ".join(header["observed"]) or "nothing"
    return (
        "filtered rank of each hard answer, mean over a question's hard answers, then over "
        f"questions, × 100; ties {header['ties']}",
        f"method {method['name']}: " + _TOLD[_executor(method)](method, suite),
        f"observed {splits} {_trust(method)}, scores in {header['dtype']} on {header['device']}",
        (f"model {model['name']} {_short(model['sha256'])}, " if model else "no model, ")
        + f"questions {_short(suite['sha256'])}, facts of {suite['graph']} "
        f"{_short(suite['facts_sha256'])}, kgreason {header['version']}",
    )


def _executor(method: Header) -> str:
    return str(method["executor"])


def _reasoner(method: Header, suite: Header) -> str:
    beam = method["frontier"]
    return (
        f"logic {method['logic']}, semantics {method['semantics']}, "
        + (f"calibration {suite['calibration']}, " if method["scores"] else "")
        + "".join(f"{one}, " for one in _specials(method, suite["graph"]))
        + ("all candidates" if beam is None else f"the {beam} truest candidates of each ∃")
    )


def _specials(method: Header, graph: str) -> Iterator[Special]:
    """Calibrations of some questions over a graph, but for the one that is named as its own."""
    told = set()
    for one in (Special(**found) for found in method["specials"]):
        kind = one.direct, one.negated
        # The first that suits a question is taken: no other comes after one for all.
        if (None, None) in told:
            break
        if graph.startswith(one.graph) and kind not in told:
            told.add(kind)
            if kind != (None, None):
                yield one


def _nsmp(method: Header, suite: Header) -> str:
    return (
        f"message passing over the disjunctive normal form, {suite['messages']}; of a negated "
        "group the one atom that ties it to the question is negated, the others stay"
    )


def _propagation(method: Header, suite: Header) -> str:
    return "fuzzy sets moved along each relation by one pass of the model, product logic"


_TOLD = {"reasoner": _reasoner, "nsmp": _nsmp, "propagation": _propagation}
"""By executor, what it did, in words."""


def _trust(method: Header) -> str:
    if _executor(method) != "reasoner":
        return "as sets"
    known = method["observed_truth"]
    return f"with truth {'as scored' if known is None else f'{known:g}'}"


def _short(digest: str) -> str:
    return f"sha256:{digest[:12]}"
