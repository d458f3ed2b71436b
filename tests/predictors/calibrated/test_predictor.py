from __future__ import annotations

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch

from kgreason.errors import PredictorError, UsageError
from kgreason.knowledge import FactIndex
from kgreason.predictors.calibrated.calibrations import (
    CALIBRATIONS,
    SoftmaxDegree,
    parse_calibration,
)
from kgreason.predictors.calibrated.predictor import CalibratedPredictor
from kgreason.predictors.embedding.bilinear import BilinearScorer
from kgreason.predictors.embedding.compositions import COMPLEX
from kgreason.predictors.kinds import load_checkpoint
from kgreason.predictors.scorer import Coverage
from tests.predictors.toy import every_pair, toy_graph, weights


def predictor(**settings: object) -> CalibratedPredictor:
    graph = toy_graph()
    scorer = BilinearScorer(COMPLEX, *weights(graph).values())
    return CalibratedPredictor(scorer, SoftmaxDegree(), graph.index(), **settings)  # type: ignore[arg-type]


def test_observed_truth_is_laid_over_the_scores() -> None:
    heads, relations = every_pair(toy_graph())
    known = toy_graph().index()
    starts, tails = known.rows(heads.numpy(), relations.numpy())
    row = np.repeat(np.arange(len(heads)), np.diff(starts))
    for truth in (1.0, 0.5):
        dense = predictor(observed_truth=truth).rows(heads, relations).dense(known.entity_count)
        assert bool((dense[row, tails] == truth).all())
    scored = predictor(observed_truth=None).rows(heads, relations).dense(known.entity_count)
    expected = torch.softmax(
        BilinearScorer(COMPLEX, *weights(toy_graph()).values()).scores(heads, relations), 1
    )
    degrees = torch.from_numpy(known.degrees(heads, relations)).clamp(min=1).unsqueeze(1)
    expected = (expected * degrees).clamp(max=0.999)
    expected[expected < 0.0002] = 0
    torch.testing.assert_close(scored, expected)


@pytest.mark.parametrize("truth", [0.0, 1.5, -1.0, float("nan")])
def test_an_observed_truth_outside_the_range_is_refused(truth: float) -> None:
    with pytest.raises(UsageError, match="outside"):
        predictor(observed_truth=truth)


def test_a_small_block_budget_changes_nothing() -> None:
    heads, relations = every_pair(toy_graph())
    one, other = (predictor(block_bytes=b).rows(heads, relations) for b in (1, 2**24))
    assert torch.equal(one.offsets, other.offsets)
    assert torch.equal(one.entities, other.entities)
    assert torch.equal(one.truths, other.truths)


def test_entities_and_relations_out_of_coverage_have_known_facts_only() -> None:
    graph = toy_graph()
    tensors = weights(graph)
    ids = torch.arange(0, graph.entity_count, 2)
    relations = torch.tensor([True, True, False, False, False, False])
    scorer = BilinearScorer(
        COMPLEX, tensors["entity"][ids], tensors["relation"], coverage=Coverage(ids, relations)
    )
    small = CalibratedPredictor(scorer, SoftmaxDegree(cut=0.0), graph.index())
    assert len(small.notes) == 2
    heads, directed = every_pair(graph)
    dense = small.rows(heads, directed).dense(graph.entity_count)
    facts = torch.zeros_like(dense)
    starts, tails = graph.index().rows(heads.numpy(), directed.numpy())
    facts[np.repeat(np.arange(len(heads)), np.diff(starts)), tails] = 1
    outside = (heads % 2 == 1) | (directed >= 2)
    assert torch.equal(dense[outside], facts[outside])
    predicted = (dense[~outside] > 0) & (facts[~outside] == 0)
    assert bool(predicted.any())
    assert not bool(predicted[:, 1::2].any())
    unknown = CalibratedPredictor(scorer, SoftmaxDegree(), graph.index(), observed_truth=None)
    assert float(unknown.rows(torch.tensor([1]), torch.tensor([0])).truths.min()) == 1


def test_a_score_that_is_no_number_names_its_row() -> None:
    graph = toy_graph()
    tensors = weights(graph)
    tensors["relation"][2] = torch.inf
    broken = CalibratedPredictor(
        BilinearScorer(COMPLEX, *tensors.values()), SoftmaxDegree(), graph.index()
    )
    with pytest.raises(PredictorError, match="head 5 under directed relation 2"):
        broken.rows(torch.tensor([1, 5]), torch.tensor([0, 2]))


def test_a_scorer_of_another_size_is_refused() -> None:
    graph = toy_graph()
    tensors = weights(graph)
    with pytest.raises(PredictorError, match="covers 4 entities"):
        CalibratedPredictor(
            BilinearScorer(COMPLEX, tensors["entity"][:4], tensors["relation"]),
            SoftmaxDegree(),
            graph.index(),
        )


@pytest.fixture(scope="module")
def freebase(data: Path) -> CalibratedPredictor:
    folder = data / "FB15k-237-betae"
    triples = np.loadtxt(folder / "train.txt", dtype=np.int32)
    triples = triples[triples[:, 1] % 2 == 0]
    triples[:, 1] //= 2
    scorer = load_checkpoint(data / "checkpoints" / "fb15k237-complex-r500.safetensors")
    index = FactIndex.from_facts(triples, scorer.entity_count, scorer.relation_count // 2)
    return CalibratedPredictor(scorer, SoftmaxDegree(), index)


@pytest.mark.data
def test_link_prediction_on_freebase_is_as_an_independent_implementation_finds(
    freebase: CalibratedPredictor, data: Path
) -> None:
    queries, easy, hard = (
        pickle.loads((data / "FB15k-237-betae" / f"test-{name}.pkl").read_bytes())
        for name in ("queries", "easy-answers", "hard-answers")
    )
    chosen = sorted(queries[("e", ("r",))], key=repr)[:100]
    heads = torch.tensor([head for head, _ in chosen])
    rows = freebase.rows(heads, torch.tensor([relation for _, (relation,) in chosen]))
    reciprocal = []
    for query, row in zip(chosen, rows.dense(freebase.entity_count), strict=True):
        targets = row[list(hard[query])].unsqueeze(1)
        row[list(easy[query] | hard[query])] = -1
        ranks = 1 + (row > targets).sum(1) + (row == targets).sum(1) / 2
        reciprocal.append(float((1 / ranks).mean()))
    assert 100 * np.mean(reciprocal) == pytest.approx(45.44, abs=0.1)


@pytest.mark.data
@pytest.mark.parametrize("name", sorted(CALIBRATIONS))
def test_real_rows_have_the_same_bits_alone_and_in_a_batch(
    freebase: CalibratedPredictor, name: str
) -> None:
    calibrated = CalibratedPredictor(
        freebase.scorer, parse_calibration(f"{name}:cut=0.01"), freebase._observed
    )
    random = torch.Generator().manual_seed(0)
    heads = torch.randint(0, freebase.entity_count, (150,), generator=random)
    relations = torch.randint(0, freebase.relation_count, (150,), generator=random)
    batch = calibrated.rows(heads, relations)
    for start, size in ((0, 1), (77, 1), (149, 1), (40, 17), (5, 100)):
        part = calibrated.rows(heads[start : start + size], relations[start : start + size])
        span = slice(int(batch.offsets[start]), int(batch.offsets[start + size]))
        assert torch.equal(part.entities, batch.entities[span])
        assert torch.equal(part.truths, batch.truths[span])
