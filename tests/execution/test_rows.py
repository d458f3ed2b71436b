"""Rows are kept within a budget, hot ones longest, and counted each time they are scored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
import torch

from kgreason.errors import PredictorError
from kgreason.execution import Budget, BudgetExceeded, BudgetMeter, RowStore, budget
from kgreason.execution import rows as rows_module
from kgreason.execution.memory import ROWS, Reservation
from kgreason.execution.rows import Prefetch
from kgreason.predictors.protocol import LinkPredictor, RowPrice
from kgreason.truth.rows import TruthRows
from kgreason.truth.vector import TruthVector
from tests.agreement.table import TablePredictor

COUNT = 6
TABLE = np.random.default_rng(0).random((2, COUNT, COUNT))


class Counted:
    """A store whose requests are all charged to one meter."""

    def __init__(self, predictor: LinkPredictor, size: int) -> None:
        self.store = RowStore(
            predictor, torch.float64, torch.device("cpu"), Reservation(ROWS, size)
        )
        self.meter = BudgetMeter()

    def gather(self, heads: torch.Tensor, relations: torch.Tensor) -> TruthVector:
        return self.store.gather(heads, relations, self.meter)

    def positions(
        self, heads: torch.Tensor, relations: torch.Tensor, prefetch: Prefetch | None = None
    ) -> torch.Tensor:
        return self.store.positions(heads, relations, self.meter, prefetch)

    @property
    def rows(self) -> int:
        return self.meter.rows

    @property
    def passes(self) -> int:
        return self.meter.passes


def store(budget: int) -> tuple[Counted, TablePredictor]:
    predictor = TablePredictor(TABLE)
    return Counted(predictor, budget), predictor


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
    assert rows.store.lengths(*pairs((0, 0), (1, 1)), rows.meter).tolist() == [COUNT, COUNT]
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


def in_fours(budget: int) -> tuple[Counted, TablePredictor]:
    predictor = InFours(TABLE)
    return Counted(predictor, budget), predictor


def likely(*found: tuple[int, int]) -> Prefetch:
    heads, relations = pairs(*found)
    return lambda count: (heads[:count], relations[:count])


def test_likely_rows_are_prefetched_and_count_once_they_are_needed() -> None:
    rows, predictor = in_fours(1 << 20)
    rows.positions(*pairs((0, 0)), likely((0, 0), (5, 0), (3, 1), (3, 1), (2, 0), (4, 0)))
    assert sorted(predictor.asked) == [(0, 0), (2, 0), (3, 1), (5, 0)]
    assert (rows.rows, rows.passes) == (1, 1)
    for _ in range(2):
        check(rows.gather(*pairs((3, 1), (5, 0))), (3, 1), (5, 0))
        assert (rows.rows, rows.passes) == (3, 1)
    rows.positions(*pairs((4, 0)), likely((2, 0), (1, 0)))
    assert predictor.asked[4:] == [(1, 0), (4, 0)]
    assert (rows.rows, rows.passes) == (4, 2)


def test_nothing_is_prefetched_with_full_blocks_or_unasked() -> None:
    rows, predictor = in_fours(1 << 20)
    rows.positions(*pairs((0, 0), (1, 0), (2, 0), (3, 0)), likely((4, 0)))
    rows.positions(*pairs((5, 0)))
    assert len(predictor.asked) == rows.rows == 5


def test_what_was_prefetched_and_evicted_is_scored_again_and_counts_once() -> None:
    rows, predictor = in_fours(1)
    rows.positions(*pairs((0, 0)), likely((1, 0), (2, 0), (3, 0)))
    rows.positions(*pairs((4, 1)))
    check(rows.gather(*pairs((1, 0))), (1, 0))
    assert predictor.asked.count((1, 0)) == 2
    assert rows.rows == 3


def test_a_budget_is_charged_for_prefetched_rows_when_they_are_needed() -> None:
    rows, predictor = in_fours(1 << 20)
    rows.meter = BudgetMeter(Budget(rows=2))
    rows.positions(*pairs((0, 0)), likely((1, 0), (2, 0), (3, 0)))
    rows.positions(*pairs((1, 0)))
    with pytest.raises(BudgetExceeded):
        rows.positions(*pairs((2, 0)))
    assert (rows.rows, len(predictor.asked)) == (2, 4)


class Clock:
    """A clock that goes on by so many seconds for each pass."""

    def __init__(self, seconds: float) -> None:
        self.now, self.seconds = 0.0, seconds

    def __call__(self) -> float:
        return self.now


class Slow(InFours):
    """Its passes take the time of the clock."""

    clock: Clock

    def rows(self, heads: torch.Tensor, relations: torch.Tensor) -> TruthRows:
        self.clock.now += self.clock.seconds
        return super().rows(heads, relations)


def test_a_pass_is_no_larger_than_the_time_left_allows(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(4.0)
    for module in (rows_module, budget):
        monkeypatch.setattr(module, "monotonic", clock)
    predictor = Slow(TABLE)
    predictor.clock = clock
    rows = Counted(predictor, 1 << 20)
    rows.meter = BudgetMeter(Budget(seconds=7))
    # A block of four that is not full takes as long as a full one, and a second one fits.
    rows.positions(*pairs((0, 0)))
    assert (rows.rows, rows.passes) == (1, 1)
    with pytest.raises(BudgetExceeded):
        rows.positions(*pairs(*((head, 1) for head in range(COUNT))))
    # What was scored counts and stays; what was not does not count.
    assert (rows.rows, rows.passes, clock.now) == (5, 2, 8.0)
    rows.meter = BudgetMeter()
    rows.positions(*pairs((0, 1), (1, 1), (2, 1), (3, 1)))
    assert rows.passes == 0


def test_cancelled_work_ends_before_the_next_pass() -> None:
    rows, predictor = store(1 << 20)
    waiting = iter((False, True))
    rows.meter = BudgetMeter(Budget(cancelled=lambda: next(waiting)))
    rows.positions(*pairs((0, 0)))
    with pytest.raises(BudgetExceeded):
        rows.positions(*pairs((1, 0)))
    assert predictor.asked == [(0, 0)]


class Faulty(TablePredictor):
    """Gives rows with a fault."""

    def __init__(self, spoil: Callable[[TruthRows], TruthRows]) -> None:
        super().__init__(TABLE)
        self._spoil = spoil

    def rows(self, heads: torch.Tensor, relations: torch.Tensor) -> TruthRows:
        return self._spoil(super().rows(heads, relations))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda rows: replace(rows, truths=rows.truths * torch.nan), "truths from nan to nan"),
        (lambda rows: replace(rows, truths=rows.truths + 1), r"outside \(0, 1\]"),
        (lambda rows: replace(rows, truths=rows.truths * 0), "truths from 0 to 0"),
        (lambda rows: replace(rows, entities=rows.entities + 1), "an entity outside 0 to 5"),
        (lambda rows: replace(rows, entities=rows.entities.flip(0)), "do not ascend"),
        (lambda rows: replace(rows, offsets=rows.offsets[:1]), "0 rows for 1 pairs"),
    ],
    ids=["NaN", "above 1", "0", "unknown entity", "order", "rows missing"],
)
def test_rows_that_are_no_truths_are_refused(
    spoil: Callable[[TruthRows], TruthRows], message: str
) -> None:
    counted = Counted(Faulty(spoil), 1 << 20)
    with pytest.raises(PredictorError, match=message):
        counted.gather(*pairs((0, 0)))
