"""Paths that predictions of EpiGNN stand on."""

from __future__ import annotations

import pytest
import torch

from kgreason.knowledge import KnowledgeGraph
from kgreason.predictors.gnn.epignn.links import over
from kgreason.predictors.gnn.epignn.model import POOLINGS, Design, Pooling
from kgreason.predictors.gnn.epignn.paths import without_each
from kgreason.predictors.gnn.epignn.propagation import pool
from kgreason.predictors.gnn.epignn.scorer import EpiGNNScorer
from kgreason.predictors.protocol import Path, backwards
from tests.predictors.gnn.epignn.test_scorer import of_graph
from tests.predictors.toy import toy_graph


def spelled(graph: KnowledgeGraph, path: Path) -> list[str]:
    names = graph.vocabulary
    return [
        f"{names.entity(h)} {'^' * (r % 2)}{names.relation(r // 2)} {names.entity(t)}"
        for h, r, t in path
    ]


def traced(
    graph: KnowledgeGraph, scorer: EpiGNNScorer, link: str, most: int = 9
) -> list[list[str]]:
    head, relation, tail = link.split()
    names = graph.vocabulary
    base = names.find_relation(relation.removeprefix("^"))[0]
    found = scorer.paths(
        names.find_entity(head)[0],
        2 * base + relation.startswith("^"),
        names.find_entity(tail)[0],
        most,
    )
    return [spelled(graph, path) for path in found]


@pytest.mark.parametrize("pooling", POOLINGS)
def test_without_each_is_the_pool_of_all_others(pooling: Pooling) -> None:
    design = Design(16, 4, pooling)
    messages = torch.rand((5, 4, 4), generator=torch.Generator().manual_seed(0))
    messages = (messages / messages.sum(-1, keepdim=True)).flatten(1)
    found = without_each(messages, design)
    for i in range(5):
        others = messages[[j for j in range(5) if j != i]]
        at = torch.zeros(4, dtype=torch.int64)
        expected = pool(others, torch.arange(4), at, torch.tensor([[4]]), design)
        torch.testing.assert_close(found[i : i + 1], expected)
    assert without_each(messages[:1], design).unique().tolist() == [0.25]


def test_a_chain_is_its_own_path_from_either_end() -> None:
    graph = KnowledgeGraph.from_triples([("a", "r", "b"), ("c", "s", "b"), ("c", "r", "d")])
    scorer = over(of_graph(graph), graph)
    assert traced(graph, scorer, "a s d") == [["a r b", "b ^s c", "c r d"]]
    assert traced(graph, scorer, "d ^s a") == [["d ^r c", "c s b", "b ^r a"]]
    assert traced(graph, scorer, "a s a") == []


@pytest.mark.parametrize("pooling", POOLINGS)
def test_the_first_path_ends_in_the_edge_that_is_missed_most(pooling: Pooling) -> None:
    """With all ways of one step, leaving out a message is leaving out the fact."""
    links = [("a", relation, "b") for relation in ("p", "q", "r", "s")]
    whole = KnowledgeGraph.from_triples(links)
    trained = of_graph(whole, pooling, rounds=1)
    for wanted in ("p", "q", "r", "s"):
        scores = {}
        for gone in links:
            rest = KnowledgeGraph.from_triples([one for one in links if one != gone])
            a, b = (rest.vocabulary.find_entity(name)[0] for name in "ab")
            # The relation may have lost its only fact, not its vector.
            label = trained.names.index(wanted)
            scorer = over(trained, rest)
            (entities, logs) = scorer._swept(torch.tensor([a]).numpy(), 0)[a]
            state = logs[entities == b]
            scores[gone[1]] = float((state @ scorer._vectors[2 * label])[0])
        paths = traced(whole, over(trained, whole), f"a {wanted} b", most=4)
        order = [path[0].split()[1] for path in paths]
        assert [scores[one] for one in order] == pytest.approx(sorted(scores.values()), abs=1e-5)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_paths_are_simple_differ_in_their_end_and_keep_to_the_rounds(pooling: Pooling) -> None:
    graph = toy_graph()
    scorer = over(of_graph(graph, pooling), graph)
    facts = {tuple(fact) for fact in graph.facts().tolist()}
    for head, relation, tail in [(0, 0, 9), (3, 1, 12), (5, 2, 20), (1, 0, 2)]:
        paths = scorer.paths(head, relation, tail, 3)
        assert 0 < len(paths) <= 3
        assert len({path[-1] for path in paths}) == len(paths)
        for path in paths:
            assert len(path) <= 3
            assert len({h for h, _, _ in path} | {tail}) == len(path) + 1
            for h, r, t in path:
                assert ((h, r // 2, t) if r % 2 == 0 else (t, r // 2, h)) in facts


def test_nothing_supports_what_no_way_leads_to() -> None:
    graph = KnowledgeGraph.from_triples([("a", "r", "b"), ("c", "r", "d")])
    assert traced(graph, over(of_graph(graph), graph), "a r d") == []


def test_a_path_of_exclusive_relations_is_the_same_from_both_ends() -> None:
    graph = KnowledgeGraph.from_triples([("a", "r", "b"), ("b", "s", "c")])
    scorer = over(of_graph(graph, "min", None, exclusive=True), graph)
    assert traced(graph, scorer, "a r c") == [["a r b", "b s c"]]
    assert traced(graph, scorer, "c ^r a") == [["c ^s b", "b ^r a"]]


def test_backwards() -> None:
    path = ((1, 2, 3), (3, 5, 4))
    assert backwards(path) == ((4, 4, 3), (3, 3, 1))
    assert backwards(backwards(path)) == path
