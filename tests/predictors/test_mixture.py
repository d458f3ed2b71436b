"""Mixtures: weighted means, who counts where, weights learned from held-out facts, files."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor

from kgreason import Engine, KnowledgeGraph
from kgreason.errors import CheckpointError, UsageError
from kgreason.knowledge.index import FactIndex
from kgreason.predictors import MixturePredictor, load_predictor
from kgreason.predictors.base import Path as FactPath
from kgreason.predictors.base import RowPrice, Scoped, scope_of
from kgreason.predictors.checkpoint import save_checkpoint
from kgreason.predictors.mixing import Weights, learn_weights
from kgreason.predictors.mixture_file import read_mixture, write_mixture
from kgreason.truth.rows import TruthRows
from tests.predictors.toy import complex_info, every_pair, toy_graph, weights

SIZE, RELATIONS = 6, 4


class Table:
    """A predictor that reads its truths from a table (directed relations, entities, entities)."""

    name = "table"
    entity_count, relation_count = SIZE, RELATIONS

    def __init__(self, table: Tensor, scope: Tensor | None = None) -> None:
        self.table, self._scope = table, scope

    def rows(self, heads: Tensor, relations: Tensor) -> TruthRows:
        return TruthRows.from_dense(self.table[relations, heads])

    def domain(self, relation: int) -> Tensor | None:
        return None

    def scope(self, relation: int) -> Tensor | None:
        return self._scope

    def price(self) -> RowPrice:
        return RowPrice(1.0, 2.0)


def table(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    found = torch.rand(RELATIONS, SIZE, SIZE, generator=generator)
    return found * (torch.rand(found.shape, generator=generator) < 0.6)


def all_rows(mixture: MixturePredictor) -> Tensor:
    heads = torch.arange(SIZE).repeat(RELATIONS)
    relations = torch.arange(RELATIONS).repeat_interleave(SIZE)
    return mixture.rows(heads, relations).dense(SIZE).reshape(RELATIONS, SIZE, SIZE)


def test_truths_are_weighted_means() -> None:
    shares = torch.rand(RELATIONS, 3, generator=torch.Generator().manual_seed(3))
    tables = [table(seed) for seed in range(3)]
    mixture = MixturePredictor([Table(one) for one in tables], shares)
    share = (shares / shares.sum(1, keepdim=True))[:, None, None, :]
    expected = (torch.stack(tables, -1) * share).sum(-1)
    assert torch.allclose(all_rows(mixture), expected, atol=1e-6)
    assert mixture.price() == RowPrice(3.0, 6.0)
    assert mixture.domain(0) is None


def test_outside_its_scope_a_member_does_not_count() -> None:
    """Entities 4 and 5 are new to the first member: the second alone speaks of them."""
    known = torch.arange(SIZE) < 4
    first, second = table(1) * known * known[:, None], table(2)
    mixture = MixturePredictor([Table(first, known), Table(second)], torch.ones(RELATIONS, 2))
    found = all_rows(mixture)
    both = known & known[:, None]
    assert torch.allclose(found[:, both], ((first + second) / 2)[:, both])
    assert torch.allclose(found[:, ~both], second[:, ~both])
    assert mixture.scope(0) is None
    nobody = MixturePredictor([Table(second, ~known & known)] * 2, torch.ones(RELATIONS, 2))
    assert torch.allclose(all_rows(nobody), second), "what is listed without scope is known"


class Watched(Table):
    """Counts the rows that it is asked for."""

    asked = 0

    def rows(self, heads: Tensor, relations: Tensor) -> TruthRows:
        self.asked += len(heads)
        return super().rows(heads, relations)

    def paths(self, head: int, relation: int, tail: int, most: int) -> tuple[FactPath, ...]:
        return (((head, relation, tail),),)


def test_a_member_of_no_weight_speaks_only_where_the_others_cannot() -> None:
    shares = torch.ones(RELATIONS, 2)
    shares[0, 1] = 0
    first, second = table(1), Watched(table(2))
    found = all_rows(MixturePredictor([Table(first), second], shares))
    assert torch.allclose(found[0], first[0])
    assert torch.allclose(found[1:], ((first + second.table) / 2)[1:])
    assert second.asked == SIZE * (RELATIONS - 1), "rows that cannot matter are not asked for"

    known = torch.arange(SIZE) < 4
    both = known & known[:, None]
    limited = Table(first * both, known)
    found = all_rows(MixturePredictor([limited, Table(table(2))], shares))
    assert torch.allclose(found[0], torch.where(both, first, table(2))[0])


def test_paths_are_those_of_the_members_that_count() -> None:
    shares = torch.ones(RELATIONS, 2)
    shares[0, 1] = 0
    known = torch.arange(SIZE) < 4
    mixture = MixturePredictor([Table(table(1), known), Watched(table(2))], shares)
    assert mixture.paths(0, 0, 1, 3) == ()
    assert mixture.paths(0, 2, 1, 3) == (((0, 2, 1),),)
    assert mixture.paths(0, 0, 5, 3) == (((0, 0, 5),),)


def test_weights_belong_to_a_calibration(tmp_path: Path) -> None:
    graph = toy_graph()
    save_checkpoint(tmp_path / "complex", complex_info(graph), weights(graph))
    members = [tmp_path / "complex"] * 2
    learned = Weights(torch.ones(2) / 2, torch.ones(2 * graph.relation_count, 2), 0)
    write_mixture(tmp_path / "mix.json", members, learned, graph.vocabulary, "sigmoid:cut=0.1")
    heads, relations = every_pair(graph)
    alone = load_predictor(tmp_path / "complex", graph, calibration="sigmoid:cut=0.1")
    mixed = load_predictor(tmp_path / "mix.json", graph)
    assert isinstance(mixed, MixturePredictor)
    assert torch.equal(mixed.rows(heads, relations).truths, alone.rows(heads, relations).truths)
    assert mixed.notes == ()
    same = load_predictor(tmp_path / "mix.json", graph, calibration="sigmoid:cut=0.1")
    assert isinstance(same, MixturePredictor)
    assert same.notes == ()
    other = load_predictor(tmp_path / "mix.json", graph, calibration="softmax-degree")
    assert isinstance(other, MixturePredictor)
    assert "learned with calibration sigmoid:cut=0.1" in other.notes[0]


def test_a_member_that_never_helps_gets_nothing_or_next_to_nothing() -> None:
    facts = cyclic()
    truth = torch.zeros(RELATIONS, SIZE, SIZE)
    for head, relation, tail in facts.tolist():
        truth[2 * relation, head, tail] = truth[2 * relation + 1, tail, head] = 0.6
    wrong = torch.where(truth > 0, 0.0, 1.0)
    known = FactIndex.from_facts(facts[:0], SIZE, 2)
    for members, best in (((truth, wrong), 0), ((wrong, truth), 1)):
        learned = learn_weights([Table(one) for one in members], facts, known)
        assert bool((learned.relations[:, best] > 0.6).all())
        assert bool(learned.relations.isfinite().all())


def test_what_cannot_be_mixed_is_refused() -> None:
    members = [Table(table(1)), Table(table(2))]
    for wrong in (torch.ones(RELATIONS, 3), -torch.ones(RELATIONS, 2), torch.zeros(RELATIONS, 2)):
        with pytest.raises(UsageError, match="do not fit"):
            MixturePredictor(members, wrong)
    other = load_predictor("facts", toy_graph())
    with pytest.raises(UsageError, match="different graphs"):
        MixturePredictor([members[0], other], torch.ones(RELATIONS, 2))


def cyclic() -> np.ndarray[tuple[int, int], np.dtype[np.int32]]:
    """Relation 0 leads from i to i + 1, relation 1 from i to i + 2."""
    rows = [(i, r, (i + 1 + r) % SIZE) for r in range(2) for i in range(SIZE)]
    return np.array(rows, dtype=np.int32)


def test_each_relation_trusts_who_ranks_it_well() -> None:
    """One member knows relation 0, the other relation 1; both directions follow."""
    facts = cyclic()
    truth = torch.zeros(RELATIONS, SIZE, SIZE)
    for head, relation, tail in facts.tolist():
        truth[2 * relation, head, tail] = truth[2 * relation + 1, tail, head] = 0.6
    noise = torch.rand(truth.shape, generator=torch.Generator().manual_seed(0)) * 0.99
    knows = torch.arange(RELATIONS)[:, None, None] < 2
    first = Table(torch.where(knows, truth, noise))
    second = Table(torch.where(knows, noise, truth))
    known = FactIndex.from_facts(facts[:0], SIZE, 2)
    learned = learn_weights([first, second], facts, known, shrinkage=0.5)
    assert torch.allclose(learned.relations.sum(1), torch.ones(RELATIONS, dtype=torch.float64))
    assert bool((learned.relations[:2, 0] > 0.5).all())
    assert bool((learned.relations[2:, 1] > 0.5).all())
    again = learn_weights([first, second], facts, known, shrinkage=0.5)
    assert torch.equal(again.relations, learned.relations)
    # With strong shrinkage all relations get what is best for all.
    shrunk = learn_weights([first, second], facts, known, shrinkage=1e9).relations
    assert torch.equal(shrunk, shrunk[:1].expand_as(shrunk))
    # A third member without merit gets little.
    third = learn_weights([first, second, Table(noise)], facts, known, shrinkage=0.5)
    assert bool((third.relations[:, 2] <= 0.5).all())


def test_without_evidence_all_count_the_same() -> None:
    nowhere = torch.zeros(SIZE, dtype=torch.bool)
    members = [Table(table(1), nowhere), Table(table(2))]
    known = FactIndex.from_facts(cyclic()[:0], SIZE, 2)
    learned = learn_weights(members, cyclic(), known)
    assert learned.links == 0
    assert torch.equal(learned.relations, torch.full_like(learned.relations, 0.5))
    with pytest.raises(UsageError, match="no held-out facts"):
        learn_weights(members, cyclic()[:0], known)


def test_an_entity_unseen_in_training_falls_back_to_rules(tmp_path: Path) -> None:
    graph = toy_graph()
    fresh = graph.vocabulary.find_entity("p19")[0]
    ids = torch.tensor([i for i in range(graph.entity_count) if i != fresh])
    tensors = weights(graph)
    tensors["entity"] = tensors["entity"][ids]
    tensors["coverage.entities"] = ids
    save_checkpoint(tmp_path / "m.safetensors", complex_info(graph), tensors)
    rules = tmp_path / "rules.txt"
    rules.write_text("knows(a,b) & knows(b,c) => knows(a,c)  # support 9 confidence 0.5 pca 0.5\n")
    models = [tmp_path / "m.safetensors", rules]
    alone, by_rules, both = (load_predictor(m, graph) for m in (models[0], rules, models))
    assert isinstance(alone, Scoped)
    (knows,) = graph.vocabulary.find_relation("knows")
    inverse = torch.tensor([2 * knows + 1])
    asked = torch.tensor([fresh]), inverse
    assert torch.equal(both.rows(*asked).truths, by_rules.rows(*asked).truths)
    assert bool((by_rules.rows(*asked).truths < 1).any()), "something is predicted"
    scope = scope_of(alone, 2 * knows)
    assert scope is not None
    assert not bool(scope[fresh])
    engine = Engine(graph, models)
    assert engine.ask("?y : knows(y, p19)", limit=None).total == len(by_rules.rows(*asked).truths)


def test_files_read_back_and_are_checked(tmp_path: Path) -> None:
    graph = toy_graph()
    rules = tmp_path / "rules.txt"
    rules.write_text("knows(a,b) & knows(b,c) => knows(a,c)  # support 9 confidence 0.5 pca 0.5\n")
    save_checkpoint(tmp_path / "m.safetensors", complex_info(graph), weights(graph))
    shares = torch.rand(2 * graph.relation_count, 2, dtype=torch.float64) + 0.1
    path = tmp_path / "mix.json"
    members = (tmp_path / "m.safetensors", rules)
    write_mixture(path, members, Weights(torch.tensor([0.5, 0.5]), shares, 7), graph.vocabulary)
    found = read_mixture(path, graph.vocabulary)
    assert found.links == 7
    assert torch.allclose(found.weights, shares, atol=1e-8)
    heads, relations = every_pair(graph)
    stored = load_predictor(path, graph).rows(heads, relations)
    made = MixturePredictor([load_predictor(m, graph) for m in members], found.weights)
    assert torch.equal(stored.truths, made.rows(heads, relations).truths)

    other = KnowledgeGraph.from_triples([("a", "r", "b")])
    with pytest.raises(CheckpointError, match="another graph"):
        read_mixture(path, other.vocabulary)
    about = json.loads(path.read_text())
    path.write_text(json.dumps(about | {"weights": {}}))
    with pytest.raises(CheckpointError, match="damaged"):
        read_mixture(path, graph.vocabulary)
    path.write_text(json.dumps(about))
    rules.write_text(rules.read_text() + "\n")
    with pytest.raises(CheckpointError, match="has changed"):
        read_mixture(path, graph.vocabulary)
    path.write_text("[]")
    with pytest.raises(CheckpointError, match="no mixture"):
        read_mixture(path, graph.vocabulary)
    path.write_text("{")
    with pytest.raises(CheckpointError, match="cannot be read"):
        read_mixture(path, graph.vocabulary)
