"""Fuzzy set operations against their formulas on dense arrays, under every logic."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kgreason.truth import Logic, operations
from kgreason.truth.operations import (
    complement,
    exists,
    exists_by_owner,
    intersect,
    scale,
    support,
    unite,
)
from tests.agreement.judge import JudgeLogic
from tests.agreement.test_engine import LOGICS
from tests.truth.test_vector import check_form
from tests.truth.vectors import Array, Case, cases, pairs, vector

quick = settings(max_examples=60, deadline=None)
logics = st.sampled_from(LOGICS)
Logics = tuple[Logic, JudgeLogic]
NOISY = LOGICS[-1]
EXACT = 1e-12


def some(judged: JudgeLogic, values: Array, axis: int) -> Array:
    """∃ along an axis that may be empty: truth 0."""
    if not values.shape[axis]:
        return np.zeros(np.delete(values.shape, axis))
    return judged.some(values, axis).squeeze(axis)


@quick
@given(pairs(), logics)
def test_intersect_and_unite(both: tuple[Case, Case], logics: Logics) -> None:
    logic, judged = logics
    a, b = both
    for found, expected in (
        (intersect(logic, a.vector, b.vector), judged.both(a.dense, b.dense)),
        (unite(logic, a.vector, b.vector), judged.either(a.dense, b.dense)),
    ):
        check_form(found)
        np.testing.assert_allclose(found.dense(), expected, atol=EXACT)


@quick
@given(cases(), logics)
def test_complement_support_and_scale(case: Case, logics: Logics) -> None:
    logic, judged = logics
    vector, dense = case.vector, case.dense
    np.testing.assert_allclose(complement(logic, vector).dense(), 1 - dense, atol=EXACT)
    np.testing.assert_array_equal(support(vector).dense(), dense > 0)
    weights = np.linspace(0, 1, len(dense))
    scaled = scale(logic.conjoin, vector, torch.from_numpy(weights))
    check_form(scaled)
    np.testing.assert_allclose(scaled.dense(), judged.both(dense, weights[:, None]), atol=EXACT)


@quick
@given(cases(), logics)
def test_exists_gathers_each_row(case: Case, logics: Logics) -> None:
    logic, judged = logics
    np.testing.assert_allclose(exists(logic, case.vector), some(judged, case.dense, 1), atol=EXACT)


@st.composite
def owned(draw: st.DrawFn) -> tuple[Case, list[int], int]:
    """A vector, the ascending owner of each row, and how many owners there are."""
    case = draw(cases())
    owners = draw(st.integers(1, 4))
    rows = len(case.dense)
    owner = sorted(draw(st.lists(st.integers(0, owners - 1), min_size=rows, max_size=rows)))
    return case, owner, owners


def check_owned(logics: Logics, case: Case, owner: list[int], owners: int) -> None:
    logic, judged = logics
    index = torch.tensor(owner, dtype=torch.int64)
    found = exists_by_owner(logic, case.vector, index, owners)
    check_form(found)
    rows = [case.dense[np.array(owner, dtype=int) == one] for one in range(owners)]
    expected = np.stack([some(judged, row, 0) for row in rows])
    np.testing.assert_allclose(found.dense(), expected, atol=EXACT)


@settings(max_examples=120, deadline=None)
@given(owned(), st.sampled_from((LOGICS[0], NOISY)))
def test_exists_by_owner_gathers_rows_entity_by_entity(
    drawn: tuple[Case, list[int], int], logics: Logics
) -> None:
    check_owned(logics, *drawn)


@pytest.mark.parametrize("logics", [LOGICS[0], NOISY], ids=["max", "noisy-or"])
def test_owners_whose_rows_fill_several_blocks(
    logics: Logics, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(operations, "_SCRATCH", 6)
    numbers = np.random.default_rng(1)
    dense = numbers.random((20, 5)) * (numbers.random((20, 5)) < 0.8)
    case = Case(vector(np.zeros(20), dense, dense > 0), dense)
    check_owned(logics, case, sorted(numbers.integers(0, 7, 20).tolist()), 7)


def test_what_no_row_supports_is_exactly_zero() -> None:
    """An entity that every row lists with truth 0, over backgrounds above 0, stays out."""
    logic, _ = NOISY
    numbers = np.random.default_rng(0)
    for rows in range(2, 8):
        background = numbers.random(rows)
        listed = np.zeros((rows, 3), dtype=bool)
        listed[:, 1] = True
        dense = np.where(listed, 0.0, background[:, None])
        owner = torch.zeros(rows, dtype=torch.int64)
        found = exists_by_owner(logic, vector(background, dense, listed), owner, 1).dense()[0]
        assert float(found[1]) == 0.0
        assert float(found[0]) == pytest.approx(1 - np.prod(1 - background))
