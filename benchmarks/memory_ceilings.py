"""Peak memory, rows and time under several ceilings, and whether the ranks stay the same.

Each ceiling has a process of its own that asks all questions at once, all truths of each. Growth is
the peak of resident memory over that with model and facts loaded.

    python benchmarks/memory_ceilings.py SUITE -m MODEL [--ceilings 1GiB,2GiB,4GiB] [--limit 5]
"""

from __future__ import annotations

import argparse
import hashlib
import subprocess
import sys
import time

_FEW = "2p,3p,pi,inp"


def measure(options: argparse.Namespace) -> None:
    """Answer under one ceiling and print what it took."""
    from kgreason.bench.measurements.roofline import forget_peak, peak_memory
    from kgreason.bench.suites.load import read_suite
    from kgreason.bench.suites.values import vector_of
    from kgreason.execution import BudgetMeter
    from kgreason.knowledge import KnowledgeGraph
    from kgreason.metrics.ranking import filtered_ranks
    from kgreason.predictors import load_predictor
    from kgreason.settings import Settings, size
    from kgreason.topk.reasoner import Reasoner

    suite = read_suite(options.suite).only(tuple(options.types.split(",")), options.limit)
    graph = KnowledgeGraph.load(suite.graph)
    observed = graph.usual_splits
    predictor = load_predictor(options.model, graph, Settings(calibration="softmax-degree"))
    predictor.price()
    ceiling = size(options.ceilings)
    reasoner = Reasoner(predictor, graph.index(observed), Settings(max_memory=ceiling))
    asked = [one for several in suite.questions.values() for one in several if len(one.hard)]
    plans = [reasoner.prepare(question.query)[1] for question in asked]
    forget_peak()
    before, start = peak_memory(), time.process_time()
    digest, meter = hashlib.sha256(), BudgetMeter()
    for question, value in zip(asked, reasoner.stream(plans, meter), strict=True):
        digest.update(filtered_ranks(vector_of(value), question.easy, question.hard).tobytes())
    spent, growth = time.process_time() - start, peak_memory() - before
    print(
        f"{options.ceilings:>8} {len(asked):>9} {growth / 2**20:>10,.0f} "
        f"{100 * growth / ceiling:>9.0f} {meter.rows:>11,} {spent:>9.1f}  "
        f"{digest.hexdigest()[:16]}"
    )


def main() -> None:
    """Measure each ceiling in a process of its own."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("suite")
    parser.add_argument("-m", "--model", required=True)
    parser.add_argument("--ceilings", default="1GiB,2GiB,4GiB")
    parser.add_argument("--types", default=_FEW)
    parser.add_argument("--limit", type=int, default=5, help="questions of each type")
    parser.add_argument("--one", action="store_true", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.one:
        measure(options)
        return
    print(" ceiling questions growth MiB % of ceil. rows scored processor s  ranks", flush=True)
    for ceiling in options.ceilings.split(","):
        given = [options.suite, "-m", options.model, "--types", options.types]
        given += ["--limit", str(options.limit), "--ceilings", ceiling, "--one"]
        subprocess.run([sys.executable, __file__, *given], check=True)  # noqa: S603


if __name__ == "__main__":
    main()
