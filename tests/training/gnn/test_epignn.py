from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from kgreason.errors import DataError, UsageError
from kgreason.knowledge import FactIndex, KnowledgeGraph
from kgreason.predictors import inspect, load_predictor
from kgreason.predictors.gnn.epignn.checkpoint import read_epignn
from kgreason.predictors.gnn.odds import fit_odds
from kgreason.predictors.scorer import Scorer
from kgreason.training import train
from kgreason.training.facts import choose_facts
from kgreason.training.gnn.epignn import EpiGNNTrainer
from kgreason.training.options import Options
from tests.predictors.toy import toy_graph
from tests.training.test_train import InterruptionError, stop_at

SMALL: dict[str, Any] = {"dimension": 16, "epochs": 4, "progress": False, "seed": 0}
ARGUMENTS: dict[str, Any] = {"facets": 4, "rounds": 3}


def families(count: int, start: int = 0) -> KnowledgeGraph:
    """Couples with two children each; both parents and grandparents are stated."""
    triples = []
    for i in range(start, start + count):
        a, b, c, d, e = (f"{name}{i}" for name in "abcde")
        triples += [(a, "spouse", b), (b, "spouse", a)]
        triples += [(p, "parent", q) for p in (a, b) for q in (c, d)]
        triples += [(c, "parent", e), (a, "grandparent", e), (b, "grandparent", e)]
    return KnowledgeGraph.from_triples(triples)


def trainer(graph: KnowledgeGraph, **arguments: object) -> EpiGNNTrainer:
    given = {**ARGUMENTS, **arguments}
    options = Options("epignn", 16, 4, 8, 0.02, 0.0, 0, 1, "auto", 0, "cpu", given)
    return EpiGNNTrainer(choose_facts(graph, 0.0, 0), graph.relation_count, options)


def test_the_asked_edge_never_helps() -> None:
    """In a graph of one edge nothing is left to reason from, whichever way it is asked."""
    lone = KnowledgeGraph.from_triples([("a", "r", "b")])
    questions = [np.array([[0, 0, 1]]), np.array([[1, 1, 0]])]
    assert len(trainer(lone)._losses(questions)) == 0
    pair = KnowledgeGraph.from_triples([("a", "r", "b"), ("a", "s", "b")])
    assert len(trainer(pair)._losses([np.array([[0, 0, 1]]), np.array([[1, 3, 0]])])) == 2
    # Both at once leave nothing either.
    assert len(trainer(pair)._losses([np.array([[0, 0, 1], [0, 2, 1]])])) == 0


def test_every_question_is_asked_once_with_others_of_its_head() -> None:
    one = trainer(toy_graph())
    batches = list(one._batches())
    asked = np.concatenate([group for batch in batches for group in batch])
    assert sorted(map(tuple, asked)) == sorted(map(tuple, one._questions))
    assert all(len(set(group[:, 0])) == 1 for batch in batches for group in batch)


def test_an_epoch_may_ask_a_sample() -> None:
    one = trainer(toy_graph(), questions=20)
    first, second = (sum(len(group) for batch in one._batches() for group in batch) for _ in "ab")
    assert 20 <= first < 36
    assert 20 <= second < 36
    shown: list[float] = []
    one.epoch(shown.append)
    assert shown[-1] == 1.0


def test_other_known_tails_do_not_compete() -> None:
    graph = KnowledgeGraph.from_triples(
        [("a", "r", "b"), ("a", "s", "b"), ("a", "r", "c"), ("a", "s", "c")]
    )
    one = trainer(graph)
    question = np.array([[0, 0, 1]])
    reached = one._around([question]).entity
    target, hidden = one._answers(question, reached)
    assert reached[target].tolist() == [1]
    assert reached[hidden[0]].tolist() == [2]


def test_training_carries_over_to_a_graph_of_new_entities(tmp_path: Path) -> None:
    out = tmp_path / "m"
    settings = {**SMALL, "epochs": 12, "batch_size": 8, "learning_rate": 0.02}
    result = train(
        families(12), out, model="epignn", arguments=ARGUMENTS, validation=0.1, **settings
    )
    assert result.metrics is not None
    assert result.metrics.mrr > 0.4
    known = families(2, start=50)
    facts = [t for t in triples_of(known) if t[:2] != ("a50", "grandparent")]
    other = KnowledgeGraph.from_triples(facts)
    predictor = load_predictor(out, other)
    head, tail = (other.vocabulary.find_entity(name)[0] for name in ("a50", "e50"))
    (relation,) = other.vocabulary.find_relation("grandparent")
    truths = predictor.rows(torch.tensor([head]), torch.tensor([2 * relation]))
    found = truths.dense(other.entity_count)[0]
    assert int(found.argmax()) == tail
    assert 0.02 < float(found[tail]) < 1


