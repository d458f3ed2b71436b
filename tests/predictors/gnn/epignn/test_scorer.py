"""EpiGNN as a scorer of tails, over graphs that it has and has not seen."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from kgreason.engine import Engine
from kgreason.errors import CheckpointError, UsageError
from kgreason.knowledge import KnowledgeGraph
from kgreason.predictors import load_predictor, with_predicted_relations
from kgreason.predictors.checkpoints.format import save_checkpoint
from kgreason.predictors.gnn.epignn.checkpoint import TrainedEpiGNN, one_slope
from kgreason.predictors.gnn.epignn.graphs import PairGraphs
from kgreason.predictors.gnn.epignn.links import load_epignn, over
from kgreason.predictors.gnn.epignn.model import POOLINGS, Design, EpiGNN, Pooling
from kgreason.predictors.gnn.epignn.neighbours import Asked, Neighbours
from kgreason.predictors.gnn.epignn.pairs import score_pairs
from kgreason.predictors.gnn.epignn.scorer import LEAST_ODDS
from kgreason.predictors.gnn.odds import UNREACHED
from tests.predictors.toy import complex_info, every_pair, toy_graph, weights

FAMILY = [("a", "child", "b"), ("b", "child", "c"), ("a", "spouse", "d"), ("e", "spouse", "f")]


def of_graph(
    graph: KnowledgeGraph,
    pooling: Pooling = "mean",
    rounds: int | None = 3,
    exclusive: bool = False,
) -> TrainedEpiGNN:
    """Random weights for the relations of a graph."""
    names = tuple(graph.vocabulary.relation_names)
    relations = len(names) * (1 if exclusive else 2)
    random = torch.Generator().manual_seed(0)
    design = Design(16, 4, pooling, scaled=not exclusive)
    model = EpiGNN(design, relations, random).requires_grad_(requires_grad=False)
    return TrainedEpiGNN(model, names, exclusive, rounds, one_slope(relations, 2.0))


def saved(trained: TrainedEpiGNN, path: Path) -> Path:
    checkpoint = trained.checkpoint()
    save_checkpoint(path, checkpoint.info, checkpoint.tensors)
    return path


def scores(trained: TrainedEpiGNN, graph: KnowledgeGraph) -> torch.Tensor:
    """(directed relations, entities, entities) log-odds."""
    scorer = over(trained, graph)
    found = scorer.scores(*every_pair(graph))
    return found.view(scorer.relation_count, graph.entity_count, graph.entity_count)


@pytest.mark.parametrize("pooling", ["min", "product", "mean"])
def test_one_sweep_gives_every_relation_and_tail(pooling: Pooling) -> None:
    graph = toy_graph()
    found = scores(of_graph(graph, pooling), graph)
    assert bool(((found >= LEAST_ODDS) | (found == UNREACHED)).all())
    literal = torch.from_numpy(graph.vocabulary.literal)
    assert bool((found[:, :, literal] == UNREACHED)[:, ~literal].all())


def test_unreached_tails_have_the_floor() -> None:
    graph = KnowledgeGraph.from_triples(FAMILY)
    found = scores(of_graph(graph), graph)
    a, c, e = (graph.vocabulary.find_entity(name)[0] for name in "ace")
    assert bool((found[:, a, e] == UNREACHED).all())
    assert bool((found[:, a, c] > UNREACHED).all())
    near = scores(of_graph(graph, rounds=1), graph)
    assert bool((near[:, a, c] == UNREACHED).all())


def test_names_of_entities_do_not_matter_and_relations_are_matched_by_name() -> None:
    graph = KnowledgeGraph.from_triples(FAMILY)
    trained = of_graph(graph)
    renamed = [(f"new {h}", r, f"new {t}") for h, r, t in reversed(FAMILY)]
    other = KnowledgeGraph.from_triples(renamed)
    assert list(other.vocabulary.relation_names) != list(graph.vocabulary.relation_names)
    left, right = scores(trained, graph), scores(trained, other)
    place = [
        other.vocabulary.find_entity(f"new {name}")[0] for name in graph.vocabulary.entity_names
    ]
    order = [
        2 * other.vocabulary.find_relation(name)[0] + side
        for name in graph.vocabulary.relation_names
        for side in (0, 1)
    ]
    torch.testing.assert_close(left, right[order][:, place][:, :, place], rtol=0, atol=1e-4)


def test_relations_that_exclude_each_other_share_one_truth() -> None:
    graph = KnowledgeGraph.from_triples(FAMILY)
    found = scores(of_graph(graph, "min", None, exclusive=True), graph)
    a, c = (graph.vocabulary.find_entity(name)[0] for name in "ac")
    torch.testing.assert_close(torch.sigmoid(found[::2, a, c]).sum(), torch.tensor(1.0))
    # The inverse relation is read by a backward sweep from its head.
    assert bool((found[1::2, c, a] > UNREACHED).all())
    assert bool((found[1::2, a, c] == UNREACHED).all())


def test_an_exclusive_row_is_the_softmax_of_the_forward_read_out() -> None:
    chain = KnowledgeGraph.from_triples([("a", "r", "b"), ("b", "s", "c")])
    trained = of_graph(chain, "min", None, exclusive=True)
    found = scores(trained, chain)
    # On a chain the state of the tail is the only thing the pair read-out could have pooled.
    one = KnowledgeGraph.from_triples([("a", "r", "b"), ("a", "s", "c")])
    edge = PairGraphs.of([([(0, 0, 1)], 0, 1)])
    shares = torch.softmax(2.0 * score_pairs(trained.model, edge), 1)[0]
    b = one.vocabulary.find_entity("b")[0]
    torch.testing.assert_close(torch.sigmoid(found[::2, 0, b]), shares)


def test_a_model_answers_over_a_graph_of_new_entities(tmp_path: Path) -> None:
    path = saved(of_graph(KnowledgeGraph.from_triples(FAMILY)), tmp_path / "m")
    other = KnowledgeGraph.from_triples([("x", "child", "y"), ("y", "spouse", "z")])
    engine = Engine(other, path)
    assert "EpiGNN" in engine.predictor.name
    answers = engine.ask("?y : exists u . child(x, u) & spouse(u, y) & !child(y, x)")
    assert answers[0].entities == other.vocabulary.find_entity("z")


@pytest.mark.parametrize(
    ("triples", "message"),
    [
        ([("x", "knows", "y")], "has none of the relations"),
        ([("x", "child", "y"), ("x", "spuose", "z")], "spuose; nearest to the first: spouse"),
    ],
)
def test_relations_that_do_not_fit_are_refused(
    triples: list[tuple[str, str, str]], message: str, tmp_path: Path
) -> None:
    path = saved(of_graph(KnowledgeGraph.from_triples(FAMILY)), tmp_path / "m")
    with pytest.raises(CheckpointError, match=message) as caught:
        load_predictor(path, KnowledgeGraph.from_triples(triples))
    assert caught.value.remedy


def test_a_relation_of_literals_alone_need_not_be_known(tmp_path: Path) -> None:
    path = saved(of_graph(KnowledgeGraph.from_triples(FAMILY)), tmp_path / "m")
    graph = KnowledgeGraph.from_triples([("x", "child", "y"), ("x", "name", '"X"@en')])
    predictor = load_predictor(path, graph)
    (name,) = graph.vocabulary.find_relation("name")
    rows = predictor.rows(torch.tensor([0]), torch.tensor([2 * name]))
    assert rows.truths.tolist() == [1.0]


def test_relations_of_the_model_are_known_where_they_have_no_facts(tmp_path: Path) -> None:
    path = saved(of_graph(KnowledgeGraph.from_triples(FAMILY)), tmp_path / "m")
    other = KnowledgeGraph.from_triples([("x", "child", "y")])
    wider = with_predicted_relations(other, ["facts", path])
    assert list(wider.vocabulary.relation_names) == ["child", "spouse"]
    assert wider.facts().tolist() == other.facts().tolist()
    assert with_predicted_relations(wider, [path]) is wider
    assert Engine(other, path).relations("x", "y").total == 2
    strange = KnowledgeGraph.from_triples([("x", "knows", "y")])
    save_checkpoint(tmp_path / "complex", complex_info(other), weights(other))
    for graph, models in (
        (strange, [path]),
        (other, ["facts"]),
        (other, [path, tmp_path / "complex"]),
        (other, [tmp_path / "nowhere"]),
    ):
        assert with_predicted_relations(graph, models) is graph


def test_too_few_rounds_are_told_with_the_number_that_would_do() -> None:
    chain = KnowledgeGraph.from_triples([(str(i), "next", str(i + 1)) for i in range(9)])
    (note,) = over(of_graph(chain), chain).notes
    assert note.startswith("3 rounds do not reach all of the graph, which takes up to 9")
    assert over(of_graph(chain, rounds=9), chain).notes == ()


def test_bfloat16_is_refused(tmp_path: Path) -> None:
    graph = KnowledgeGraph.from_triples(FAMILY)
    path = saved(of_graph(graph), tmp_path / "m")
    with pytest.raises(UsageError, match="bfloat16"):
        load_epignn(path, graph, dtype=torch.bfloat16)


def test_the_asked_edge_is_left_out_of_its_own_graph_only() -> None:
    edges = np.array([[0, 0, 1], [0, 1, 1], [0, 0, 2], [2, 0, 1], [1, 0, 1], [0, 0, 1]])
    neighbours = Neighbours.of(edges[:, 0], edges[:, 1], edges[:, 2], 3)
    assert len(neighbours.target) == 4  # neither the self-loop nor the repetition
    heads, rounds = np.array([0, 0]), np.array([2, 2])
    asked = Asked(np.array([0, 1]), np.array([0, 0]), np.array([1, 2]))
    around = neighbours.around(heads, rounds, asked)
    union = around.union
    found = [
        {
            (int(around.entity[s]), int(r), int(around.entity[t]))
            for s, r, t in zip(union.source, union.label, union.target, strict=True)
            if union.graph[s] == graph
        }
        for graph in (0, 1)
    ]
    assert found == [{(0, 1, 1), (0, 0, 2), (2, 0, 1)}, {(0, 0, 1), (0, 1, 1)}]
    assert around.starts.tolist() == [0, 3, 5]


def test_a_head_without_edges_reaches_itself_alone() -> None:
    none = np.zeros(0, dtype=np.int64)
    neighbours = Neighbours.of(none, none, none, 2)
    around = neighbours.around(np.array([1]), np.array([3]))
    assert around.entity.tolist() == [1]


def test_self_loops_say_nothing_and_a_graph_of_one_entity_is_a_graph(tmp_path: Path) -> None:
    loops = KnowledgeGraph.from_triples([*FAMILY, ("a", "child", "a"), ("b", "spouse", "b")])
    plain = KnowledgeGraph.from_triples(FAMILY)
    trained = of_graph(plain)
    assert torch.equal(scores(trained, loops), scores(trained, plain))
    one = KnowledgeGraph.from_triples([("a", "child", "a")])
    predictor = load_predictor(saved(trained, tmp_path / "m"), one)
    assert predictor.rows(torch.tensor([0]), torch.tensor([0])).truths.tolist() == [1.0]
    assert bool(scores(trained, one).isfinite().all())


def test_contradictory_edges_give_finite_odds() -> None:
    every = [("a", r, "b") for r in ("child", "spouse")] + [("b", "child", "a"), *FAMILY]
    graph = KnowledgeGraph.from_triples(every)
    for pooling in POOLINGS:
        trained = of_graph(graph, pooling)
        trained.model.relation.mul_(1e3)
        assert bool(scores(trained, graph).isfinite().all())


def test_odds_stay_above_the_floor_of_what_is_not_reached() -> None:
    graph = KnowledgeGraph.from_triples(FAMILY)
    trained = of_graph(graph)
    trained.odds[:, 0] = 1e6
    found = scores(trained, graph)
    assert set(found.unique().tolist()) == {LEAST_ODDS, UNREACHED}
