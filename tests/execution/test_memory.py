"""Who may hold how much, and what is said when it is not enough."""

from __future__ import annotations

import pytest

from kgreason.errors import LimitError
from kgreason.execution.memory import INTERMEDIATES, RESULTS, ROWS, UPPER_BOUNDS, MemoryPool

GIB = 1 << 30


def test_shares_of_the_ceiling() -> None:
    pool = MemoryPool(2 * GIB)
    shares = {name: pool.own(name).share for name in (ROWS, INTERMEDIATES, RESULTS, UPPER_BOUNDS)}
    assert shares == {ROWS: GIB, INTERMEDIATES: GIB, RESULTS: GIB, UPPER_BOUNDS: GIB // 16}
    assert pool.own(INTERMEDIATES).entries == GIB // 96
    assert pool.batch(1000) == GIB // 2 // 24_000
    assert MemoryPool(1).own(ROWS).share == MemoryPool(1).batch(10**9) == 1


def test_the_error_names_the_largest_holder() -> None:
    pool = MemoryPool(48_000)
    held = pool.own(RESULTS)
    pool.grow(held, 1000, "answer tuples")
    with pytest.raises(LimitError, match=r"47 KiB: results would take most of it, 23 KiB"):
        pool.grow(held, 1, "answer tuples")
    assert held.size == 24_000
    pool.reserve(ROWS).size = 40_000
    with pytest.raises(LimitError, match=r"rows would take most of it, 39 KiB"):
        pool.grow(held, 1, "answer tuples")
    # Another run has its own results.
    pool.grow(pool.own(RESULTS), 1000, "answer tuples")
