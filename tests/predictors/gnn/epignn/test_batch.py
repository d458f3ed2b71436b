"""The schedule of sweeps over disjoint unions."""

from __future__ import annotations

import numpy as np
import torch

from kgreason.predictors.gnn.epignn.batch import Union
from kgreason.predictors.gnn.epignn.model import Design
from kgreason.predictors.gnn.epignn.propagation import sweep
from tests.predictors.gnn.epignn.test_model import model

# 0 → 1 → 2 → 3 with a short cut 0 → 3, and 4 ahead of 3 from nowhere.
CHAIN = ([0, 1, 2, 0, 4], [1, 2, 3, 3, 3])
# The same with a way back from 3 to 1.
LOOP = ([0, 1, 2, 0, 4, 3], [1, 2, 3, 3, 3, 1])


def union(*graphs: tuple[list[int], list[int]], rounds: list[int]) -> Union:
    source = [5 * i + node for i, (sources, _) in enumerate(graphs) for node in sources]
    target = [5 * i + node for i, (_, targets) in enumerate(graphs) for node in targets]
    return Union(
        5 * len(graphs),
        np.arange(len(graphs)) * 5,
        np.repeat(np.arange(len(graphs)), 5),
        np.array(source),
        np.array(target),
        np.arange(len(source)) % 2,
        np.array(rounds),
    )


def test_one_round_decides_a_state_where_ways_end() -> None:
    found = union(CHAIN, LOOP, CHAIN, CHAIN, rounds=[3, 3, 9, 2])
    settled = found.settled.reshape(4, 5).tolist()
    assert settled[0] == settled[2] == [0, 1, 2, 3, -1]
    assert settled[1] == [-1] * 5, "the loop never ends"
    assert settled[3] == [-1] * 5, "two rounds end before the ways do"


def test_a_message_is_sent_once_where_ways_end() -> None:
    levels = union(CHAIN, rounds=[3]).levels()
    assert [sum(level.counts) for level in levels] == [1, 1, 2]
    assert [level.nodes.tolist() for level in levels] == [[1], [2], [3]]
    assert levels[2].incoming.tolist() == [[2]]


def test_a_node_says_the_same_to_all_with_one_label() -> None:
    # 0 → 1, 2, 3 by label 0 and 0 → 3 by label 1; padded groups leave the edges as they are.
    sources, targets, labels = (np.array(part) for part in ([0] * 4, [1, 2, 3, 3], [0, 0, 0, 1]))
    one = Union(5, np.array([0]), np.zeros(5, dtype=np.int64), sources, targets, labels, labels[3:])
    for padded, counts in ((False, (1, 1)), (True, (4, 4))):
        (level,) = one.levels(padded=padded)
        assert level.counts == counts
        assert level.labels == (0, 1)
        assert level.spoken.tolist() == [0, 0, 0, counts[0]]
        assert level.nodes[level.heard].tolist() == [1, 2, 3, 3]
        assert level.incoming.tolist() == [[1], [1], [2]]


def test_states_are_those_after_all_rounds() -> None:
    net = model(Design(16, 4, "min"), 2)
    short = union(CHAIN, LOOP, CHAIN, CHAIN, rounds=[3, 3, 9, 2])
    whole = union(CHAIN, LOOP, CHAIN, CHAIN, rounds=[3, 3, 9, 2])
    whole.__dict__["settled"] = np.full(20, -1)  # every round counts
    with torch.no_grad():
        matrices = net.forward_matrices().unbind()
        left, right = (sweep(u, u.levels(), matrices, net.design) for u in (short, whole))
    assert sum(sum(level.counts) for level in short.levels()) < sum(
        sum(level.counts) for level in whole.levels()
    )
    torch.testing.assert_close(left, right)
