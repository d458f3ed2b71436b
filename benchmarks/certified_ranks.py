"""Whether what is proved from few rows is what all rows give, bit for bit.

For each question the ranks of its hard answers and its first answers that are new are proved, from
no row at hand, and compared with those by the truth of every entity, for which rows are kept from
question to question. The types take turns, so that a run that ends for lack of time has asked
equally many of each. What all rows give may be kept in a folder, from which a later run, of other
code for the proofs, takes it.

    python benchmarks/certified_ranks.py SUITE… -m MODEL [--limit 100] [--seconds 1200] [--keep DIR]
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

from kgreason.answers import rank, without
from kgreason.bench.runs.metrics import ProvedRanks, rank_bounds, same_first
from kgreason.bench.suites.load import read_suite
from kgreason.bench.suites.questions import BenchmarkQuestion
from kgreason.bench.suites.values import vector_of, vector_or_bounds
from kgreason.bench.tables import Cell, Table, render
from kgreason.execution import BudgetMeter, Value, lower
from kgreason.knowledge import FactIndex, KnowledgeGraph
from kgreason.metrics.ranking import filtered_ranks
from kgreason.predictors import FactPredictor, LinkPredictor, load_predictor
from kgreason.settings import Settings
from kgreason.topk import Reasoner, TopK

_HEAD = ("type", "asked", "hard answers", "ranks equal", "tops equal", "rows")


@dataclass(slots=True)
class Count:
    """Of one type: questions, their hard answers, and how many ranks and tops are equal.

    rows: scored for the proofs.
    """

    asked: int = 0
    answers: int = 0
    ranks: int = 0
    tops: int = 0
    rows: int = 0


Outcome = tuple[list[float], list[tuple[int, float]]]
"""Ranks of a question's hard answers, and its first new answers with their truths."""


