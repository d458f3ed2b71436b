"""Rows are kept within a budget, hot ones longest, and counted each time they are scored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from kgreason.execution import Budget, OutOfBudget, RowStore, budget, row_store
from kgreason.execution.budget import Purse
from kgreason.execution.row_store import Later
from kgreason.predictors.protocol import RowPrice
from kgreason.truth.vector import TruthVector
from tests.agreement.table import TablePredictor

COUNT = 6
TABLE = np.random.default_rng(0).random((2, COUNT, COUNT))


def store(budget: int) -> tuple[RowStore, TablePredictor]:
    predictor = TablePredictor(TABLE)
    return RowStore(predictor, torch.float64, torch.device("cpu"), budget), predictor


def pairs(*found: tuple[int, int]) -> tuple[torch.Tensor, torch.Tensor]:
    heads, relations = zip(*found, strict=True)
    return torch.tensor(heads), torch.tensor(relations)


def check(found: TruthVector, *wanted: tuple[int, int]) -> None:
    expected = np.stack([TABLE[relation, head] for head, relation in wanted])
    np.testing.assert_array_equal(found.dense(), expected)


def test_repeats_and_any_order_are_served_from_one_pass() -> None:
    rows, predictor = store(1 << 20)
    wanted = ((3, 0), (1, 1), (3, 0), (0, 0))
    check(rows.gather(*pairs(*wanted)), *wanted)
    assert (rows.rows, rows.passes) == (3, 1)
    assert sorted(predictor.asked) == [(0, 0), (1, 1), (3, 0)]


def test_only_what_is_missing_is_asked_for() -> None:
    rows, predictor = store(1 << 20)
    rows.gather(*pairs((2, 0), (4, 0)))
    more = ((4, 0), (5, 0), (2, 0))
    check(rows.gather(*pairs(*more)), *more)
    assert predictor.asked == [(2, 0), (4, 0), (5, 0)]
    assert (rows.rows, rows.passes) == (3, 2)


def test_lengths_tell_how_much_each_row_lists() -> None:
    rows, _ = store(1 << 20)
    assert rows.lengths(*pairs((0, 0), (1, 1))).tolist() == [COUNT, COUNT]
    assert rows.rows == 2


ROW_SIZE = 32 + COUNT * 12


def test_a_store_without_room_scores_again() -> None:
    rows, predictor = store(1)
    first, second = (0, 0), (1, 0)
    for wanted in (first, first, second, first):
        check(rows.gather(*pairs(wanted)), wanted)
    assert predictor.asked == [first, second, first]
    assert (rows.rows, rows.passes) == (3, 3)


def test_what_a_request_names_is_kept_for_it() -> None:
    """Beyond the budget too: the part that was held is not scored again."""
    rows, predictor = store(1)
    rows.gather(*pairs((0, 0)))
    wanted = ((0, 0), (1, 0), (2, 1))
    check(rows.gather(*pairs(*wanted)), *wanted)
    assert predictor.asked == [(0, 0), (1, 0), (2, 1)]


def test_a_working_set_within_the_budget_is_scored_once() -> None:
    every = [(head, relation) for relation in range(2) for head in range(COUNT)]
    rows, predictor = store(len(every) * ROW_SIZE)
    for _ in range(3):
        for wanted in every:
            check(rows.gather(*pairs(wanted)), wanted)
    assert predictor.asked == every


def test_hot_rows_survive_cold_ones() -> None:
    rows, predictor = store(4 * ROW_SIZE)
    hot = ((0, 0), (1, 0))
    cold = [(head, relation) for relation in range(2) for head in range(2, COUNT)]
    for one in cold:
        check(rows.gather(*pairs(*hot)), *hot)
        check(rows.gather(*pairs(one)), one)
    assert predictor.asked == [*hot, *cold]


@pytest.mark.parametrize("budget", [1, ROW_SIZE, 3 * ROW_SIZE, 5 * ROW_SIZE, 1 << 20])
def test_values_do_not_depend_on_the_budget(budget: int) -> None:
    rows, _ = store(budget)
    generator = np.random.default_rng(7)
    for _ in range(40):
        count = int(generator.integers(1, 2 * COUNT))
        wanted = [
            (int(head), int(relation))
            for head, relation in zip(
                generator.integers(0, COUNT, count), generator.integers(0, 2, count), strict=True
            )
        ]
        check(rows.gather(*pairs(*wanted)), *wanted)


def test_an_empty_request() -> None:
    rows, predictor = store(1 << 20)
    none = torch.zeros(0, dtype=torch.int64)
    assert len(rows.gather(none, none)) == 0
    assert predictor.asked == []


class InFours(TablePredictor):
    """Scores four rows as fast as one."""

    def price(self) -> RowPrice:
        return replace(super().price(), rows_per_pass=4)


def in_fours(budget: int) -> tuple[RowStore, TablePredictor]:
    predictor = InFours(TABLE)
    return RowStore(predictor, torch.float64, torch.device("cpu"), budget), predictor


def later(*found: tuple[int, int]) -> Later:
    heads, relations = pairs(*found)
    return lambda count: (heads[:count], relations[:count])


def test_likely_rows_ride_along_and_count_once_they_are_asked_for() -> None:
    rows, predictor = in_fours(1 << 20)
    rows.positions(*pairs((0, 0)), later((0, 0), (5, 0), (3, 1), (3, 1), (2, 0), (4, 0)))
    assert sorted(predictor.asked) == [(0, 0), (2, 0), (3, 1), (5, 0)]
    assert (rows.rows, rows.passes) == (1, 1)
    for _ in range(2):
        check(rows.gather(*pairs((3, 1), (5, 0))), (3, 1), (5, 0))
        assert (rows.rows, rows.passes) == (3, 1)
    rows.positions(*pairs((4, 0)), later((2, 0), (1, 0)))
    assert predictor.asked[4:] == [(1, 0), (4, 0)]
    assert (rows.rows, rows.passes) == (4, 2)


def test_nothing_rides_along_with_full_blocks_or_unasked() -> None:
    rows, predictor = in_fours(1 << 20)
    rows.positions(*pairs((0, 0), (1, 0), (2, 0), (3, 0)), later((4, 0)))
    rows.positions(*pairs((5, 0)))
    assert len(predictor.asked) == rows.rows == 5


def test_what_rode_along_and_was_let_go_is_scored_again_and_counts_once() -> None:
    rows, predictor = in_fours(1)
    rows.positions(*pairs((0, 0)), later((1, 0), (2, 0), (3, 0)))
    rows.positions(*pairs((4, 1)))
    check(rows.gather(*pairs((1, 0))), (1, 0))
    assert predictor.asked.count((1, 0)) == 2
    assert rows.rows == 3


def test_a_budget_pays_for_what_rode_along_when_it_is_asked_for() -> None:
    rows, predictor = in_fours(1 << 20)
    rows.purse = Purse(Budget(rows=2))
    rows.positions(*pairs((0, 0)), later((1, 0), (2, 0), (3, 0)))
    rows.positions(*pairs((1, 0)))
    with pytest.raises(OutOfBudget):
        rows.positions(*pairs((2, 0)))
    assert (rows.rows, len(predictor.asked)) == (2, 4)


def test_a_block_that_is_not_full_is_no_measure_of_what_a_row_takes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # The clock goes on by four seconds while rows are scored, and stands still otherwise.
    monkeypatch.setattr(row_store, "monotonic", iter((0.0, 4.0, 4.0, 8.0)).__next__)
    monkeypatch.setattr(budget, "monotonic", lambda: 0.0)
    rows, _ = in_fours(1 << 20)
    rows.purse = Purse(Budget(seconds=5))
    rows.positions(*pairs((0, 0)))
    rows.positions(*pairs((1, 0), (2, 0), (3, 0), (4, 0)))
    with pytest.raises(OutOfBudget):
        rows.positions(*pairs((0, 1), (1, 1), (2, 1), (3, 1), (4, 1)))
    assert rows.rows == 5
