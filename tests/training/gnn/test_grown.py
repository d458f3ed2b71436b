from __future__ import annotations

import torch

from kgreason.predictors.gnn.epignn.graphs import PairGraphs
from kgreason.training.gnn.grown import grow

# Steps are lengths: a graph's label is how far its tail lies ahead of its head.
ROWS = [
    (([(0, 1, 1), (1, 1, 2)], 0, 2), 2),
    (([(0, 2, 1), (1, 1, 2)], 0, 2), 3),
    (([(5, 3, 7), (7, 2, 9), (5, 3, 8), (8, 2, 9)], 5, 9), 5),
]
GRAPHS = PairGraphs.of(graph for graph, _ in ROWS)
LABELS = torch.tensor([label for _, label in ROWS])


def lengths(edges: list[tuple[int, int, int]], head: int) -> dict[int, set[int]]:
    """Every length at which a node is found, along ways from the head."""
    found: dict[int, set[int]] = {head: {0}}
    for _ in edges:
        for source, step, target in edges:
            ahead = {length + step for length in found.get(source, ())}
            found.setdefault(target, set()).update(ahead)
    return found


def test_what_held_between_head_and_tail_still_holds() -> None:
    rows = grow(GRAPHS, LABELS, 60, torch.Generator().manual_seed(0))
    assert rows
    sizes = set()
    for (edges, head, tail), label in rows:
        assert lengths(list(edges), head)[tail] == {label}
        sizes.add(len(edges))
    assert max(sizes) > max(len(edges) for (edges, _, _), _ in ROWS)
    assert len({len(edges) for (edges, _, _), label in rows if label == 5}) > 1


def test_every_grown_graph_has_something_replaced() -> None:
    rows = grow(GRAPHS, LABELS, 40, torch.Generator().manual_seed(1))
    given = {label: len(edges) for (edges, _, _), label in ROWS}
    assert all(len(edges) > given[label] for (edges, _, _), label in rows)
    assert not any(label == 2 for _, label in rows), "its edges are of a relation none is about"


def test_the_same_seed_grows_the_same_graphs() -> None:
    left, right = (grow(GRAPHS, LABELS, 9, torch.Generator().manual_seed(4)) for _ in range(2))
    assert left == right


def test_nothing_grows_where_no_graph_is_about_an_edge() -> None:
    one = PairGraphs.of([([(0, 0, 1)], 0, 1)])
    random = torch.Generator().manual_seed(0)
    assert grow(one, torch.tensor([1]), 5, random) == []
    assert grow(one.at(torch.tensor([], dtype=torch.int64).numpy()), LABELS[:0], 5, random) == []
    looped = PairGraphs.of([([(0, 0, 1)], 0, 0)])
    assert grow(looped, torch.tensor([0]), 5, random) == []
