"""Scores of ULTRA: against the formulas edge by edge, and against published figures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import polars as pl
import pytest
import torch

from kgreason.errors import UsageError
from kgreason.knowledge import FactIndex, KnowledgeGraph
from kgreason.predictors import load_predictor
from kgreason.predictors.checkpoints.exchange import import_checkpoint
from kgreason.predictors.checkpoints.format import read_checkpoint
from kgreason.predictors.gnn.odds import candidates
from kgreason.predictors.gnn.ultra.checkpoint import restore_ultra
from kgreason.predictors.gnn.ultra.scorer import UltraScorer
from kgreason.predictors.gnn.ultra.zero_shot import Sees, its_base, itself, over
from kgreason.predictors.protocol import LinkPredictor
from kgreason.settings import Settings
from tests.predictors.gnn.ultra.test_relation_graph import ENTITIES, RELATIONS, facts, listed
from tests.predictors.gnn.ultra.toy import in_a_loop, network, save
from tests.predictors.toy import every_pair, toy_graph


@pytest.mark.parametrize("sees", [itself, its_base])
def test_scores_are_those_of_the_formulas(sees: Sees) -> None:
    heads, directed, tails = facts(3)
    half = len(heads) // 2
    base = np.stack((heads[:half], directed[:half] // 2, tails[:half]), 1)
    model = network().double()
    scorer = UltraScorer(model, base, ENTITIES, RELATIONS, sees=sees, dtype=torch.float64)
    edges = list(zip(heads.tolist(), directed.tolist(), tails.tolist(), strict=True))
    meetings = listed(scorer._meetings)
    weights = dict(model.state_dict())
    for head, relation in ((0, 0), (4, 1), (2, 5)):
        row = torch.zeros(ENTITIES, dtype=torch.float64)
        row[head] = 1
        expected = in_a_loop(weights, edges, meetings, row, relation, sees(relation), 2 * RELATIONS)
        found = scorer.scores(torch.tensor([head]), torch.tensor([relation]))
        torch.testing.assert_close(found[0], expected)


def test_a_fuzzy_set_starts_where_its_members_are() -> None:
    heads, directed, tails = facts(4)
    half = len(heads) // 2
    base = np.stack((heads[:half], directed[:half] // 2, tails[:half]), 1)
    model = network().double()
    scorer = UltraScorer(model, base, ENTITIES, RELATIONS, dtype=torch.float64)
    row = torch.rand(ENTITIES, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    described = model.describe(scorer._meetings, torch.tensor([3]))
    found = model(scorer._edges, row[None], described[3], described)
    edges = list(zip(heads.tolist(), directed.tolist(), tails.tolist(), strict=True))
    weights = dict(model.state_dict())
    expected = in_a_loop(weights, edges, listed(scorer._meetings), row, 3, 3, 2 * RELATIONS)
    torch.testing.assert_close(found[0], expected)


@pytest.fixture(scope="module")
def toy(tmp_path_factory: pytest.TempPathFactory) -> tuple[KnowledgeGraph, LinkPredictor]:
    graph = toy_graph()
    path = save(tmp_path_factory.mktemp("ultra") / "u.safetensors", network())
    return graph, load_predictor(path, graph)


def test_it_answers_over_any_graph_and_says_how_far_to_trust_it(
    toy: tuple[KnowledgeGraph, LinkPredictor],
) -> None:
    graph, predictor = toy
    assert predictor.name.startswith("ULTRA (")
    first, second, *_ = predictor.notes
    assert "truths of ULTRA are estimates" in first
    assert "mean reciprocal rank is 0." in first
    assert "are described as seen from" in second
    rows = predictor.rows(*every_pair(graph))
    assert rows.fault(2 * graph.relation_count * graph.entity_count, graph.entity_count) is None
    # Literals are no tails but those of known facts.
    literal = np.flatnonzero(graph.vocabulary.literal)
    listed = rows.truths[torch.isin(rows.entities.long(), torch.from_numpy(literal))]
    assert bool((listed == 1).all())


def test_what_is_kept_does_not_change_a_score() -> None:
    graph = toy_graph()
    scorer = over(network(), graph)
    heads, relations = every_pair(graph)
    whole = scorer.scores(heads, relations)
    assert whole.shape == (len(heads), graph.entity_count)
    assert torch.equal(over(network(), graph).scores(heads, relations), whole)
    assert scorer.scores(heads[:0], relations[:0]).shape == (0, graph.entity_count)


def test_relations_without_facts_are_left_to_known_facts() -> None:
    graph = toy_graph().with_relations(["unheard"])
    scorer = over(network(), graph)
    known = scorer.coverage.relations
    assert known is not None
    # `called` leads to literals alone.
    idle = [graph.vocabulary.find_relation(name)[0] for name in ("called", "unheard")]
    wanted = [2 * one + way for one in sorted(idle) for way in (0, 1)]
    assert torch.nonzero(~known).view(-1).tolist() == wanted


def test_few_facts_teach_nothing() -> None:
    graph = KnowledgeGraph.from_triples([("a", "r", "b"), ("b", "s", "b")])
    scorer = over(network(), graph)
    assert scorer.notes == ("2 facts between entities are too few to learn from what scores mean.",)
    assert bool(scorer.scores(torch.tensor([0]), torch.tensor([1])).isfinite().all())
    with pytest.raises(UsageError, match="bfloat16"):
        over(network(), graph, dtype=torch.bfloat16)


# The split of GraIL (Teru et al., ICML 2020) in ULTRA's own protocol: valid and test links of the
# graph of new entities, inverse relations seen from their base. Published: 0.717 and 0.593 (the
# former is moved by ties of scores, which count at their mean here).
PUBLISHED = [
    ("nell_v1", its_base, 0.729),
    ("nell_v1", itself, 0.760),
    ("WN18RR_v1", its_base, 0.593),
]


@pytest.mark.data
@pytest.mark.parametrize(("name", "sees", "mrr"), PUBLISHED)
def test_published_figures(name: str, sees: Sees, mrr: float, data: Path, tmp_path: Path) -> None:
    table = pl.read_parquet(data / "epignn" / "inductive_kgc" / f"{name}.parquet")
    relations = {one: i for i, one in enumerate(table["r"].unique().sort())}
    new = table.filter(pl.col("graph") == "ind")
    entities = {one: i for i, one in enumerate(sorted({*new["h"], *new["t"]}))}
    ids = np.array(
        [(entities[h], relations[r], entities[t]) for h, r, t in new.select("h", "r", "t").rows()]
    )
    learned = (new["split"] == "train").to_numpy()
    path = tmp_path / "ultra.safetensors"
    import_checkpoint(data / "ultra" / "ultra_3g.safetensors", path, model="ultra")
    model = restore_ultra(path, read_checkpoint(path))
    scorer = UltraScorer(model, ids[learned], len(entities), len(relations), sees=sees)
    known = FactIndex.from_facts(ids.astype(np.int32), len(entities), len(relations))
    found = candidates(scorer, torch.from_numpy(ids[~learned]), known)
    ranks = np.concatenate([one.reciprocal_ranks for one in found])
    assert len(ranks) == 2 * (~learned).sum()
    assert ranks.mean() == pytest.approx(mrr, abs=0.002)


def test_settings_choose_the_calibration(tmp_path: Path) -> None:
    graph = toy_graph()
    path = save(tmp_path / "u.safetensors", network())
    predictor = load_predictor(path, graph, Settings(calibration="sigmoid:cut=0.5"))
    assert "sigmoid:cut=0.5" in predictor.name


@pytest.mark.parametrize(
    "triples",
    [
        [("a", "r", "a")],
        [("a", "r", "b")] * 30,
        [(f"e{i}", f"r{i}", f"e{i + 1}") for i in range(40)],
        [(f"e{i}", "r", f"f{i}") for i in range(40)],
    ],
    ids=["self-loop", "one fact", "a relation each", "apart"],
)
def test_odd_graphs_have_truths(triples: list[tuple[str, str, str]], tmp_path: Path) -> None:
    graph = KnowledgeGraph.from_triples(triples)
    predictor = load_predictor(save(tmp_path / "u.safetensors", network()), graph)
    rows = predictor.rows(*every_pair(graph))
    assert rows.fault(2 * graph.relation_count * graph.entity_count, graph.entity_count) is None
