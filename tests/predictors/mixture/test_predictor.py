"""Mixtures: pooled truths, who counts where, weights learned from held-out facts, files."""

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
from kgreason.predictors.checkpoints.format import save_checkpoint
from kgreason.predictors.mixture.file import read_mixture, write_mixture
from kgreason.predictors.mixture.pool import FLOOR
from kgreason.predictors.mixture.weights import SHRINKAGE, Weights, learn_weights
from kgreason.predictors.protocol import LinkPredictor, RowPrice
from kgreason.predictors.protocol import Path as FactPath
from kgreason.settings import Settings
from kgreason.truth.rows import TruthRows
from tests.predictors.toy import complex_info, every_pair, toy_graph, weights

SIZE, RELATIONS = 6, 4


class Table(LinkPredictor):
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


def pooled(shares: Tensor, *tables: Tensor) -> Tensor:
    """Dense rows of the logarithmic pool. shares: (directed relations, members)."""
    said = torch.stack(tables).double()
    share = (shares / shares.sum(1, keepdim=True)).T.double()[:, :, None, None]
    found = ((said + FLOOR) ** share).prod(0) - FLOOR
    found[((said == 0) & (share > 0)).any(0) & (found < FLOOR)] = 0.0
    split = ((said != said[0]) & (share > 0)).any(0) & (found > 0)
    sums = [(one * split).sum(-1, keepdim=True) for one in ((said * share).sum(0), found)]
    bound = (said.amax(0) * split).amax(-1, keepdim=True)
    return torch.where(split, torch.minimum(found * sums[0] / sums[1], bound), found).float()


def test_truths_are_pooled_and_scaled_by_row() -> None:
    shares = torch.rand(RELATIONS, 3, generator=torch.Generator().manual_seed(3))
    tables = [table(seed) for seed in range(3)]
    mixture = MixturePredictor([Table(one) for one in tables], shares)
    assert torch.allclose(all_rows(mixture), pooled(shares, *tables), atol=1e-6)
    assert mixture.price() == RowPrice(3.0, 6.0)
    assert mixture.domain(0) is None
    assert mixture.name.count("(table)^0.") == 3


def test_what_all_members_say_stays() -> None:
    same = table(4)
    same[0, 0, :3] = 1.0
    mixture = MixturePredictor([Table(same)] * 3, torch.rand(RELATIONS, 3) + 0.1)
    assert torch.equal(all_rows(mixture), same)


def test_known_facts_stay_true_and_nothing_else_becomes_so() -> None:
    facts = table(5) > 0.5
    tables = [torch.where(facts, 1.0, table(seed).clamp(max=0.999)) for seed in range(2)]
    found = all_rows(MixturePredictor([Table(one) for one in tables], torch.ones(RELATIONS, 2)))
    assert bool((found[facts] == 1).all())
    assert bool((found[~facts] <= 0.999).all())


def test_faint_links_that_a_member_does_not_list_are_left_out() -> None:
    first = torch.full((RELATIONS, SIZE, SIZE), 2 * FLOOR)
    second = torch.zeros_like(first)
    first[..., 0], second[..., 1] = 0.4, 0.3
    rows = MixturePredictor([Table(first), Table(second)], torch.ones(RELATIONS, 2)).rows(
        torch.arange(SIZE), torch.zeros(SIZE, dtype=torch.int64)
    )
    assert rows.entities.tolist() == [0, 1] * SIZE
    # One is silent about each link that is left: together they have the sum of the means.
    sums = rows.truths.reshape(SIZE, 2).double().sum(1)
    assert torch.allclose(sums, torch.full((SIZE,), (0.4 + 0.3 + 2 * FLOOR) / 2).double())


def test_a_row_has_the_same_bits_in_any_batch() -> None:
    known = torch.arange(SIZE) < 4
    members = [Table(table(1) * known * known[:, None], known), Table(table(2)), Table(table(3))]
    mixture = MixturePredictor(members, torch.rand(RELATIONS, 3) + 0.01)
    together = all_rows(mixture)
    for relation in range(RELATIONS):
        for head in range(SIZE):
            alone = mixture.rows(torch.tensor([head]), torch.tensor([relation])).dense(SIZE)[0]
            assert torch.equal(alone, together[relation, head])


