"""The graph of relations, against its definition."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from kgreason.errors import LimitError
from kgreason.predictors.gnn.edges import Edges
from kgreason.predictors.gnn.ultra import relation_graph as module
from kgreason.predictors.gnn.ultra.relation_graph import relation_graph
from kgreason.ragged import Longs, segments

ENTITIES, RELATIONS = 9, 4


def facts(seed: int, count: int = 14) -> tuple[Longs, Longs, Longs]:
    """Heads, directed relations and tails of facts in both directions."""
    rng = np.random.default_rng(seed)
    head, tail = rng.integers(0, ENTITIES, (2, count))
    relation = rng.integers(0, RELATIONS, count)
    directed = np.concatenate((2 * relation, 2 * relation + 1))
    return np.concatenate((head, tail)), directed, np.concatenate((tail, head))


def listed(edges: Edges) -> list[tuple[int, int, int]]:
    """(receiver, kind, sender) of every edge."""
    receiver = segments(edges.offsets.numpy())
    label, sender = edges.label[edges.message].numpy(), edges.sender[edges.message].numpy()
    return sorted(zip(receiver.tolist(), label.tolist(), sender.tolist(), strict=True))


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("at_once", [1, 1 << 22])
def test_relations_meet_where_they_share_an_end(
    seed: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_AT_ONCE", at_once)
    heads, relations, tails = facts(seed)
    sides = {"head": heads, "tail": tails}
    kinds = [("head", "head"), ("tail", "tail"), ("head", "tail"), ("tail", "head")]
    ends = [
        {side: set(column[relations == one].tolist()) for side, column in sides.items()}
        for one in range(2 * RELATIONS)
    ]
    expected = [
        (i, kind, j)
        for i, j in product(range(2 * RELATIONS), repeat=2)
        for kind, (own, other) in enumerate(kinds)
        if ends[i][own] & ends[j][other]
    ]
    found = relation_graph(heads, relations, 2 * RELATIONS, ENTITIES)
    assert listed(found) == sorted(expected)


def test_a_graph_without_facts_has_no_meetings() -> None:
    none = np.zeros(0, dtype=np.int64)
    assert len(relation_graph(none, none, 2 * RELATIONS, ENTITIES)) == 0


def test_too_many_meetings_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_EDGES", 20)
    heads, relations, _ = facts(0)
    with pytest.raises(LimitError, match="meet in more than 20 ways"):
        relation_graph(heads, relations, 2 * RELATIONS, ENTITIES)
