"""Fuzzy set operations against their formulas on dense arrays, under every logic."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kgreason.truth import Logic
from kgreason.truth.operations import (
    complement,
    exists,
    intersect,
    scale,
    support,
    unite,
)
from tests.agreement.judge import JudgeLogic
from tests.agreement.test_engine import LOGICS
from tests.truth.test_vector import check_form
from tests.truth.vectors import Case, cases, pairs, some

quick = settings(max_examples=60, deadline=None)
logics = st.sampled_from(LOGICS)
Logics = tuple[Logic, JudgeLogic]
EXACT = 1e-12


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
