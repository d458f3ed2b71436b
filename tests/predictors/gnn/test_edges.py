"""Sums over edges, against a loop."""

from __future__ import annotations

import numpy as np
import torch

from kgreason.predictors.gnn.edges import Edges


def test_sums_are_those_of_a_loop_and_the_same_in_any_batch() -> None:
    rng = np.random.default_rng(0)
    nodes, labels, count = 7, 3, 40
    receiver, sender = rng.integers(0, nodes - 1, (2, count))
    label = rng.integers(0, labels, count)
    edges = Edges.of(receiver, label, sender, nodes, labels)
    random = torch.Generator().manual_seed(0)
    states = torch.randn(nodes, 4, 5, generator=random, dtype=torch.float64)
    weights = torch.randn(labels, 4, 5, generator=random, dtype=torch.float64)
    expected = torch.zeros_like(states)
    for r, name, s in zip(receiver, label, sender, strict=True):
        expected[r] += states[s] * weights[name]
    found = edges.summed(states, weights)
    torch.testing.assert_close(found, expected)
    assert not found[nodes - 1].any(), "a node that nothing leads to"
    assert (len(edges), edges.receivers) == (count, nodes)
    assert edges.sender.shape[0] < count, "one message for edges that share sender and label"
    for i in range(4):
        alone = edges.summed(states[:, i : i + 1], weights[:, i : i + 1])
        assert torch.equal(alone, found[:, i : i + 1])
    same = edges.summed(states, weights[:, :1])
    assert torch.equal(same[:, :1], found[:, :1])
