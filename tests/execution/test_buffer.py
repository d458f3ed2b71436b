"""Rows in one buffer: what is kept when some are let go, and that it is what was put in."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from kgreason.execution import buffer
from kgreason.execution.buffer import RowBuffer
from kgreason.truth.rows import TruthRows

ROW, ENTRY = 32, 12
WIDTH = 50


def row(key: int) -> torch.Tensor:
    """A row of `key % 7` entries that only this key has."""
    dense = torch.zeros(WIDTH, dtype=torch.float64)
    dense[: key % 7] = (key + 1) / 1000
    return dense


def rows(keys: list[int]) -> TruthRows:
    return TruthRows.from_dense(torch.stack([row(key) for key in keys]))


def held(*passes: list[int]) -> RowBuffer:
    found = RowBuffer(torch.float64, torch.device("cpu"))
    for keys in passes:
        found.append(torch.tensor(keys), rows(keys), 1 << 20)
        found.touch(found.find(torch.tensor(keys)))
    return found


def check(found: RowBuffer, keys: list[int]) -> None:
    wanted = torch.tensor(keys)
    positions = found.find(wanted)
    assert bool((positions >= 0).all())
    found.touch(positions)
    taken = found.take(positions).dense(WIDTH)
    assert torch.equal(taken, torch.stack([row(key) for key in keys]))


NOTHING = torch.zeros(0, dtype=torch.int64)


def test_rows_of_several_passes_come_back_in_any_order() -> None:
    found = held([3, 9, 20], [1, 10], [0, 2, 30])
    check(found, [30, 1, 9, 9, 0, 20, 10, 3, 2])
    assert (found.find(torch.tensor([4, 9, 31])) >= 0).tolist() == [False, True, False]
    assert found.size == len(found) * ROW + found.entries * ENTRY


def test_the_least_recently_used_go_first() -> None:
    found = held([1, 2, 3], [4, 5], [8, 9])
    check(found, [2, 1])
    size = 2 * ROW + (1 + 2) * ENTRY + 2 * ROW + (8 % 7 + 9 % 7) * ENTRY
    found.evict(size, NOTHING)
    assert (found.find(torch.tensor([1, 2, 3, 4, 5, 8, 9])) >= 0).tolist() == [
        *(True, True, False, False, False, True, True)
    ]
    check(found, [9, 1, 8, 2])
    assert found.size == size


def test_what_is_needed_stays_whatever_the_limit() -> None:
    found = held([1, 2, 3], [4, 5])
    found.evict(0, torch.tensor([3, 1, 77]))
    assert len(found) == 2
    check(found, [3, 1])


@pytest.mark.parametrize("step", [1, 3, 1000])
def test_moving_part_by_part_keeps_every_row(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    monkeypatch.setattr(buffer, "_MOVED_AT_ONCE", step)
    generator = np.random.default_rng(step)
    keys = generator.permutation(200)
    found = held(*(sorted(part.tolist()) for part in np.array_split(keys, 9)))
    survivors = generator.permutation(keys)[:80].tolist()
    check(found, survivors)
    found.evict(0, torch.tensor(survivors))
    assert len(found) == len(survivors)
    check(found, survivors)
    found.append(torch.tensor([500, 600]), rows([500, 600]), 1 << 20)
    check(found, [600, *survivors, 500])


def test_room_is_given_back() -> None:
    found = held(list(range(100)))
    found.evict(100, NOTHING)
    assert found._entities.shape[0] == found.entries
