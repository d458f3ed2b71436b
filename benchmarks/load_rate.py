"""How fast and in how much memory N-Triples become an indexed vocabulary.

Prints, from one run on one machine: facts per second of `rdflib.Graph().parse` and of
`KnowledgeGraph.load`, and the extra peak memory of a large load in bytes per fact.

    python benchmarks/load_rate.py [--facts 5000000] [--entities 500000] [--compared 300000]
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

_MEASURE = """
import resource, sys, time
import kgreason.knowledge.load
from kgreason.knowledge import KnowledgeGraph
def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
before, start = peak(), time.perf_counter()
facts = sum(KnowledgeGraph.load(sys.argv[1]).fact_counts.values())
print(facts, time.perf_counter() - start, peak() - before)
"""
_RDFLIB = """
import sys, time, rdflib
start = time.perf_counter()
facts = len(rdflib.Graph().parse(sys.argv[1], format="nt"))
print(facts, time.perf_counter() - start, 0)
"""


def write_facts(path: Path, facts: int, entities: int) -> None:
    """Random facts over `entities` entities and 100 relations as N-Triples."""
    random = np.random.default_rng(0)
    base = "http://example.org"
    with path.open("w", encoding="ascii") as file:
        for start in range(0, facts, 100_000):
            count = min(100_000, facts - start)
            heads, tails = random.integers(0, entities, (2, count)).tolist()
            relations = random.integers(0, 100, count).tolist()
            file.writelines(
                f"<{base}/entity/{h}> <{base}/relation/{r}> <{base}/entity/{t}> .\n"
                for h, r, t in zip(heads, relations, tails, strict=True)
            )


def measure(program: str, path: Path) -> tuple[int, float, int]:
    """Facts, seconds and extra peak bytes of a program in a process of its own."""
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", program, str(path)], check=True, capture_output=True, text=True
    )
    facts, seconds, extra = done.stdout.split()
    return int(facts), float(seconds), int(extra)


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--facts", type=int, default=5_000_000)
    parser.add_argument("--entities", type=int, default=500_000)
    parser.add_argument("--compared", type=int, default=300_000, help="facts given to both")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        small, large = Path(folder) / "small.nt", Path(folder) / "large.nt"
        write_facts(small, options.compared, max(1, options.compared // 10))
        write_facts(large, options.facts, options.entities)
        started = time.strftime("%Y-%m-%d %H:%M:%S")
        rates = {}
        for name, program in (("rdflib", _RDFLIB), ("kgreason", _MEASURE)):
            facts, seconds, _ = measure(program, small)
            rates[name] = facts / seconds
            print(f"{name:9} {facts:>10,} facts  {seconds:7.2f} s  {rates[name]:>10,.0f} facts/s")
        print(f"ratio     {rates['kgreason'] / rates['rdflib']:.1f}")
        facts, seconds, extra = measure(_MEASURE, large)
        print(f"kgreason  {facts:>10,} facts  {seconds:7.2f} s  {facts / seconds:>10,.0f} facts/s")
        print(f"memory    {extra / facts:.0f} bytes per fact beyond the imports ({started})")


if __name__ == "__main__":
    main()
