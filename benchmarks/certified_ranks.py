"""Whether what is proved from few rows is what all rows give, bit for bit.

For each question the ranks of its hard answers and its first answers that are new are proved, from
no row at hand, and compared with those by the truth of every entity, for which rows are kept from
question to question. The types take turns, so that a run that ends for lack of time has asked
equally many of each.

    python benchmarks/certified_ranks.py SUITE… -m MODEL [--limit 100] [--seconds 1200]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import zip_longest
from pathlib import Path

import numpy as np
import torch

from kgreason.answers import Wanted, rank
from kgreason.bench.metrics import filtered_ranks, rank_bounds
from kgreason.bench.questions import BenchmarkQuestion
from kgreason.bench.suites import read_suite
from kgreason.bench.tables import Cell, Table, render
from kgreason.bench.values import vector_of, vector_or_bounds
from kgreason.cli.options import size
from kgreason.execution import Bounds, least
from kgreason.knowledge import FactIndex, KnowledgeGraph
from kgreason.predictors import FactPredictor, LinkPredictor, load_predictor
from kgreason.reasoner import Reasoner

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


class Comparison:
    """Both ways to answer a question over one graph."""

    def __init__(
        self, predictor: LinkPredictor, facts: FactIndex, top: int, max_memory: int
    ) -> None:
        self._predictor = predictor
        self._facts = facts
        self._top = top
        self._known = Reasoner(FactPredictor(facts), facts)
        self._whole = Reasoner(predictor, facts, max_memory=max_memory)

    def ask(self, question: BenchmarkQuestion, count: Count) -> None:
        """Answer a question in both ways and count."""
        _, plan = self._known.prepare(question.query)
        (known,) = self._known.truths([plan])
        free = question.query.free
        wanted = Wanted(self._top, rank(known, plan.columns, free).entities)

        def ranked(_: int, value: Bounds) -> bool:
            best, worst = rank_bounds(value, question.easy, question.hard)
            return bool((best == worst).all())

        lazy = Reasoner(self._predictor, self._facts)
        _, plan = lazy.prepare(question.query)
        (first,) = lazy.settle([plan], lambda _, value: wanted.is_certain(value))
        (ranks,) = lazy.settle([plan], ranked)
        (every,) = self._whole.truths([plan])

        best, _ = rank_bounds(vector_or_bounds(ranks), question.easy, question.hard)
        exact = filtered_ranks(vector_of(every), question.easy, question.hard)
        tops = [wanted.unknown(rank(least(one), free, free)) for one in (first, every)]
        count.asked += 1
        count.answers += len(question.hard)
        count.ranks += bool(np.array_equal(best, exact))
        count.tops += all(
            torch.equal(getattr(tops[0], of)[: self._top], getattr(tops[1], of)[: self._top])
            for of in ("entities", "truths")
        )
        count.rows += lazy.work.rows


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
    observed = ("train",) if "train" in graph.splits else graph.splits
    predictor = load_predictor(
        options.model, graph, observed=observed, calibration=options.calibration
    )
    comparison = Comparison(predictor, graph.index(observed), options.top, size(options.max_memory))
    counts = {kind: Count() for kind in suite.questions}
    end = time.process_time() + options.seconds
    asked = in_turn(dict(suite.questions), options.limit)
    # Interrupted, it tells what it has.
    with suppress(KeyboardInterrupt):
        for number, (kind, question) in enumerate(asked, 1):
            comparison.ask(question, counts[kind])
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
    options = parser.parse_args()
    print(render([compare(path, options) for path in options.suites], "table"))


if __name__ == "__main__":
    main()
