from __future__ import annotations

import pytest
import torch

from kgreason.errors import UsageError
from kgreason.predictors.calibrated.calibration import Observed, cut_below
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
