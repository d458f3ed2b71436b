"""Exclusive relations are read from both ends of each pair."""

from __future__ import annotations

import pytest
import torch

from kgreason.engine import Engine
from kgreason.knowledge import KnowledgeGraph
from kgreason.predictors import CalibratedPredictor, parse_calibration
from kgreason.predictors.gnn.epignn.graphs import PairGraphs
from kgreason.predictors.gnn.epignn.links import over
from kgreason.predictors.gnn.epignn.model import POOLINGS, Pooling
from kgreason.predictors.gnn.epignn.pairs import score_pairs
from kgreason.predictors.gnn.epignn.readout import MOST_CONNECTED
from kgreason.predictors.gnn.odds import UNREACHED
from tests.predictors.gnn.epignn.test_scorer import of_graph

TRIPLES = [
    *(("a", "r", "b"), ("b", "s", "c"), ("a", "q", "d"), ("d", "r", "c"), ("c", "q", "e")),
    *(("b", "q", "d"), ("f", "s", "e"), ("e", "r", "b"), ("x", "r", "y")),
]
GRAPH = KnowledgeGraph.from_triples(TRIPLES)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_a_row_holds_the_read_out_of_every_pair(pooling: Pooling) -> None:
    trained = of_graph(GRAPH, pooling, None, exclusive=True)
    scorer = over(trained, GRAPH)
    edges = [(h, r, t) for h, r, t in GRAPH.facts().tolist() if h < 6]
    for head in range(6):
        tails = [tail for tail in range(6) if tail != head]
        scores = score_pairs(trained.model, PairGraphs.of((edges, head, t) for t in tails))
        shares = torch.softmax(2.0 * scores, 1)
        for relation in range(GRAPH.relation_count):
            row = scorer.scores(torch.tensor([head]), torch.tensor([2 * relation]))[0]
            back = torch.stack(
                [
                    scorer.scores(torch.tensor([t]), torch.tensor([2 * relation + 1]))[0, head]
                    for t in tails
                ]
            )
            reached = row[tails] > UNREACHED
            assert bool(reached.any()) == any(edge[0] == head for edge in edges)
            found = torch.sigmoid(row[tails])
            torch.testing.assert_close(found[reached], shares[:, relation][reached])
            # A link is as true from its other end.
            torch.testing.assert_close(torch.sigmoid(back), found)


def test_pairs_of_other_groups_are_not_reached() -> None:
    scorer = over(of_graph(GRAPH, "min", None, exclusive=True), GRAPH)
    a, x = (GRAPH.vocabulary.find_entity(name)[0] for name in "ax")
    row = scorer.scores(torch.tensor([a]), torch.tensor([0]))[0]
    assert float(row[x]) == UNREACHED


def test_among_many_entities_pairs_are_read_from_the_head_and_it_is_told() -> None:
    chain = [(f"n{i}", "r", f"n{i + 1}") for i in range(MOST_CONNECTED)]
    graph = KnowledgeGraph.from_triples([*chain, ("p", "r", "q")])
    scorer = over(of_graph(graph, "min", 3, exclusive=True), graph)
    (note,) = scorer.notes
    assert note.startswith(f"{MOST_CONNECTED + 1} entities are connected")
    row = scorer.scores(torch.tensor([0]), torch.tensor([0]))[0]
    assert int((row > UNREACHED).sum()) == 4
    assert bool(row.isfinite().all())


def test_which_relation_holds_sums_to_one_over_relations_that_exclude_each_other() -> None:
    scorer = over(of_graph(GRAPH, "min", None, exclusive=True), GRAPH)
    predictor = CalibratedPredictor(
        scorer, parse_calibration("sigmoid:cut=0.0001"), GRAPH.index(), observed_truth=None
    )
    answers = Engine(GRAPH, predictor).relations("a", "e", paths=2)
    assert sum(answer.truth for answer in answers) == pytest.approx(1, abs=1e-5)
    assert answers[0].witness is not None
    (evidence,) = answers[0].witness.evidence
    assert {path[-1] for path in evidence.paths} <= {"q(c, e)", "s(f, e)"}