def test_outside_its_scope_a_member_does_not_count() -> None:
    """Entities 4 and 5 are new to the first member: the second alone speaks of them."""
    known = torch.arange(SIZE) < 4
    first, second = table(1) * known * known[:, None], table(2)
    mixture = MixturePredictor([Table(first, known), Table(second)], torch.ones(RELATIONS, 2))
    found = all_rows(mixture)
    both = known & known[:, None]
    # Where one alone speaks there is nothing to disagree on: the row's scale is of the others.
    inside = pooled(torch.ones(RELATIONS, 2), first * both, second * both)
    assert torch.allclose(found[:, both], inside[:, both])
    assert torch.equal(found[:, ~both], second[:, ~both])
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
    assert torch.equal(found[0], first[0])
    assert torch.allclose(found[1:], pooled(torch.ones(RELATIONS, 2), first, second.table)[1:])
    assert second.asked == SIZE * (RELATIONS - 1), "rows that cannot matter are not asked for"

    known = torch.arange(SIZE) < 4
    both = known & known[:, None]
    limited = Table(first * both, known)
    found = all_rows(MixturePredictor([limited, Table(table(2))], shares))
    assert torch.equal(found[0], torch.where(both, first, table(2))[0])


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
    alone = load_predictor(tmp_path / "complex", graph, Settings(calibration="sigmoid:cut=0.1"))
    mixed = load_predictor(tmp_path / "mix.json", graph)
    assert isinstance(mixed, MixturePredictor)
    assert torch.equal(mixed.rows(heads, relations).truths, alone.rows(heads, relations).truths)
    assert mixed.notes == alone.notes, "each member's notes once"
    same = load_predictor(tmp_path / "mix.json", graph, Settings(calibration="sigmoid:cut=0.1"))
    assert isinstance(same, MixturePredictor)
    assert same.notes == alone.notes
    other = load_predictor(tmp_path / "mix.json", graph, Settings(calibration="softmax-degree"))
    assert isinstance(other, MixturePredictor)
    assert "learned with calibration sigmoid:cut=0.1" in other.notes[0]


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


NOTHING = FactIndex.from_facts(cyclic()[:0], SIZE, 2)


def right(target: float, rest: float = 0.0) -> Tensor:
    """A table that knows all that is cyclic."""
    found = torch.full((RELATIONS, SIZE, SIZE), rest)
    for head, relation, tail in cyclic().tolist():
        found[2 * relation, head, tail] = found[2 * relation + 1, tail, head] = target
    return found


