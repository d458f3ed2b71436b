"""MRR per query type of a BetaE folder with a checkpoint: QTO's calibration, train facts observed.

Usage: python benchmarks/ranking.py FOLDER CHECKPOINT [TYPE…] [--limit 100]
"""

from __future__ import annotations

import argparse

from kgreason.bench.ranking import evaluate
from kgreason.bench.suites import read_suite
from kgreason.knowledge import KnowledgeGraph
from kgreason.predictors import load_predictor
from kgreason.reasoner import Reasoner


def main() -> None:
    """Print a line per type: MRR, questions, rows scored per question, seconds."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder")
    parser.add_argument("checkpoint")
    parser.add_argument("types", nargs="*", default=None)
    parser.add_argument("--limit", type=int, default=100)
    options = parser.parse_args()
    graph = KnowledgeGraph.load(options.folder)
    predictor = load_predictor(options.checkpoint, graph, observed=("train",))
    suite = read_suite(options.folder)
    for name in options.types or suite.types:
        reasoner = Reasoner(predictor, graph.index(("train",)))
        figures = evaluate(suite, graph, reasoner, [name], options.limit).types[name]
        print(
            f"{name:6} MRR {100 * figures.figures['MRR']:6.2f}  {figures.questions} questions  "
            f"{figures.rows / figures.questions:9,.1f} rows each  {figures.seconds:7.1f} s",
            flush=True,
        )


if __name__ == "__main__":
    main()
