"""Compressed rows: numpy and torch agree with lists of lists."""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np
import pytest
import torch

from kgreason import ragged
from kgreason.truth import ragged as tensors

ROWS = [[5, 7], [], [1, 2, 3], [9]]
"""Row i of the compressed array below."""
FLAT = [value for row in ROWS for value in row]
LENGTHS = [len(row) for row in ROWS]


def _made(module: ModuleType, values: list[int]) -> Any:
    made = np.array(values, dtype=np.int64)
    return made if module is ragged else torch.from_numpy(made)


@pytest.mark.parametrize("module", [ragged, tensors])
@pytest.mark.parametrize("lengths", [LENGTHS, [], [0], [0, 0, 4]])
def test_offsets_begin_at_0_and_end_with_the_number_of_entries(
    module: ModuleType, lengths: list[int]
) -> None:
    offsets = module.offsets_of(_made(module, lengths))
    assert offsets.tolist() == [sum(lengths[:i]) for i in range(len(lengths) + 1)]


def test_offsets_of_a_plain_list() -> None:
    assert ragged.offsets_of([]).tolist() == [0]
    assert ragged.offsets_of([2, 3]).dtype == np.int64


@pytest.mark.parametrize("module", [ragged, tensors])
def test_a_segment_is_the_row_of_an_entry(module: ModuleType) -> None:
    offsets = module.offsets_of(_made(module, LENGTHS))
    extra = () if module is ragged else (len(FLAT),)
    assert module.segments(offsets, *extra).tolist() == [0, 0, 2, 2, 2, 3]


@pytest.mark.parametrize("module", [ragged, tensors])
@pytest.mark.parametrize("rows", [[0, 1, 2, 3], [3, 2, 2, 1, 0], [1, 1], []])
def test_rows_are_taken_in_any_order_and_more_than_once(
    module: ModuleType, rows: list[int]
) -> None:
    offsets = module.offsets_of(_made(module, LENGTHS))
    new_offsets, entries = module.gather_ranges(offsets, _made(module, rows))
    found = [FLAT[entry] for entry in entries.tolist()]
    assert found == [value for row in rows for value in ROWS[row]]
    assert new_offsets.tolist() == ragged.offsets_of([LENGTHS[row] for row in rows]).tolist()


def test_ranges_may_overlap_and_be_empty() -> None:
    offsets, found = ragged.ranges(np.array([4, 0, 3]), np.array([2, 0, 3]))
    assert offsets.tolist() == [0, 2, 2, 5]
    assert found.tolist() == [4, 5, 3, 4, 5]


def test_offsets_of_several_parts_are_joined() -> None:
    parts = [tensors.offsets_of(torch.tensor(part)) for part in ([2, 0], [3], [0, 1])]
    assert tensors.joined_offsets(parts).tolist() == [0, 2, 2, 5, 5, 6]