def noise(seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(RELATIONS, SIZE, SIZE, generator=generator) * 0.99


def learned_from(*tables: Tensor, shrinkage: float = SHRINKAGE) -> Weights:
    return learn_weights([Table(one) for one in tables], cyclic(), NOTHING, shrinkage=shrinkage)


def test_a_member_that_only_adds_noise_does_not_join() -> None:
    for seed in range(5):
        learned = learned_from(right(0.6, 0.5), noise(seed))
        assert learned.overall.tolist() == [1, 0]
        assert bool((learned.relations[:, 1] == 0).all())
    assert learned_from(right(0.6), right(0.6)).overall.tolist() == [1, 0], "nor one that is alike"


def test_a_member_that_is_always_right_can_have_all() -> None:
    """The first finds every rival likelier than the target, or lists neither."""
    wrong = 1 - right(1.0)
    for first in (wrong, right(0.0, 0.7), torch.zeros(RELATIONS, SIZE, SIZE), noise(1)):
        learned = learned_from(first, right(0.00041, 0.0004))
        assert learned.overall.tolist() == [0, 1]
        assert torch.equal(learned.relations, torch.tensor([[0, 1]] * RELATIONS).double())


def test_two_that_are_half_right_join() -> None:
    """Each is sure of a wrong tail of its own and in doubt about the right one."""
    first, second = right(0.3, 0.01), right(0.3, 0.01)
    for relation, step in enumerate((1, -1, 2, -2)):
        for head in range(SIZE):
            first[relation, head, (head + step + 1) % SIZE] = 0.5
            second[relation, head, (head + step + 2) % SIZE] = 0.5
    learned = learned_from(first, second)
    assert torch.equal(learned.overall, torch.tensor([0.5, 0.5]).double())
    assert torch.equal(learned.relations, learned.overall.expand(RELATIONS, 2))
    third = learned_from(first, second, noise(0))
    assert third.overall.tolist() == [0.5, 0.5, 0]


def test_a_member_joins_where_its_gain_is_more_than_chance() -> None:
    """A gain of one in six links that another loses is none: one standard error is taken off."""
    first = right(0.5, 0.1)
    ranks = [2, 1, 1, 1, 1, 1]
    found = {}
    for helped in (1, 4):
        # The first misses some links of relation 0 that the second finds.
        spoiled = first.clone()
        for head in range(helped):
            spoiled[0, head, (head + ranks[head] + 1) % SIZE] = 0.6
        found[helped] = learned_from(spoiled, right(0.5, 0.1), shrinkage=0.0).relations[:, 1]
    assert found[1].tolist() == [0, 0, 0, 0], "one link gained is what its own error is"
    assert found[4][0] > 0
    assert found[4][1:].tolist() == [0, 0, 0]


def test_each_relation_trusts_who_ranks_it_well() -> None:
    """One member knows relation 0, the other relation 1; both directions follow."""
    knows = torch.arange(RELATIONS)[:, None, None] < 2
    first = torch.where(knows, right(0.6, 0.5), noise(0))
    second = torch.where(knows, noise(0), right(0.6, 0.5))
    learned = learned_from(first, second, shrinkage=0.5)
    assert bool((learned.relations[:2, 0] > 0.9).all())
    assert bool((learned.relations[2:, 1] > 0.9).all())
    assert torch.allclose(learned.relations.sum(1), torch.ones(RELATIONS, dtype=torch.float64))
    again = learned_from(first, second, shrinkage=0.5)
    assert torch.equal(again.relations, learned.relations)
    # With strong shrinkage all relations get what is best for all.
    shrunk = learned_from(first, second, shrinkage=1e9).relations
    assert torch.equal(shrunk, shrunk[:1].expand_as(shrunk))


def test_a_relation_without_links_gets_what_is_best_for_all() -> None:
    facts = cyclic()[cyclic()[:, 1] == 0]
    learned = learn_weights([Table(noise(2)), Table(right(0.6, 0.5))], facts, NOTHING)
    assert learned.overall.tolist() == [0, 1]
    assert torch.equal(learned.relations[2:], learned.overall.expand(2, 2))


def test_without_evidence_all_count_the_same() -> None:
    nowhere = torch.zeros(SIZE, dtype=torch.bool)
    members = [Table(table(1), nowhere), Table(table(2))]
    learned = learn_weights(members, cyclic(), NOTHING)
    assert learned.links == 0
    assert torch.equal(learned.relations, torch.full_like(learned.relations, 0.5))
    with pytest.raises(UsageError, match="no held-out facts"):
        learn_weights(members, cyclic()[:0], NOTHING)


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
    (knows,) = graph.vocabulary.find_relation("knows")
    inverse = torch.tensor([2 * knows + 1])
    asked = torch.tensor([fresh]), inverse
    assert torch.equal(both.rows(*asked).truths, by_rules.rows(*asked).truths)
    assert bool((by_rules.rows(*asked).truths < 1).any()), "something is predicted"
    scope = alone.scope(2 * knows)
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
    del about["sha256"]
    path.write_text(json.dumps(about | {"version": 1}))
    with pytest.raises(CheckpointError, match="version 1, not 2: its weights") as caught:
        read_mixture(path, graph.vocabulary)
    assert "kgreason model mix" in str(caught.value.remedy)
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
