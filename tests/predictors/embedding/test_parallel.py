from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest
import torch

from kgreason.predictors.embedding.parallel import side_by_side

CPU = torch.device("cpu")


@pytest.fixture(autouse=True)
def two() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def test_results_come_in_the_order_of_the_items_each_made_on_one_thread() -> None:
    meet = threading.Barrier(2)  # nobody passes it alone

    def work(item: int) -> tuple[int, int]:
        meet.wait(timeout=60)
        return item, torch.get_num_threads()

    assert side_by_side(work, range(4), CPU) == [(item, 1) for item in range(4)]
    assert torch.get_num_threads() == 2


def test_an_error_comes_through_and_leaves_the_threads_as_they_were() -> None:
    def fail(item: int) -> None:
        raise ValueError(item)

    with pytest.raises(ValueError, match="0"):
        side_by_side(fail, range(3), CPU)
    assert torch.get_num_threads() == 2


def test_work_inside_of_work_is_done_in_turn() -> None:
    nested = side_by_side(lambda n: side_by_side(lambda m: 10 * n + m, range(2), CPU), (1, 2), CPU)
    assert nested == [[10, 11], [20, 21]]
