"""Rows made in stripes are those made at once; what they hold does not depend on their company."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from torch import Tensor

from kgreason.errors import PredictorError
from kgreason.predictors.calibrated import streaming
from kgreason.predictors.calibrated.calibrations import CALIBRATIONS, parse_calibration
from kgreason.predictors.calibrated.predictor import CalibratedPredictor
from kgreason.predictors.calibrated.streaming import Streaming
from kgreason.predictors.embedding import bilinear
from kgreason.predictors.embedding.bilinear import BilinearScorer
from kgreason.predictors.embedding.compositions import COMPLEX
from kgreason.predictors.scorer import Coverage
from kgreason.truth.rows import TruthRows
from tests.predictors.toy import every_pair, toy_graph, weights

GRAPH = toy_graph()
HEADS, RELATIONS = every_pair(GRAPH)


@pytest.fixture
def striped(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight entities are many: the toy graph has four stripes, the last a short one."""
    monkeypatch.setattr(bilinear, "_MANY", 8)
    monkeypatch.setattr(bilinear, "_STRIPE", 8)


@pytest.fixture(params=[1, 2])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    assert torch.get_num_threads() == request.param
    torch.set_num_threads(before)


def _predictor(
    text: str,
    truth: float | None = 1.0,
    dtype: torch.dtype = torch.float32,
    part: bool = False,
    hidden: bool = False,
) -> CalibratedPredictor:
    tensors, coverage = weights(GRAPH), None
    if part:
        ids = torch.arange(0, GRAPH.entity_count, 2)
        coverage = Coverage(ids, torch.tensor([True] * 4 + [False] * 2))
        tensors["entity"] = tensors["entity"][ids]
    scorer = BilinearScorer(COMPLEX, *tensors.values(), dtype=dtype, coverage=coverage)
    rankable = None
    if hidden:
        rankable = torch.arange(GRAPH.entity_count) % 3 > 0
        rankable[8:16] = False  # a whole stripe
    return CalibratedPredictor(
        scorer, parse_calibration(text), GRAPH.index(), observed_truth=truth, rankable=rankable
    )


def _assert_close(left: TruthRows, right: TruthRows, tolerance: float = 1e-5) -> None:
    assert torch.equal(left.offsets, right.offsets)
    assert torch.equal(left.entities, right.entities)
    assert left.truths.dtype == right.truths.dtype
    torch.testing.assert_close(left.truths, right.truths, rtol=tolerance, atol=0)


SETTINGS: list[dict[str, object]] = [
    {},
    {"truth": None},
    {"truth": 0.5, "part": True},
    {"truth": None, "part": True},
    {"truth": None, "hidden": True},
    {"hidden": True, "part": True},
    {"dtype": torch.float64, "truth": None},
    {"dtype": torch.bfloat16},
]
TEXTS = [
    *("softmax-degree:cut=0.011", "softmax-degree:cut=0.011,frequency=0.5"),
    *("missing-tails:cut=0.011", "missing-tails:cut=0.011,frequency=0.5"),
    *("sigmoid:cut=0.31", "mass:cut=0.011", "min-max:cut=0.31", "softmax-degree:cut=0"),
]


@pytest.mark.parametrize("settings", SETTINGS, ids=str)
@pytest.mark.parametrize("text", TEXTS)
def test_rows_in_stripes_are_those_made_at_once(
    text: str, settings: dict[str, object], request: pytest.FixtureRequest
) -> None:
    whole = _predictor(text, **settings)  # type: ignore[arg-type]
    request.getfixturevalue("striped")
    stripes = _predictor(text, **settings)  # type: ignore[arg-type]
    assert whole._streaming is None
    assert isinstance(stripes._streaming, Streaming) == stripes.calibration.is_prunable
    _assert_close(stripes.rows(HEADS, RELATIONS), whole.rows(HEADS, RELATIONS))


@pytest.mark.usefixtures("striped")
@pytest.mark.parametrize("text", TEXTS)
def test_a_row_in_stripes_has_the_same_bits_in_any_company(text: str, threads: int) -> None:
    predictor = _predictor(text, truth=None, hidden=True)
    rows = predictor.rows(HEADS, RELATIONS)
    for first, last in ((0, 1), (3, 20), (5, 70), (40, 41)):
        part = predictor.rows(HEADS[first:last], RELATIONS[first:last])
        span = slice(int(rows.offsets[first]), int(rows.offsets[last]))
        assert torch.equal(part.entities, rows.entities[span])
        assert torch.equal(part.truths, rows.truths[span])


@pytest.mark.usefixtures("striped")
def test_few_scores_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept on the way is what lies above the cut of the sum so far, and little more."""
    kept: list[int] = []

    def count(scores: Tensor, least: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        found = sift(scores, least)
        kept.append(found[0].shape[0])
        return found

    sift = streaming._kept
    monkeypatch.setattr(streaming, "_kept", count)
    predictor = _predictor("softmax-degree:cut=0.3", truth=None)
    rows = predictor.rows(HEADS[:16], RELATIONS[:16])
    assert len(kept) == 4
    assert len(rows.entities) <= sum(kept) < 16 * GRAPH.entity_count // 4


@pytest.mark.usefixtures("striped", "threads")
def test_a_score_that_is_no_number_names_its_row() -> None:
    predictor = _predictor("softmax-degree")
    predictor.scorer.embeddings[20, 0] = torch.inf  # type: ignore[attr-defined]
    with pytest.raises(PredictorError, match="head 5 under directed relation 2"):
        predictor.rows(torch.tensor([5]), torch.tensor([2]))


@pytest.mark.parametrize("name", sorted(CALIBRATIONS))
def test_what_a_score_has_to_reach_does_not_fall_with_the_sum(name: str) -> None:
    calibration = parse_calibration(f"{name}:cut=0.02")
    assert calibration.is_prunable == (name not in ("mass", "min-max"))
    degrees, some, more = torch.tensor([0, 3]), torch.tensor([1.0, 2.0]), torch.tensor([1.5, 9.0])
    least, later = (calibration.min_score(degrees, degrees, sums) for sums in (some, more))
    assert bool((least <= later).all())


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_an_accelerator_makes_the_same_rows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bilinear, "_MANY", 8)
    monkeypatch.setattr(bilinear, "_WIDE_STRIPE", 8)
    text = "missing-tails:cut=0.011,frequency=0.5"
    calibration, tensors = parse_calibration(text), weights(GRAPH)
    found = []
    for device in ("cpu", "cuda"):
        scorer = BilinearScorer(COMPLEX, *tensors.values(), dtype=torch.float64, device=device)
        predictor = CalibratedPredictor(scorer, calibration, GRAPH.index(), observed_truth=None)
        rows = predictor.rows(HEADS.to(device), RELATIONS.to(device))
        assert rows.truths.device.type == device
        found.append(TruthRows(rows.offsets.cpu(), rows.entities.cpu(), rows.truths.cpu()))
    _assert_close(found[1], found[0])
