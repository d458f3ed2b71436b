"""What every registered link predictor must keep."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kgreason.errors import CheckpointError, KgreasonError
from kgreason.knowledge import KnowledgeGraph
from kgreason.predictors import load_predictor
from kgreason.predictors.checkpoints.format import save_checkpoint
from kgreason.predictors.kinds import KINDS
from kgreason.predictors.mixture.file import write_mixture
from kgreason.predictors.mixture.weights import Weights
from kgreason.predictors.protocol import LinkPredictor
from kgreason.settings import Settings
from tests.predictors.toy import complex_info, every_pair, toy_graph, weights

Maker = Callable[[KnowledgeGraph, Path, bool], LinkPredictor]


def _facts(graph: KnowledgeGraph, folder: Path, spoiled: bool) -> LinkPredictor:
    return load_predictor("facts", graph)


def _complex(graph: KnowledgeGraph, folder: Path, spoiled: bool) -> LinkPredictor:
    tensors = weights(graph)
    if spoiled:
        tensors["entity"][3, 2] = torch.nan
    save_checkpoint(folder / "complex", complex_info(graph), tensors)
    return load_predictor(folder / "complex", graph)


def _distmult(graph: KnowledgeGraph, folder: Path, spoiled: bool) -> LinkPredictor:
    tensors = weights(graph, rank=4)
    if spoiled:
        tensors["relation"][1, 0] = torch.inf
    save_checkpoint(folder / "distmult", replace(complex_info(graph), model="distmult"), tensors)
    return load_predictor(folder / "distmult", graph)


def _pykeen(graph: KnowledgeGraph, folder: Path, spoiled: bool) -> LinkPredictor:
    from kgreason.predictors.embedding.pykeen import build_model, checkpoint_of

    arguments = {"embedding_dim": 8}
    model = build_model(
        "transe", graph.entity_count, graph.relation_count, inverse=True, arguments=arguments
    )
    if spoiled:
        next(model.parameters()).data[3, 2] = torch.nan
    checkpoint = checkpoint_of(model, graph.vocabulary, arguments=arguments)
    save_checkpoint(folder / "pykeen", checkpoint.info, checkpoint.tensors)
    return load_predictor(folder / "pykeen", graph)


def _rules(graph: KnowledgeGraph, folder: Path, spoiled: bool) -> LinkPredictor:
    path = folder / "rules.txt"
    path.write_text(
        "combine: noisy-or\n"
        "knows(a,b) & knows(b,c) => knows(a,c)\n"
        "lives_in(a,b) & lives_in(c,b) => knows(a,c)  # support 3 confidence 0.25 pca 0.5\n"
        "knows(a,b) & called(b,c) => called(a,c)\n"
    )
    return load_predictor(path, graph)


def _mixture(graph: KnowledgeGraph, folder: Path, spoiled: bool) -> LinkPredictor:
    _complex(graph, folder, spoiled)
    _rules(graph, folder, spoiled)
    generator = torch.Generator().manual_seed(1)
    shares = torch.rand(2 * graph.relation_count, 2, generator=generator, dtype=torch.float64)
    members = folder / "complex", folder / "rules.txt"
    weights = Weights(torch.tensor([0.5, 0.5]), shares, 0)
    write_mixture(folder / "mix.json", members, weights, graph.vocabulary)
    return load_predictor(folder / "mix.json", graph)


def _epignn(graph: KnowledgeGraph, folder: Path, spoiled: bool) -> LinkPredictor:
    from tests.predictors.gnn.epignn.test_scorer import of_graph

    checkpoint = of_graph(graph).checkpoint()
    if spoiled:
        checkpoint.tensors["relation"][1, 0, 0] = torch.nan
    save_checkpoint(folder / "epignn", checkpoint.info, checkpoint.tensors)
    return load_predictor(folder / "epignn", graph)


def _ultra(graph: KnowledgeGraph, folder: Path, spoiled: bool) -> LinkPredictor:
    from tests.predictors.gnn.ultra.toy import network, save

    model = network()
    if spoiled:
        next(model.parameters())[0, 0] = torch.nan
    return load_predictor(save(folder / "ultra", model), graph)


# One line for each predictor that can be named; it gets the whole suite below.
MAKERS: dict[str, Maker] = {
    "facts": _facts,
    "complex": _complex,
    "distmult": _distmult,
    "epignn": _epignn,
    "pykeen": _pykeen,
    "rules": _rules,
    "ultra": _ultra,
    "mixture": _mixture,
}
WITHOUT_WEIGHTS = {"facts", "rules"}


def test_every_registered_predictor_has_a_contract_test() -> None:
    assert set(MAKERS) == set(KINDS)


@pytest.fixture(scope="module")
def graph() -> KnowledgeGraph:
    return toy_graph()


@pytest.fixture(scope="module", params=sorted(MAKERS))
def predictor(
    request: pytest.FixtureRequest, graph: KnowledgeGraph, tmp_path_factory: pytest.TempPathFactory
) -> LinkPredictor:
    return MAKERS[request.param](graph, tmp_path_factory.mktemp("model"), False)


def test_sizes_and_name(predictor: LinkPredictor, graph: KnowledgeGraph) -> None:
    assert predictor.entity_count == graph.entity_count
    assert predictor.relation_count == 2 * graph.relation_count
    assert predictor.name


def test_truths_lie_in_range_and_entities_ascend(
    predictor: LinkPredictor, graph: KnowledgeGraph
) -> None:
    heads, relations = every_pair(graph)
    rows = predictor.rows(heads, relations)
    assert len(rows) == len(heads)
    assert rows.offsets.dtype == torch.int64
    assert rows.entities.dtype == torch.int32
    assert int(rows.offsets[0]) == 0
    assert int(rows.offsets[-1]) == len(rows.entities) == len(rows.truths)
    assert bool(((rows.truths > 0) & (rows.truths <= 1)).all())
    for i in range(len(rows)):
        entities = rows.entities[rows.offsets[i] : rows.offsets[i + 1]].long()
        assert bool((entities.diff() > 0).all())
        assert bool(((entities >= 0) & (entities < graph.entity_count)).all())


def test_known_facts_are_true(predictor: LinkPredictor, graph: KnowledgeGraph) -> None:
    head, relation, tail = torch.from_numpy(graph.facts().copy()).long().unbind(1)
    forward = predictor.rows(head, 2 * relation).dense(graph.entity_count)
    backward = predictor.rows(tail, 2 * relation + 1).dense(graph.entity_count)
    at = torch.arange(len(head))
    assert bool((forward[at, tail] == 1).all())
    assert bool((backward[at, head] == 1).all())


def test_a_row_has_the_same_bits_alone_and_in_any_batch(
    predictor: LinkPredictor, graph: KnowledgeGraph
) -> None:
    heads, relations = every_pair(graph)
    order = torch.randperm(len(heads), generator=torch.Generator().manual_seed(1))[:70]
    batch = predictor.rows(heads[order], relations[order])
    again = predictor.rows(heads[order], relations[order])
    assert torch.equal(batch.truths, again.truths)
    for i, pair in enumerate(order.tolist()):
        alone = predictor.rows(heads[pair : pair + 1], relations[pair : pair + 1])
        span = slice(int(batch.offsets[i]), int(batch.offsets[i + 1]))
        assert torch.equal(alone.entities, batch.entities[span])
        assert torch.equal(alone.truths, batch.truths[span])


def test_no_pairs_give_no_rows(predictor: LinkPredictor) -> None:
    none = torch.zeros(0, dtype=torch.int64)
    rows = predictor.rows(none, none)
    assert len(rows) == 0
    assert len(rows.entities) == 0


def test_the_domain_misses_no_head(predictor: LinkPredictor, graph: KnowledgeGraph) -> None:
    everyone = torch.arange(graph.entity_count)
    for relation in range(predictor.relation_count):
        domain = predictor.domain(relation)
        if domain is None:
            continue
        assert domain.dtype == torch.int64
        assert bool((domain.diff() > 0).all())
        rows = predictor.rows(everyone, torch.full_like(everyone, relation))
        listed = torch.nonzero(rows.offsets.diff()).view(-1)
        assert set(listed.tolist()) <= set(domain.tolist())


def test_bounds_hold(predictor: LinkPredictor, graph: KnowledgeGraph) -> None:
    offered = predictor.price().head_bounds is not None
    everyone = torch.arange(graph.entity_count)
    for relation in range(predictor.relation_count):
        truths = predictor.rows(everyone, torch.full_like(everyone, relation))
        bounds = predictor.top_heads(relation, everyone, 3)
        assert (bounds is not None) == offered
        if bounds is None:
            continue
        most = bounds.rest.unsqueeze(1).repeat(1, len(everyone))
        most.scatter_(1, bounds.heads, bounds.most)
        by_tail = truths.dense(len(everyone)).T
        assert bool((most >= by_tail).all())
        exact = by_tail.gather(1, bounds.heads)[bounds.exact]
        assert torch.equal(exact.to(bounds.most), bounds.most[bounds.exact])


def test_what_is_known_of_rows_before_they_are_scored(
    predictor: LinkPredictor, graph: KnowledgeGraph
) -> None:
    heads, relations = every_pair(graph)
    truths = predictor.rows(heads, relations).dense(graph.entity_count)
    bounds = predictor.bounds(heads, relations)
    known = bounds.known.dense(graph.entity_count).to(truths)
    assert torch.equal(truths[known > 0], known[known > 0])
    assert float(truths[known == 0].max()) <= bounds.others


def test_paths_are_known_facts_that_lead_from_head_to_tail(
    predictor: LinkPredictor, graph: KnowledgeGraph
) -> None:
    index = graph.index()
    for head, relation, tail in [(0, 0, 5), (0, 2, 21), (9, 1, 2), (3, 4, 24), (28, 4, 1)]:
        paths = predictor.paths(head, relation, tail, 2)
        assert len(paths) <= 2
        for path in paths:
            assert [link[0] for link in path] == [head, *(link[2] for link in path[:-1])]
            assert path[-1][2] == tail
            heads, relations, tails = zip(*path, strict=True)
            assert index.contains(heads, relations, tails).all()
    reasons_along_paths = any(name in predictor.name for name in ("EpiGNN", "ULTRA", "rules"))
    assert bool(predictor.paths(0, 0, 5, 2)) == reasons_along_paths


def test_the_price_is_positive(predictor: LinkPredictor) -> None:
    assert predictor.price().flops > 0
    assert predictor.price().entries > 0


def test_literals_appear_in_known_facts_only(
    predictor: LinkPredictor, graph: KnowledgeGraph
) -> None:
    heads, relations = every_pair(graph)
    rows = predictor.rows(heads, relations)
    row = torch.repeat_interleave(torch.arange(len(rows)), rows.offsets.diff()).numpy()
    entity = rows.entities.numpy()
    literal = graph.vocabulary.literal
    ends_in_literal = literal[entity] | literal[heads.numpy()[row]]
    known = graph.index().contains(heads.numpy()[row], relations.numpy()[row], entity)
    assert ends_in_literal.any()
    assert known[ends_in_literal].all()


@pytest.mark.parametrize("name", sorted(set(MAKERS) - WITHOUT_WEIGHTS))
def test_weights_that_are_no_numbers_are_refused(
    name: str, graph: KnowledgeGraph, tmp_path: Path
) -> None:
    with pytest.raises((CheckpointError, KgreasonError), match="finite"):
        MAKERS[name](graph, tmp_path, True)


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_rows_stay_on_the_device(graph: KnowledgeGraph) -> None:
    predictor = load_predictor("facts", graph, Settings(device="cuda"))
    assert predictor.rows(torch.tensor([0]), torch.tensor([0])).truths.is_cuda
