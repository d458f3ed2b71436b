"""∃ over rows that share a segment, against dense arrays."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kgreason.truth import Logic, Quantifier, segments
from kgreason.truth.rows import TruthRows
from kgreason.truth.segments import exists_by_segment, exists_over_rows
from kgreason.truth.vector import TruthVector
from tests.agreement.judge import JudgeLogic
from tests.agreement.test_engine import LOGICS
from tests.truth.test_vector import check_form
from tests.truth.vectors import Case, cases, some, vector

Logics = tuple[Logic, JudgeLogic]
NOISY = LOGICS[-1]
EXACT = 1e-12


@st.composite
def owned(draw: st.DrawFn) -> tuple[Case, list[int], int]:
    """A vector, the ascending segment of each row, and how many segments there are."""
    case = draw(cases())
    count = draw(st.integers(1, 4))
    rows = len(case.dense)
    segment = sorted(draw(st.lists(st.integers(0, count - 1), min_size=rows, max_size=rows)))
    return case, segment, count


def check_segments(logics: Logics, case: Case, segment: list[int], count: int) -> None:
    logic, judged = logics
    index = torch.tensor(segment, dtype=torch.int64)
    found = exists_by_segment(logic, case.vector, index, count)
    check_form(found)
    rows = [case.dense[np.array(segment, dtype=int) == one] for one in range(count)]
    expected = np.stack([some(judged, row, 0) for row in rows])
    np.testing.assert_allclose(found.dense(), expected, atol=EXACT)


@settings(max_examples=120, deadline=None)
@given(owned(), st.sampled_from((LOGICS[0], NOISY)))
def test_exists_by_segment_gathers_rows_entity_by_entity(
    drawn: tuple[Case, list[int], int], logics: Logics
) -> None:
    check_segments(logics, *drawn)


@pytest.mark.parametrize("logics", [LOGICS[0], NOISY], ids=["max", "noisy-or"])
def test_owners_whose_rows_fill_several_blocks(
    logics: Logics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "_SCRATCH", 6)
    numbers = np.random.default_rng(1)
    dense = numbers.random((20, 5)) * (numbers.random((20, 5)) < 0.8)
    case = Case(vector(np.zeros(20), dense, dense > 0), dense)
    check_segments(logics, case, sorted(numbers.integers(0, 7, 20).tolist()), 7)


def test_what_no_row_supports_is_exactly_zero() -> None:
    """An entity that every row lists with truth 0, over backgrounds above 0, stays out."""
    logic, _ = NOISY
    numbers = np.random.default_rng(0)
    for rows in range(2, 8):
        background = numbers.random(rows)
        listed = np.zeros((rows, 3), dtype=bool)
        listed[:, 1] = True
        dense = np.where(listed, 0.0, background[:, None])
        segment = torch.zeros(rows, dtype=torch.int64)
        found = exists_by_segment(logic, vector(background, dense, listed), segment, 1).dense()[0]
        assert float(found[1]) == 0.0
        assert float(found[0]) == pytest.approx(1 - np.prod(1 - background))


@pytest.mark.parametrize("logics", LOGICS, ids=[logics[0].name for logics in LOGICS])
@pytest.mark.parametrize(
    ("scratch", "sparse", "at_once"),
    [(1 << 20, 0, 1 << 18), (15, 1000, 1 << 18), (15, 1000, 7), (1 << 20, 1000, 1)],
    ids=["sorted", "blocks of three segments", "in small parts", "row by row"],
)
def test_chosen_rows_gather_as_their_scaled_copies_do(
    logics: Logics, scratch: int, sparse: int, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Under max bit for bit: rows side by side, apart, repeated, empty, and segments of none."""
    monkeypatch.setattr(segments, "_SCRATCH", scratch)
    monkeypatch.setattr(segments, "DENSE", sparse)
    monkeypatch.setattr(segments, "_AT_ONCE", at_once)
    numbers = np.random.default_rng(3)
    logic, judged = logics
    dense = torch.from_numpy(numbers.random((9, 5)) * (numbers.random((9, 5)) < 0.6)).float()
    rows = TruthRows.from_dense(dense)
    chosen = torch.tensor([0, 1, 2, 3, 8, 4, 4, 7, 5, 6, 0])
    segment = torch.tensor([0, 0, 0, 0, 2, 2, 2, 2, 2, 4, 4])
    truths = torch.from_numpy(numbers.random(11)).float()
    like = TruthVector.constant(5, torch.zeros(6))
    found = exists_over_rows(logic, rows, chosen, truths, segment, like)
    check_form(found)
    scaled = logic.conjoin(dense[chosen], truths[:, None]).numpy()
    expected = np.stack([some(judged, scaled[segment.numpy() == one], 0) for one in range(6)])
    exact = logic.quantifier is Quantifier.MAX
    np.testing.assert_allclose(found.dense(), expected, rtol=0, atol=0 if exact else 1e-6)


@pytest.mark.parametrize("span", [0.0, 1000.0], ids=["gathered", "gone through"])
@pytest.mark.parametrize("several", [False, True])
def test_rows_in_between_add_nothing(
    several: bool, span: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(segments, "DENSE", 1000)
    monkeypatch.setattr(segments, "_SPAN", span)
    logic, judged = LOGICS[0]
    dense = torch.from_numpy(np.random.default_rng(4).random((9, 5)))
    chosen, truths = torch.tensor([1, 2, 5, 8]), torch.tensor([0.9, 0.2, 0.5, 0.7])
    segment = torch.tensor([0, 0, 1, 1]) if several else torch.zeros(4, dtype=torch.int64)
    like = TruthVector.constant(5, torch.zeros(2 if several else 1, dtype=torch.float64))
    rows = TruthRows.from_dense(dense)
    found = exists_over_rows(logic, rows, chosen, truths.double(), segment, like)
    scaled = logic.conjoin(dense[chosen], truths.double()[:, None]).numpy()
    expected = [some(judged, scaled[segment.numpy() == one], 0) for one in range(len(like))]
    np.testing.assert_array_equal(found.dense(), np.stack(expected))
