"""Paths behind a prediction: gradients against differences, the search against all paths."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise, product

import numpy as np
import torch
from torch import Tensor

from kgreason.predictors.gnn.edges import Edges
from kgreason.predictors.gnn.ultra.paths import strongest_paths
from kgreason.predictors.gnn.ultra.scorer import UltraScorer
from kgreason.predictors.protocol import Path
from kgreason.ragged import segments
from tests.predictors.gnn.ultra.test_relation_graph import ENTITIES, RELATIONS, facts
from tests.predictors.gnn.ultra.toy import network


def linear(edges: Edges, worths: Tensor) -> list[tuple[Path, float]]:
    """Every path without a repeated entity with the mean of its edges' worth, layer by layer."""
    receiver = segments(edges.offsets.numpy()).tolist()
    sender = edges.sender[edges.message].tolist()
    label = edges.label[edges.message].tolist()
    found = []
    for length in range(1, len(worths) + 1):
        for chosen in product(range(len(receiver)), repeat=length):
            links = tuple((sender[e], label[e] ^ 1, receiver[e]) for e in chosen)
            joined = all(a[2] == b[0] for a, b in pairwise(links))
            entities = [links[0][0], *(link[2] for link in links)]
            if joined and len(set(entities)) == len(entities):
                worth = sum(float(worths[i][e]) for i, e in enumerate(chosen)) / length
                found.append((links, worth))
    return found


def test_the_search_finds_the_strongest_paths() -> None:
    rng = np.random.default_rng(5)
    receiver, sender = rng.integers(0, 5, (2, 12))
    edges = Edges.of(receiver, rng.integers(0, 4, 12), sender, 5, 4)
    worths = torch.from_numpy(rng.normal(size=(3, 12)))
    every = linear(edges, worths)

    def score(strengths: Sequence[Tensor]) -> Tensor:
        # Its gradient is the worth, whatever the strengths.
        return torch.stack([(w * s).sum() for w, s in zip(worths, strengths, strict=True)]).sum()

    ends = {(path[0][0], path[-1][2]) for path, _ in every}
    for head, tail in sorted(ends):
        own = {path: worth for path, worth in every if (path[0][0], path[-1][2]) == (head, tail)}
        best = [path for path in sorted(own, key=lambda path: -own[path]) if own[path] > 0]
        found = strongest_paths(score, 3, edges, head, tail, 10)
        assert set(found) <= set(best)
        assert list(found) == sorted(found, key=lambda path: -own[path])
        # With three kept at each node, the best is found unless cycles crowd it out.
        assert len(found) >= min(1, len(best))
        assert found[:1] == tuple(best[:1])


def test_paths_are_facts_from_head_to_tail() -> None:
    heads, directed, tails = facts(3)
    half = len(heads) // 2
    base = np.stack((heads[:half], directed[:half] // 2, tails[:half]), 1)
    scorer = UltraScorer(network(), base, ENTITIES, RELATIONS)
    known = set(zip(heads.tolist(), directed.tolist(), tails.tolist(), strict=True))
    shown = 0
    for head, relation, tail in product(range(ENTITIES), range(2 * RELATIONS), range(ENTITIES)):
        for path in scorer.paths(head, relation, tail, 2) if head != tail else ():
            assert set(path) <= known
            assert (path[0][0], path[-1][2]) == (head, tail)
            assert all(a[2] == b[0] for a, b in pairwise(path))
            shown += 1
    assert shown
    before = scorer.scores(torch.tensor([0]), torch.tensor([1]))
    scorer.paths(0, 1, 2, 3)
    assert torch.equal(scorer.scores(torch.tensor([0]), torch.tensor([1])), before)
