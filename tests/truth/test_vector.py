"""Sparse exceptions over a background mean exactly the dense array they stand for."""

from __future__ import annotations

from unittest.mock import patch

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from kgreason.truth.rows import TruthRows
from kgreason.truth.vector import TruthVector, concatenate
from tests.truth.vectors import GRID, Case, cases

quick = settings(max_examples=40, deadline=None)


def check_form(vector: TruthVector) -> None:
    """What every vector promises: offsets that fit, entities ascending within a row."""
    assert vector.offsets.tolist()[0] == 0
    assert vector.offsets.tolist()[-1] == vector.entities.shape[0] == vector.truths.shape[0]
    assert vector.entities.dtype == torch.int32
    keys = vector.keys
    assert bool((keys[1:] > keys[:-1]).all())


@quick
@given(cases())
def test_dense_and_at_read_listed_and_unlisted_entities(case: Case) -> None:
    vector, dense = case.vector, case.dense
    check_form(vector)
    np.testing.assert_array_equal(vector.dense(), dense)
    np.testing.assert_array_equal(vector.at(torch.arange(dense.size)), dense.flatten())
    assert len(vector) == dense.shape[0]


@quick
@given(cases(), st.sampled_from((1, 7, 1 << 18)), st.integers(1, 3))
def test_ascending_keys_are_read_some_rows_at_a_time(case: Case, places: int, step: int) -> None:
    keys = torch.arange(0, case.dense.size, step)
    with patch("kgreason.truth.vector._AT_ONCE", places):
        found = case.vector.at(keys)
    np.testing.assert_array_equal(found, case.dense.flatten()[::step])


@quick
@given(cases())
def test_expand_lists_every_positive_truth_row_by_row(case: Case) -> None:
    row, entity, truth = (part.numpy() for part in case.vector.expand())
    rows, entities = np.nonzero(case.dense)
    np.testing.assert_array_equal(row, rows)
    np.testing.assert_array_equal(entity, entities)
    np.testing.assert_array_equal(truth, case.dense[rows, entities])


@quick
@given(cases(batch=4), st.lists(st.integers(0, 3), max_size=7))
def test_select_repeats_and_reorders_rows(case: Case, rows: list[int]) -> None:
    chosen = case.vector.select(torch.tensor(rows, dtype=torch.int64))
    check_form(chosen)
    np.testing.assert_array_equal(chosen.dense(), case.dense[rows])


@quick
@given(st.lists(cases(entity_count=3), min_size=1, max_size=4))
def test_concatenate_stacks_rows(parts: list[Case]) -> None:
    whole = concatenate([part.vector for part in parts])
    check_form(whole)
    np.testing.assert_array_equal(whole.dense(), np.concatenate([part.dense for part in parts]))


@quick
@given(cases(sparse=True))
def test_rows_of_a_predictor_are_vectors_over_zero(case: Case) -> None:
    rows = TruthRows.from_dense(torch.from_numpy(case.dense))
    vector = TruthVector.from_rows(rows, case.dense.shape[1])
    assert vector.is_sparse
    np.testing.assert_array_equal(vector.dense(), case.dense)
    np.testing.assert_array_equal(rows.dense(case.dense.shape[1]), case.dense)


def test_a_constant_lists_nothing() -> None:
    vector = TruthVector.constant(3, torch.tensor(GRID))
    check_form(vector)
    assert vector.entities.shape[0] == 0
    assert not vector.is_sparse
    np.testing.assert_array_equal(vector.dense(), np.array(GRID, np.float32)[:, None].repeat(3, 1))


def test_an_empty_batch_is_a_vector() -> None:
    vector = TruthVector.constant(3, torch.zeros(0))
    check_form(vector)
    assert vector.is_sparse
    assert vector.dense().shape == (0, 3)
    assert [part.shape[0] for part in vector.expand()] == [0, 0, 0]
