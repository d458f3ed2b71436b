from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import pytest
import torch

from kgreason.errors import UsageError
from kgreason.predictors.calibrated.calibration import (
    Calibration,
    Observed,
    Pointwise,
    RowStatistics,
    cut_below,
    parameter,
)
from kgreason.predictors.calibrated.calibrations import (
    CALIBRATIONS,
    MassNormalised,
    MinMax,
    MissingTails,
    Sigmoid,
    SoftmaxDegree,
    parse_calibration,
)

NEG = -torch.inf
SCORES = torch.tensor([[2.0, 1.0, 0.0, -9.0], [0.0, 0.0, 0.0, 0.0], [1.0, 3.0, NEG, NEG]])


def observed(pairs: list[tuple[int, int]], rows: int = 3) -> Observed:
    row = torch.tensor([r for r, _ in pairs], dtype=torch.int64)
    column = torch.tensor([c for _, c in pairs], dtype=torch.int64)
    counts = torch.bincount(row, minlength=rows)
    return Observed(counts, counts, row, column)


def test_softmax_degree_multiplies_by_the_known_tails() -> None:
    truths = SoftmaxDegree(cut=0.01).truths(SCORES.clone(), observed([(0, 0), (0, 1), (1, 3)]))
    plain = torch.softmax(SCORES, 1)
    assert truths[0, 1] == pytest.approx(2 * float(plain[0, 1]))
    assert truths[0, 0] == pytest.approx(0.999)  # 2 · 0.665 is clamped
    assert truths[0, 3] == 0  # beneath the cut
    assert truths[1].tolist() == [0.25] * 4
    assert truths[2, 2:].tolist() == [0, 0]


def test_missing_tails_share_what_the_known_ones_leave() -> None:
    truths = MissingTails(cut=0.0).truths(SCORES.clone(), observed([(0, 0), (0, 1), (2, 1)]))
    plain = torch.softmax(SCORES, 1)
    left = 1 - float(plain[0, 0] + plain[0, 1])
    assert truths[0, 2] == pytest.approx(min(0.999, 2 * float(plain[0, 2]) / left))
    assert truths[0, 3] == pytest.approx(2 * float(plain[0, 3]) / left, rel=1e-4)
    assert truths[1].tolist() == [0.25] * 4
    assert truths[2, 0] == pytest.approx(0.999)  # all that is left, clamped


def test_mass_gives_known_tails_their_number() -> None:
    known = observed([(0, 0), (0, 2), (2, 0)])
    truths = MassNormalised(cut=0.0, epsilon=1e-6).truths(SCORES.clone(), known)
    plain = torch.softmax(SCORES, 1)
    factor = 2 / float(plain[0, 0] + plain[0, 2])
    assert truths[0, 1] == pytest.approx(factor * float(plain[0, 1]))
    assert truths[0, 0] == pytest.approx(1 - 1e-6)
    assert truths[1].tolist() == [0.25] * 4
    assert truths[2, 0] == pytest.approx(1 - 1e-6)


def test_the_mass_cut_drops_its_own_value() -> None:
    truths = MassNormalised(cut=0.25).truths(SCORES.clone(), observed([]))
    assert truths[1].tolist() == [0] * 4


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("cut", [0.25, 0.1, 1 / 3])
def test_the_other_cuts_keep_their_own_value(dtype: torch.dtype, cut: float) -> None:
    own = torch.tensor(cut, dtype=dtype)
    around = torch.stack([own, torch.nextafter(own, own - 1), torch.nextafter(own, own + 1)])
    truths = cut_below(around.clone()[None], cut)[0]
    assert truths.tolist() == [around[0].item(), 0.0, around[2].item()]


def test_sigmoid_and_its_cut() -> None:
    truths = Sigmoid(cut=0.6).truths(SCORES.clone(), observed([]))
    assert truths[0, 0] == pytest.approx(float(torch.sigmoid(torch.tensor(2.0))))
    assert truths[1].tolist() == [0] * 4
    assert truths[2, 2] == 0


def test_min_max_spans_the_row_and_ignores_masked_entities() -> None:
    truths = MinMax(ceiling=0.9).truths(SCORES.clone(), observed([]))
    assert truths[0, 0] == pytest.approx(0.9)
    assert truths[0, 3] == 0
    assert truths[1].tolist() == [0] * 4
    assert truths[2].tolist() == pytest.approx([0, 0.9, 0, 0])


@pytest.mark.parametrize("name", sorted(CALIBRATIONS))
def test_rows_without_any_candidate_are_empty(name: str) -> None:
    truths = parse_calibration(name).truths(torch.full((3, 4), NEG), observed([]))
    assert truths.tolist() == [[0] * 4] * 3


