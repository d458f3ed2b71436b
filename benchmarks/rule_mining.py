"""Mining rules from embeddings against counting the paths of every body, in one run.

    python benchmarks/rule_mining.py GRAPH CHECKPOINT

Bodies of up to two links are mined both ways and compared. Bodies of three links are too many to
count: their time is told from an evenly spread sample.
"""

from __future__ import annotations

import sys
from time import perf_counter

import numpy as np

from kgreason.knowledge import KnowledgeGraph
from kgreason.predictors import relation_weights
from kgreason.rules import Measurer, Mined, MiningOptions, mine_exhaustively, mine_rules
from kgreason.rules.candidates import Types

SAMPLE = 400
GOOD = 0.5
"""Least PCA confidence of the rules whose share found is told."""


def tell(name: str, mined: Mined) -> float:
    """Print what was mined; the seconds that took."""
    seconds = sum(mined.seconds)
    print(
        f"{name}: {len(mined.rules):,} rules, {mined.bodies:,} bodies, {seconds:.1f} s", flush=True
    )
    return seconds


def main(source: str, checkpoint: str) -> None:
    """Mine both ways and compare."""
    graph = KnowledgeGraph.load(source)
    index = graph.index(["train"])
    weights = relation_weights(checkpoint, graph.vocabulary)
    everything = mine_exhaustively(index, MiningOptions(length=2, per_relation=10**9))
    slow = tell("every body of 1 and 2 links", everything)
    good = {(r.body, r.head) for r in everything.rules if r.figures and r.figures.pca >= GOOD}
    for candidates in (20, 50, 150):
        options = MiningOptions(length=2, candidates=candidates, per_relation=10**9)
        mined = mine_rules(weights, index, options)
        fast = tell(f"mined, 1 and 2 links, {candidates} candidates", mined)
        found = {(r.body, r.head) for r in mined.rules} & good
        print(
            f"  {fast / slow:.3f} of the time; {len(found) / len(good):.1%} of the {len(good):,} "
            f"rules with PCA confidence of {GOOD} and more",
            flush=True,
        )
    three = tell("mined, 1 to 3 links", mine_rules(weights, index, MiningOptions(length=3)))
    blocks = list(Types(index).bodies(3))
    count = sum(map(len, blocks)) / 2
    bodies = np.concatenate(blocks)
    measurer = Measurer(index)
    sample = bodies[np.arange(SAMPLE) * len(bodies) // SAMPLE].tolist()
    start = perf_counter()
    for body in sample:
        measurer.measure(body)
    each = (perf_counter() - start) / SAMPLE
    whole = slow + each * count
    print(
        f"every body of 3 links: {count:,.0f} bodies, {1000 * each:.1f} ms each in a sample, "
        f"{whole:,.0f} s for all of 1 to 3 links; mined in {three / whole:.4f} of that"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
