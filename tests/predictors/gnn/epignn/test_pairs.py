"""Sweeps and read-outs over small graphs, against a plain reading of the formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch

from kgreason.predictors.gnn.epignn.graphs import (
    PairGraph,
    PairGraphs,
    needed_rounds,
    shortest_path,
)
from kgreason.predictors.gnn.epignn.model import Design, EpiGNN, Pooling, compose
from kgreason.predictors.gnn.epignn.pairs import batch_of, pair_scores, pair_states, score_pairs
from kgreason.predictors.gnn.epignn.propagation import sweep
from tests.predictors.gnn.epignn.test_model import model

RELATIONS = 5
DIAMOND: PairGraph = ([(0, 0, 1), (1, 1, 3), (0, 2, 2), (2, 3, 3), (1, 4, 2), (3, 0, 4)], 0, 4)
CYCLE: PairGraph = ([(0, 0, 1), (1, 1, 2), (2, 2, 1), (2, 3, 0), (2, 4, 3)], 0, 3)
POOLINGS: tuple[Pooling, ...] = ("min", "product", "mean")


def scores(net: EpiGNN, *graphs: PairGraph, rounds: int | None = None) -> torch.Tensor:
    with torch.no_grad():
        found = PairGraphs.of(graphs)
        return pair_scores(net, batch_of(found, np.arange(len(graphs)), RELATIONS, rounds))


def pooled(messages: list[torch.Tensor], pooling: Pooling) -> torch.Tensor:
    stacked = torch.stack(messages)
    if pooling == "min":
        raw = stacked.amin(0)
    elif pooling == "product":
        raw = stacked.prod(0)
    else:
        raw = stacked.log().mean(0).exp()
    return raw / raw.sum(-1, keepdim=True)


def swept(net: EpiGNN, graph: PairGraph, backwards: bool) -> dict[int, torch.Tensor]:
    """States node by node and round by round, of the nodes that are reached."""
    edges, head, tail = graph
    relations, table, design = net.relations(), net.table(), net.design
    start = tail if backwards else head
    one = torch.zeros(design.facets, design.facet, dtype=torch.float64)
    one[:, 0] = 1
    found = {start: one}
    for _ in range(needed_rounds(edges, head)):
        messages: dict[int, list[torch.Tensor]] = {}
        for u, r, v in edges:
            if backwards and v in found and u != start:
                messages.setdefault(u, []).append(compose(relations[r], found[v], table))
            if not backwards and u in found and v != start:
                messages.setdefault(v, []).append(compose(found[u], relations[r], table))
        found = {start: one} | {v: pooled(heard, design.pooling) for v, heard in messages.items()}
    return found


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("graph", [DIAMOND, CYCLE], ids=["diamond", "cycle"])
def test_scores_are_those_of_the_formulas(pooling: Pooling, graph: PairGraph) -> None:
    net = model(Design(24, 4, pooling), RELATIONS)
    with torch.no_grad():
        ahead, back = swept(net, graph, False), swept(net, graph, True)
        path = shortest_path(graph[0], graph[1], graph[2])
        both = [compose(ahead[v], back[v], net.table()) for v in path if v in ahead and v in back]
        state = pooled(both, pooling)
        expected = (net.relations() * state.log()).sum((1, 2)) / net.design.facets
    torch.testing.assert_close(scores(net, graph)[0], expected)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_states_are_probability_vectors(pooling: Pooling) -> None:
    net = model(Design(32, 8, pooling), RELATIONS).float()
    chain = [(i, i % RELATIONS, i + 1) for i in range(40)] + [(i, 1, i + 2) for i in range(38)]
    batch = batch_of(PairGraphs.of([(chain, 0, 40), DIAMOND]), np.arange(2), RELATIONS, None)
    with torch.no_grad():
        matrices = (*net.forward_matrices(), *net.backward_matrices())
        found = sweep(batch.union, batch.union.levels(), matrices, net.design)
        for states in (found.view(-1, 8, 4), pair_states(net, batch)):
            assert bool((states >= 0).all())
            assert float((states.sum(-1) - 1).abs().max()) < 1e-5


@pytest.mark.parametrize("pooling", POOLINGS)
def test_numbers_of_nodes_do_not_matter(pooling: Pooling) -> None:
    net = model(Design(24, 4, pooling), RELATIONS)
    for edges, head, tail in (DIAMOND, CYCLE):
        new = {0: 90, 1: 3, 2: 41, 3: 7, 4: 0}
        moved = [(new[s], r, new[t]) for s, r, t in edges]
        left = scores(net, (edges, head, tail))
        assert torch.equal(left, scores(net, (moved, new[head], new[tail])))


@pytest.mark.parametrize("pooling", POOLINGS)
def test_numbers_of_relations_do_not_matter(pooling: Pooling) -> None:
    net, order = model(Design(24, 4, pooling), RELATIONS), torch.tensor([3, 0, 4, 1, 2])
    other = model(Design(24, 4, pooling), RELATIONS)
    other.relation.data[order] = net.relation.data
    renamed = [(s, int(order[r]), t) for s, r, t in DIAMOND[0]]
    found = scores(other, (renamed, *DIAMOND[1:]))[:, order]
    torch.testing.assert_close(scores(net, DIAMOND), found, rtol=0, atol=1e-14)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_graph_scores_the_same_in_any_company(pooling: Pooling) -> None:
    net = model(Design(24, 4, pooling), RELATIONS)
    together = scores(net, DIAMOND, CYCLE, DIAMOND)
    torch.testing.assert_close(together[:1], scores(net, DIAMOND), rtol=0, atol=1e-14)
    torch.testing.assert_close(together[1:2], scores(net, CYCLE), rtol=0, atol=1e-14)


def test_many_pairs_are_scored_in_the_order_asked() -> None:
    net = model(Design(24, 4), RELATIONS).float()
    graphs = [DIAMOND, CYCLE, ([(0, 1, 1)], 0, 1), DIAMOND]
    every = PairGraphs.of(graphs)
    found = score_pairs(net, every)
    for one, row in zip(graphs, found, strict=True):
        torch.testing.assert_close(row[None], scores(net, one))
    chosen = np.array([2, 0])
    torch.testing.assert_close(score_pairs(net, every.at(chosen)), found[chosen])


def test_more_rounds_change_nothing_where_there_is_no_cycle() -> None:
    net = model(Design(24, 4), RELATIONS)
    assert needed_rounds(DIAMOND[0], 0) == 4
    assert torch.equal(scores(net, DIAMOND, rounds=4), scores(net, DIAMOND, rounds=9))
    assert not torch.equal(scores(net, DIAMOND, rounds=4), scores(net, DIAMOND, rounds=3))


def test_what_the_head_does_not_reach_is_not_heard() -> None:
    net = model(Design(24, 4), RELATIONS)
    more = ([*DIAMOND[0], (7, 2, 3), (8, 1, 7)], 0, 4)
    batch = batch_of(PairGraphs.of([more]), np.arange(1), RELATIONS, None)
    half = batch.union.node_count // 2
    assert (batch.union.distance[:half] < 0).sum() == 2
    assert torch.equal(scores(net, DIAMOND), scores(net, more))


def test_repeated_edges_self_loops_and_edges_into_the_head_say_nothing() -> None:
    net = model(Design(24, 4, "product"), RELATIONS)
    edges = [*DIAMOND[0], DIAMOND[0][0], (2, 3, 2), (0, 1, 0)]
    torch.testing.assert_close(scores(net, DIAMOND), scores(net, (edges, 0, 4)))


def test_contradictory_edges_give_finite_scores() -> None:
    net = model(Design(24, 4), RELATIONS)
    net.relation.data.mul_(1e4)
    assert bool(scores(net, ([(0, r, 1) for r in range(RELATIONS)], 0, 1)).isfinite().all())


@pytest.mark.parametrize("graph", [([(0, 1, 1), (2, 3, 3)], 0, 3), ([(1, 0, 0)], 0, 1), ([], 0, 1)])
def test_a_pair_without_a_way_has_the_floor_for_every_relation(graph: PairGraph) -> None:
    found = scores(model(Design(24, 4), RELATIONS), graph)
    torch.testing.assert_close(found, torch.full_like(found, -math.log(6)))


def test_a_graph_of_one_node_holds_the_identity() -> None:
    net = model(Design(24, 4), RELATIONS)
    net.relation.data[2, :, 0] = 50
    assert int(scores(net, ([], 0, 0)).argmax()) == 2
    assert bool(scores(net, ([(0, 1, 0)], 0, 0)).isfinite().all())


def test_rounds_of_long_and_of_circular_graphs() -> None:
    chain = [(i, 0, i + 1) for i in range(3000)]
    assert needed_rounds(chain, 0) == 3000
    assert needed_rounds(chain, 2990) == 10
    assert needed_rounds(CYCLE[0], 0) == 3
    assert needed_rounds([], 0) == 0
