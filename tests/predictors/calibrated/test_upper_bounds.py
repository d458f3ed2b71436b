"""Bounds without rows: they hold for every link, and are close where the sums are."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kgreason.knowledge import FactIndex
from kgreason.predictors.calibrated.calibrations import CALIBRATIONS, parse_calibration
from kgreason.predictors.calibrated.log_sums import LogSums
from kgreason.predictors.calibrated.predictor import CalibratedPredictor
from kgreason.predictors.embedding.bilinear import BilinearScorer
from kgreason.predictors.embedding.compositions import COMPLEX, DISTMULT, Composition
from kgreason.predictors.scorer import Coverage

ENTITIES, RELATIONS = 60, 3
BOUNDED = [name for name in CALIBRATIONS if parse_calibration(name).is_bounded]


def _scorer(
    composition: Composition = COMPLEX, entities: int = ENTITIES, coverage: Coverage | None = None
) -> BilinearScorer:
    random = torch.Generator().manual_seed(0)
    entity = torch.randn(entities, 8, generator=random)
    relation = torch.randn(2 * RELATIONS, 8, generator=random)
    return BilinearScorer(composition, entity, relation, coverage=coverage)


def _facts() -> FactIndex:
    random = np.random.default_rng(1)
    columns = [random.integers(0, n, 120) for n in (ENTITIES, RELATIONS, ENTITIES)]
    return FactIndex.from_facts(np.stack(columns, 1).astype(np.int32), ENTITIES, RELATIONS)


def _check(predictor: CalibratedPredictor, count: int = 5) -> None:
    """Every truth is at most its bound, and the truest link to a tail at least what is promised."""
    everyone = torch.arange(predictor.entity_count)
    for relation in range(predictor.relation_count):
        truths = predictor.rows(everyone, torch.full_like(everyone, relation)).dense(ENTITIES)
        bounds = predictor.top_heads(relation, everyone, count)
        assert bounds is not None
        most = bounds.rest.unsqueeze(1).expand(-1, ENTITIES).clone()
        most.scatter_(1, bounds.heads, bounds.most)
        assert bool((most >= truths.T).all())
        assert bool((bounds.most.diff(dim=1) <= 0).all())
        assert bool((bounds.rest <= bounds.most[:, -1]).all())
        exact = truths.T.gather(1, bounds.heads)[bounds.exact]
        assert torch.equal(exact, bounds.most[bounds.exact])


@pytest.mark.parametrize("observed_truth", [1.0, 0.4, None])
@pytest.mark.parametrize("composition", [COMPLEX, DISTMULT], ids=lambda one: one.model)
@pytest.mark.parametrize(
    "name",
    [
        *(f"{name}:cut=0.01" for name in BOUNDED),
        "softmax-degree:cut=0.01,frequency=0.7",
        "missing-tails:cut=0.01,frequency=0.7",
    ],
)
def test_no_truth_exceeds_its_bound(
    name: str, composition: Composition, observed_truth: float | None
) -> None:
    assert len(BOUNDED) >= 3
    _check(
        CalibratedPredictor(
            _scorer(composition),
            parse_calibration(name),
            _facts(),
            observed_truth=observed_truth,
        )
    )


@pytest.mark.parametrize("observed_truth", [1.0, None])
def test_what_has_no_score_is_bounded_by_its_facts(observed_truth: float | None) -> None:
    known = torch.ones(2 * RELATIONS, dtype=torch.bool)
    known[2:4] = False
    coverage = Coverage(torch.arange(5, ENTITIES), known)
    rankable = torch.ones(ENTITIES, dtype=torch.bool)
    rankable[40:45] = False
    predictor = CalibratedPredictor(
        _scorer(entities=ENTITIES - 5, coverage=coverage),
        parse_calibration("softmax-degree"),
        _facts(),
        observed_truth=observed_truth,
        rankable=rankable,
    )
    _check(predictor)
    _check(predictor, count=ENTITIES + 7)


def test_tails_may_come_in_any_parts() -> None:
    arguments = _scorer(), parse_calibration("softmax-degree"), _facts()
    everyone = torch.arange(ENTITIES)
    whole = CalibratedPredictor(*arguments).top_heads(0, everyone, 4)
    small = CalibratedPredictor(*arguments, block_bytes=8 * ENTITIES * 7)
    parts = small.top_heads(0, everyone, 4)
    assert whole is not None
    assert parts is not None
    torch.testing.assert_close(parts.most, whole.most)
    torch.testing.assert_close(parts.rest, whole.rest)


def test_without_dot_products_or_sums_heads_are_not_bounded() -> None:
    coarse = BilinearScorer(
        COMPLEX, torch.randn(ENTITIES, 8), torch.randn(2 * RELATIONS, 8), dtype=torch.bfloat16
    )
    for scorer, name in ((coarse, "softmax-degree"), (_scorer(), "min-max")):
        predictor = CalibratedPredictor(scorer, parse_calibration(name), _facts())
        assert predictor.price().head_bounds is None


def test_sums_are_bounded_from_below_and_exact_where_taken_one_by_one() -> None:
    scorer = _scorer(entities=3000)
    heads = torch.arange(3000)
    for columns in (heads, heads[:2500]):
        scores = scorer.scores(heads, torch.zeros_like(heads))[:, columns]
        exact = scores.logsumexp(1)
        sums = LogSums(scorer, columns)
        none = torch.zeros(500)
        by_groups = sums.at_least(0, heads[:0], none[:0])
        assert bool((by_groups <= exact + 1e-4).all())
        assert float((exact - by_groups).mean()) < 2.0
        truest = scores.exp().mean(0).argsort(descending=True)
        one_by_one = sums.at_least(0, truest[:500], none)
        assert bool((by_groups <= one_by_one + 1e-4).all())
        assert bool((one_by_one <= exact + 1e-4).all())


def test_a_group_of_one_has_its_own_sum() -> None:
    scorer = _scorer(entities=50)
    heads = torch.arange(50)
    exact = scorer.scores(heads, torch.ones_like(heads)).logsumexp(1)
    for count in (0, 20):
        found = LogSums(scorer, heads).at_least(1, heads[:count], torch.zeros(count))
        torch.testing.assert_close(found, exact)