@pytest.mark.parametrize("name", sorted(CALIBRATIONS))
def test_the_name_reads_back(name: str) -> None:
    value = parse_calibration(f"{name}:cut=0.125")
    assert parse_calibration(value.name) == value
    assert parse_calibration(value) is value


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("softmaxdegree", "nearest: softmax-degree"),
        ("mass:delta=0.1", "'delta' of calibration mass is unknown"),
        ("mass:cut=x", "is not a number"),
        ("sigmoid:cut=0.1,cut=0.2", "given twice"),
        ("sigmoid:cut=1", "outside"),
        ("min-max:ceiling=0", "outside"),
        ("min-max:cut=nan", "outside"),
    ],
)
def test_bad_text_is_refused(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        parse_calibration(text)
    assert caught.value.remedy


def statistics(scores: torch.Tensor, known: Observed, loss: float = 0.0) -> RowStatistics:
    """Exact statistics, the sum over all tails lowered by `loss`."""
    mask = torch.zeros_like(scores, dtype=torch.bool)
    mask[known.rows, known.columns] = True
    sums = (part.double().logsumexp(1) for part in (scores.masked_fill(~mask, NEG), scores))
    of_known, whole = sums
    return RowStatistics(known.degrees, known.lengths, of_known, whole - loss)


def random_block(seed: int) -> tuple[torch.Tensor, Observed]:
    """Forty rows of thirty scores of very different spread; some tails hidden, some rows bare."""
    random = torch.Generator().manual_seed(seed)
    spread = 10 ** (3 * torch.rand(40, 1, generator=random) - 1)
    scores = torch.randn(40, 30, generator=random) * spread
    scores[torch.rand(scores.shape, generator=random) < 0.1] = NEG
    row, column = torch.nonzero(torch.rand(scores.shape, generator=random) < 0.1, as_tuple=True)
    kept = row >= 5
    row, column = row[kept], column[kept]
    lengths = torch.bincount(row, minlength=40)
    return scores, Observed(lengths + (torch.arange(40) % 3), lengths, row, column)


@dataclass(frozen=True)
class Cubic(Pointwise):
    """A calibration as somebody may add it: one formula."""

    label: ClassVar[str] = "cubic"
    cut: float = parameter(0.1)

    def truth_of(self, scores: torch.Tensor) -> torch.Tensor:
        return ((scores / 10).clamp(-1, 1) ** 3 + 0.9) / 2


EVERY = [*(f"{name}:cut={cut}" for name in sorted(CALIBRATIONS) for cut in (0, 0.01)), Cubic()]


@pytest.mark.parametrize("made", EVERY, ids=str)
@pytest.mark.parametrize("seed", range(3))
def test_bounds_and_pruning_agree_with_the_truths(made: str | Calibration, seed: int) -> None:
    calibration = parse_calibration(made)
    scores, known = random_block(seed)
    truths = calibration.truths(scores.clone(), known)
    assert float(truths.max()) <= torch.tensor(calibration.highest).item()
    assert not bool(truths.isnan().any())
    if calibration.is_bounded:
        precise = calibration.truths(scores.double(), known)
        exact = calibration.upper_bounds(scores.double(), statistics(scores, known))
        # Beside the cut, rounding decides.
        beside = torch.maximum(exact, precise) < calibration.cut * (1 + 1e-9)
        assert float((exact - precise).abs()[~beside].max()) < 1e-9
        for loss in (0.1, 3.0, 50.0):
            loose = calibration.upper_bounds(scores + 1e-3, statistics(scores, known, loss))
            assert bool((loose >= truths - 1e-12).all())
    rows = statistics(scores, known)
    for part in (10, 20, 30):
        so_far = scores[:, :part].double().logsumexp(1)
        least = calibration.min_score(rows.degrees, rows.lengths, so_far)
        margin = 1e-3 * least.abs().clamp(min=1)
        assert bool((truths[scores < (least - margin).unsqueeze(1)] == 0).all())
        assert calibration.is_prunable or bool(least.isneginf().all())
    prunable = calibration.cut > 0 and calibration.label not in ("mass", "min-max")
    assert calibration.is_prunable == prunable


def test_a_calibration_of_each_score_is_one_formula() -> None:
    assert Cubic().name == "cubic:cut=0.1"
    assert Cubic().highest == pytest.approx(0.95)
    least = Cubic(cut=0.45).min_score(*(torch.zeros(1, dtype=torch.float64) for _ in range(3)))
    assert float(least) == pytest.approx(0, abs=1e-4), "the formula is 0.45 at 0"
    logit = parse_calibration("sigmoid:cut=0.9").min_score(least, least, least)
    assert float(logit) == pytest.approx(math.log(9))
    with pytest.raises(UsageError, match="cut = 1 is outside"):
        Cubic(cut=1)
