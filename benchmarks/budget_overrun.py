"""How much longer than its budget a question takes, by type and by what is asked of it.

Every question is asked under a budget of so many seconds from rows that nothing was computed of
before: its first answers with witnesses, its new answers, and all its answers, written as JSON.
One line per type and way of asking: questions, those that the budget ended, the longest wall-clock
and processor time. The last column says whether the longest stayed within 1.3 times the budget and
0.3 seconds.

    python benchmarks/budget_overrun.py SUITE -m MODEL [--seconds 0.5] [--limit 5] [--types 2p,…]
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from kgreason import Engine, KnowledgeGraph
from kgreason.answers import serialize
from kgreason.bench.suites.load import read_suite
from kgreason.bench.suites.questions import BenchmarkQuestion
from kgreason.bench.tables import Cell, Table, render
from kgreason.execution import Budget
from kgreason.predictors import LinkPredictor, load_predictor
from kgreason.settings import Settings

WAYS: dict[str, dict[str, Any]] = {
    "first 10": {"limit": 10},
    "first 10 new": {"limit": 10, "new": True},
    "all": {"limit": None, "witness": False},
    "all with witnesses": {"limit": None},
}
_HEAD = ("type", "asked for", "questions", "ended", "wall s", "CPU s", "within")


def measured(
    predictor: LinkPredictor,
    graph: KnowledgeGraph,
    questions: Sequence[BenchmarkQuestion],
    seconds: float,
) -> Iterator[tuple[Cell, ...]]:
    """One line per way of asking."""
    for way, choices in WAYS.items():
        wall = cpu = 0.0
        ended = 0
        for question in questions:
            engine = Engine(graph, predictor)
            began, busy = time.monotonic(), time.process_time()
            answers = engine.ask(question.query, budget=Budget(seconds=seconds), **choices)
            serialize(answers, "json")
            wall = max(wall, time.monotonic() - began)
            cpu = max(cpu, time.process_time() - busy)
            ended += not answers.certain or answers.unexplained > 0
        within = "yes" if wall <= 1.3 * seconds + 0.3 else "NO"
        yield way, len(questions), ended, f"{wall:.2f}", f"{cpu:.2f}", within


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("suite", type=Path)
    parser.add_argument("-m", "--model", required=True, nargs="+")
    parser.add_argument("--seconds", type=float, default=0.5)
    parser.add_argument("--limit", type=int, default=5, help="questions of a type")
    parser.add_argument("--types")
    given = parser.parse_args()
    suite = read_suite(given.suite).only(given.types and given.types.split(","), given.limit)
    graph = KnowledgeGraph.load(suite.graph)
    predictor = load_predictor(given.model, graph, Settings())
    lines: list[tuple[Cell, ...]] = []
    for kind, questions in suite.questions.items():
        found = measured(predictor, graph, questions, given.seconds)
        lines.extend((kind, *line) for line in found)
        print(f"\r{suite.name}: {kind:8}", end="", file=sys.stderr)
    print(file=sys.stderr)
    note = f"a budget of {given.seconds:g} s; {predictor.name}"
    print(render([Table(suite.name, _HEAD, tuple(lines), (note,))], "table"))


if __name__ == "__main__":
    main()