def triples_of(graph: KnowledgeGraph) -> list[tuple[str, str, str]]:
    names = graph.vocabulary
    return [
        (names.entity(h), names.relation(r), names.entity(t)) for h, r, t in graph.facts().tolist()
    ]


def test_an_interrupted_run_ends_as_if_it_had_not_been(tmp_path: Path) -> None:
    graph, whole, parted = toy_graph(), tmp_path / "whole", tmp_path / "parted"
    train(graph, whole, model="epignn", arguments=ARGUMENTS, **SMALL)
    with pytest.raises(InterruptionError):
        train(
            graph,
            parted,
            model="epignn",
            arguments=ARGUMENTS,
            on_epoch=stop_at(2),
            **SMALL,
        )
    train(graph, parted, model="epignn", arguments=ARGUMENTS, **SMALL)
    left, right = load_file(whole), load_file(parted)
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_a_checkpoint_says_what_it_is(tmp_path: Path) -> None:
    graph = toy_graph()
    train(graph, tmp_path / "m", model="EpiGNN", arguments=ARGUMENTS, **SMALL)
    info = inspect(tmp_path / "m")
    assert info.model == "epignn"
    assert info.names == tuple(graph.vocabulary.relation_names)
    assert info.arguments["rounds"] == 3
    assert not read_epignn(tmp_path / "m").exclusive


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"facet": 4}, "no argument 'facet'"),
        ({"rounds": 0}, "rounds = 0"),
        ({"rounds": 10**7}, "rounds = 10000000"),
        ({"rounds": True}, "rounds = True"),
        ({"facets": "many"}, "facets = 'many'"),
        ({"questions": -1}, "questions = -1"),
        ({"facets": 5}, "5 facets do not divide"),
        ({"pooling": "median"}, "no pooling 'median'"),
    ],
)
def test_bad_arguments_are_refused(
    arguments: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(UsageError, match=message):
        train(toy_graph(), tmp_path / "m", model="epignn", arguments=arguments, **SMALL)


def test_a_graph_that_teaches_nothing_is_refused(tmp_path: Path) -> None:
    graph = KnowledgeGraph.from_triples([("a", "r", "b"), ("a", "r", "c"), ("b", "s", "d")])
    with pytest.raises(DataError, match="nothing to learn from"):
        train(graph, tmp_path / "m", model="epignn", arguments=ARGUMENTS, **SMALL)
    assert list(tmp_path.iterdir()) == []


class Known(Scorer):
    """Scores that are log-odds / 3 − 1 of a table of truths."""

    name, entity_count, relation_count, flops = "known", 400, 2, 1.0
    device, dtype = torch.device("cpu"), torch.float32

    def __init__(self) -> None:
        random = torch.Generator().manual_seed(0)
        self.odds = 3 * torch.randn((400, 400), generator=random) - 5

    def scores(self, heads: torch.Tensor, relations: torch.Tensor) -> torch.Tensor:
        table = torch.stack((self.odds, self.odds.T))
        return table[relations, heads] / 3 - 1


def test_odds_are_found_again() -> None:
    scorer = Known()
    random = torch.Generator().manual_seed(1)
    truth = torch.rand((400, 400), generator=random) < torch.sigmoid(scorer.odds)
    facts = torch.nonzero(truth)
    facts = torch.stack((facts[:, 0], torch.zeros(len(facts), dtype=torch.int64), facts[:, 1]), 1)
    known = FactIndex.from_facts(facts.numpy().astype(np.int32), 400, 1)
    odds = fit_odds(scorer, facts, known)
    torch.testing.assert_close(odds, torch.tensor([[3.0, 3.0], [3.0, 3.0]]), rtol=0.1, atol=0)
    none = torch.zeros((0, 3), dtype=torch.int64)
    assert fit_odds(scorer, none, known).tolist() == [[1, 0], [1, 0]]
