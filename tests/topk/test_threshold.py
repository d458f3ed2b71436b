"""Which threshold follows which."""

from __future__ import annotations

import pytest

from kgreason.topk import EXHAUSTIVE, INITIAL, Threshold


@pytest.mark.parametrize(
    ("threshold", "needed", "truncated", "expected"),
    [
        (INITIAL, 0.2, True, Threshold(1 / 4, 512)),
        (Threshold(1 / 4, 512), 0.2, True, Threshold(1 / 4)),
        (INITIAL, 0.2, False, Threshold(1 / 8)),
        (INITIAL, 1.0, False, Threshold(1 / 32)),
        (INITIAL, 1e-6, False, Threshold(1 / 32)),
        (INITIAL, 0.0, True, EXHAUSTIVE),
        (Threshold(1 / 1024), 0.5, False, Threshold(1 / 8192)),
        (Threshold(1e-7), 1e-9, False, EXHAUSTIVE),
    ],
)
def test_the_next_threshold(
    threshold: Threshold, needed: float, truncated: bool, expected: Threshold
) -> None:
    assert threshold.next(needed, truncated) == expected


def test_every_way_down_ends_with_all() -> None:
    for needed in (1.0, 0.03, 1e-12):
        threshold, count = INITIAL, 0
        while threshold != EXHAUSTIVE:
            following = threshold.next(needed, truncated=True)
            assert threshold < following
            threshold, count = following, count + 1
        assert count < 20


def test_shallower_ones_come_first() -> None:
    order = [INITIAL, Threshold(1 / 4, 512), Threshold(1 / 4), Threshold(1 / 8), EXHAUSTIVE]
    assert sorted((order[4], order[1], order[3], order[0], order[2])) == order
