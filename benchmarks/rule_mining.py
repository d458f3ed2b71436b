"""Mining rules from embeddings against counting the paths of every body, in one run.

    python benchmarks/rule_mining.py GRAPH CHECKPOINT [RULES.txt]

Bodies of up to two links are mined both ways and compared; seconds are of the processor, so other
work on the machine matters little. Bodies of three links are too many to count: their time is told
from an evenly spread sample. The rules mined with up to three links are written to RULES.txt.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from time import process_time

import numpy as np

from kgreason.knowledge import KnowledgeGraph
from kgreason.predictors import relation_weights
from kgreason.rules import (
    Measurer,
    Mined,
    MiningOptions,
    RuleSet,
    mine_exhaustively,
    mine_rules,
    write_rules,
)
from kgreason.rules.candidates import Types

SAMPLE = 1000
GOOD = 0.5
"""Least PCA confidence of the rules whose share found is told."""


def tell(name: str, mine: Callable[[], Mined]) -> tuple[Mined, float]:
    """Mine, print what that gave, and return it with the seconds it took."""
    start = process_time()
    mined = mine()
    seconds = process_time() - start
    print(
        f"{name}: {len(mined.rules):,} rules, {mined.bodies:,} bodies, {seconds:.1f} s", flush=True
    )
    return mined, seconds


def main(source: str, checkpoint: str, output: str | None = None) -> None:
    """Mine both ways and compare."""
    graph = KnowledgeGraph.load(source)
    index = graph.index(["train"])
    weights = relation_weights(checkpoint, graph.vocabulary)
    three, three_seconds = tell("mined, 1 to 3 links", lambda: mine_rules(weights, index))
    if output is not None:
        Path(output).write_text(write_rules(RuleSet(three.rules), graph.vocabulary))
    all_options = MiningOptions(length=2, per_relation=10**9)
    every, slow = tell("every body, 1 and 2 links", lambda: mine_exhaustively(index, all_options))
    good = {(r.body, r.head) for r in every.rules if r.figures and r.figures.pca >= GOOD}
    for candidates in (20, 150):
        options = MiningOptions(length=2, candidates=candidates, per_relation=10**9)
        name = f"mined, 1 and 2 links, {candidates} candidates"
        mined, fast = tell(name, lambda chosen=options: mine_rules(weights, index, chosen))
        found = {(r.body, r.head) for r in mined.rules} & good
        print(
            f"  {fast / slow:.3f} of the time; {len(found) / len(good):.1%} of the {len(good):,} "
            f"rules with PCA confidence of {GOOD} and more",
            flush=True,
        )
    bodies = np.concatenate(list(Types(index).bodies(3)))
    measurer = Measurer(index)
    start = process_time()
    for body in bodies[np.arange(SAMPLE) * len(bodies) // SAMPLE].tolist():
        measurer.measure(body)
    each = (process_time() - start) / SAMPLE
    # A body and its reverse are one.
    whole = slow + each * len(bodies) / 2
    print(
        f"every body of 3 links: {len(bodies) // 2:,} of {1000 * each:.1f} ms each in a sample of "
        f"{SAMPLE:,}, {whole:,.0f} s for all of 1 to 3 links; mined in {three_seconds / whole:.4f} "
        "of that"
    )


if __name__ == "__main__":
    main(*sys.argv[1:])