class Kept:
    """Outcomes by question, in a file that grows by a line for each."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._found: dict[str, Outcome] = {}
        if path is None or not path.exists():
            return
        for line in path.read_text(encoding="utf-8").splitlines():
            # A run that was cut off may have left half a line.
            with suppress(ValueError):
                key, ranks, top = json.loads(line)
                self._found[key] = ranks, [(entity, truth) for entity, truth in top]

    def of(self, key: str, compute: Callable[[], Outcome]) -> Outcome:
        """The outcome of that key, computed where it is not kept."""
        if key not in self._found:
            self._found[key] = compute()
            if self._path is not None:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([key, *self._found[key]]) + "\n")
        return self._found[key]


class Comparison:
    """Both ways to answer a question over one graph."""

    def __init__(
        self, predictor: LinkPredictor, facts: FactIndex, top: int, settings: Settings, kept: Kept
    ) -> None:
        self._predictor = predictor
        self._facts = facts
        self._top = top
        self._kept = kept
        self._known = Reasoner(FactPredictor(facts), facts)
        self._whole = Reasoner(predictor, facts, settings)

    def ask(self, key: str, question: BenchmarkQuestion, count: Count) -> None:
        """Answer a question in both ways and count."""
        _, plan = self._known.prepare(question.query)
        (known,) = self._known.truths([plan])
        wanted = TopK(self._top, rank(known, plan.columns, question.query.free).entities)
        lazy = Reasoner(self._predictor, self._facts)
        meter = BudgetMeter()
        ranks, top = self._proved(lazy, question, wanted, meter)
        every = self._kept.of(key, lambda: self._all(question, wanted))
        count.asked += 1
        count.answers += len(question.hard)
        count.ranks += ranks == every[0]
        count.tops += same_first(top, every[1])
        count.rows += meter.rows

    def _proved(
        self, lazy: Reasoner, question: BenchmarkQuestion, wanted: TopK, meter: BudgetMeter
    ) -> Outcome:
        _, plan = lazy.prepare(question.query)
        (first,) = lazy.settle([plan], [wanted], meter)
        (ranks,) = lazy.settle([plan], [ProvedRanks(question.easy, question.hard)], meter)
        best, _ = rank_bounds(vector_or_bounds(ranks), question.easy, question.hard)
        return best.tolist(), self._first(first, question, wanted)

    def _all(self, question: BenchmarkQuestion, wanted: TopK) -> Outcome:
        _, plan = self._whole.prepare(question.query)
        (every,) = self._whole.truths([plan])
        exact = filtered_ranks(vector_of(every), question.easy, question.hard)
        return exact.tolist(), self._first(every, question, wanted)

    def _first(
        self, value: Value, question: BenchmarkQuestion, wanted: TopK
    ) -> list[tuple[int, float]]:
        free = question.query.free
        first = without(rank(lower(value), free, free), wanted.excluded)
        pairs = zip(first.entities[:, 0].tolist(), first.truths.tolist(), strict=True)
        return list(pairs)[: self._top]


def in_turn(
    suite: dict[str, Sequence[BenchmarkQuestion]], limit: int
) -> Iterator[tuple[str, BenchmarkQuestion]]:
    """The first question of each type, then the second ones, …; those with a hard answer."""
    kept = {kind: [one for one in asked if len(one.hard)][:limit] for kind, asked in suite.items()}
    for row in zip_longest(*([(kind, one) for one in asked] for kind, asked in kept.items())):
        yield from (pair for pair in row if pair is not None)


def compare(path: Path, options: argparse.Namespace) -> Table:
    """One suite as a table."""
    suite = read_suite(path)
    graph = KnowledgeGraph.load(suite.graph)
    settings = Settings.of(calibration=options.calibration, max_memory=options.max_memory)
    predictor = load_predictor(options.model, graph, settings)
    kept = Kept(None if options.keep is None else options.keep / f"{suite.name}.jsonl")
    facts = graph.index(settings.splits(graph))
    comparison = Comparison(predictor, facts, options.top, settings, kept)
    counts = {kind: Count() for kind in suite.questions}
    end = time.process_time() + options.seconds
    asked = in_turn(dict(suite.questions), options.limit)
    # Interrupted, it tells what it has.
    with suppress(KeyboardInterrupt):
        for number, (kind, question) in enumerate(asked, 1):
            key = f"{kind} {counts[kind].asked}, {predictor.name}"
            comparison.ask(key, question, counts[kind])
            print(f"\r{suite.name}: {number} questions, {kind:8}", end="", file=sys.stderr)
            if time.process_time() > end:
                break
    print(file=sys.stderr)
    rows = [_row(kind, count) for kind, count in counts.items() if count.asked]
    note = (
        f"equal: questions that come out bit for bit as by all truths: the ranks of their hard "
        f"answers, and the first {options.top} new answers with their truths; rows a question"
    )
    return Table(suite.name, _HEAD, tuple(rows), (note, predictor.name))


def _row(kind: str, count: Count) -> tuple[Cell, ...]:
    rows = count.rows / count.asked
    return kind, count.asked, count.answers, count.ranks, count.tops, rows


def main() -> None:
    """Compare and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("suites", nargs="+", type=Path, metavar="SUITE")
    parser.add_argument("-m", "--model", required=True)
    parser.add_argument("--calibration", default="softmax-degree")
    parser.add_argument("--limit", type=int, default=100, help="questions of each type")
    parser.add_argument("--top", type=int, default=10, help="new answers to prove")
    parser.add_argument(
        "--seconds", type=float, default=1200.0, help="processor time after which a suite ends"
    )
    parser.add_argument("--max-memory", default="4GiB", help="for the rows that are kept")
    parser.add_argument("--keep", type=Path, help="folder for what all rows give")
    options = parser.parse_args()
    if options.keep is not None:
        options.keep.mkdir(parents=True, exist_ok=True)
    print(render([compare(path, options) for path in options.suites], "table"))


if __name__ == "__main__":
    main()
