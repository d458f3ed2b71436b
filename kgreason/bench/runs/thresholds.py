"""What truths are worth to those who set a threshold, and whether what follows ranks first.

Every question carries lists of numbers that add up over questions:
`bin 0` … `bin 9`: of its hard answers and as many random non-answers, those with a truth in that
tenth of [0, 1]: how many, how many of them hard, the sum of their truths.
`taken`: entities at or above the threshold without the easy answers: the hard ones, all; then how
many hard answers there are.
`entailed` (questions without negation) and `entailed closed` (those with): answers that follow from
the observed facts, and how many of them have less truth than some entity that does not follow.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from kgreason.bench.runs.averages import in_order
from kgreason.bench.runs.records import Counts, Header, Record, Run
from kgreason.bench.tables import Cell, Table

BINS = 10
ENTAILED, ENTAILED_CLOSED, TAKEN = "entailed", "entailed closed", "taken"


def bin_name(number: int) -> str:
    """The key of the truths from number / 10 on."""
    return f"bin {number}"


def total(records: Iterable[Record]) -> Counts:
    """The sums of what was counted, in the order of the records."""
    sums: Counts = {}
    for record in records:
        for name, counts in record.counts.items():
            before = sums.get(name, [0] * len(counts))
            sums[name] = [a + b for a, b in zip(before, counts, strict=True)]
    return sums


def calibration_error(totals: Counts) -> float | None:
    """Expected calibration error over the tenths of [0, 1]; None where no truths were counted.

    Σ over bins of its share × |share of hard answers − mean truth| (Naeini et al., AAAI 2015).
    """
    bins = [totals[bin_name(b)] for b in range(BINS) if bin_name(b) in totals]
    count = sum(one[0] for one in bins)
    return sum(abs(hard - truth) for _, hard, truth in bins) / count if count else None


def crisp(totals: Counts) -> tuple[float | None, float | None, float | None]:
    """Precision, recall and F1 over all that was taken; None where there is nothing to divide."""
    right, taken, hard = totals[TAKEN]
    precision = right / taken if taken else None
    recall = right / hard if hard else None
    return precision, recall, 2 * right / (taken + hard) if taken + hard else None


def threshold_tables(run: Run, suite: Header) -> list[Table]:
    """For a run that counted truths: precision and recall by type, then the bins."""
    found = run.by_type(suite["name"])
    totals = total(record for records in found.values() for record in records)
    if TAKEN not in totals:
        return []
    kinds = in_order(suite["family"], found)
    rows = [_crisp_row(kind, total(found[kind])) for kind in kinds]
    rows.append(_crisp_row("all", totals))
    title = f"{suite['name']}, answers from a truth of {run.header['threshold']:g} on, × 100"
    head = ("type", "precision", "recall", "F1", "taken", "hard")
    return [Table(title, head, tuple(rows), (_MEANING,)), _bins(run, suite, totals)]


_MEANING = (
    "taken: all entities with such a truth but the easy answers; right when hard; recall of the "
    "hard answers; summed over questions before dividing"
)


def _crisp_row(kind: str, totals: Counts) -> tuple[Cell, ...]:
    _, taken, hard = totals[TAKEN]
    return (kind, *(None if x is None else 100 * x for x in crisp(totals)), int(taken), int(hard))


def _bins(run: Run, suite: Header, totals: Counts) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for b in range(BINS):
        if bin_name(b) in totals:
            count, hard, truth = totals[bin_name(b)]
            span = f"{b / BINS:.1f} to {(b + 1) / BINS:.1f}"
            rows.append((span, 100 * truth / count, 100 * hard / count, int(count)))
    error = calibration_error(totals)
    assert error is not None
    notes = (
        f"expected calibration error {100 * error:.2f}: mean distance of the two columns, weighted "
        "by count",
        "of each question its hard answers and as many random entities that are no answer (seed "
        f"{run.header['seed']}): half of all are true, so this is no probability among all "
        "entities",
    )
    title = f"{suite['name']}, truths of hard answers and of non-answers, × 100"
    return Table(title, ("truth", "mean truth", "share true", "count"), tuple(rows), notes)


def entailment(totals: Counts) -> list[str]:
    """Lines on answers that follow from the observed facts.

    Where those have truth 1, none of a question without negation may stand below another entity.
    """
    lines = []
    if ENTAILED in totals:
        count, below = totals[ENTAILED]
        lines.append(
            f"entailed by the observed facts: {count:,} answers of questions without negation, "
            f"{below:,} of them below an entity that is not"
        )
    if ENTAILED_CLOSED in totals:
        count, below = totals[ENTAILED_CLOSED]
        lines.append(
            f"entailed if what is not observed is false: {count:,} answers of questions with "
            f"negation, {below:,} of them below another (a predicted link may refute them)"
        )
    return lines


def truths_side_by_side(runs: Sequence[Run], name: str) -> Table | None:
    """A row per run that counted truths."""
    rows: list[tuple[Cell, ...]] = []
    for run in runs:
        totals = total(record for record in run.records if record.suite == name)
        if TAKEN in totals:
            threshold = f"{run.header['threshold']:g}"
            rows.append((run.label, threshold, *_percent(totals), *_entailed(totals)))
    figures = ("from", "calibration error", "precision", "recall", "F1")
    head = ("", *figures, "entailed below others", "with negation")
    title = f"{name}, answers from a truth on, × 100"
    return Table(title, head, tuple(rows), (_MEANING,)) if rows else None


def _percent(totals: Counts) -> list[Cell]:
    return [None if x is None else 100 * x for x in (calibration_error(totals), *crisp(totals))]


def _entailed(totals: Counts) -> list[Cell]:
    return [int(totals[key][1]) if key in totals else None for key in (ENTAILED, ENTAILED_CLOSED)]
