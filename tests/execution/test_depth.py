"""Which depth follows which."""

from __future__ import annotations

import pytest

from kgreason.execution import ALL, FIRST, Depth


@pytest.mark.parametrize(
    ("depth", "needed", "crowded", "expected"),
    [
        (FIRST, 0.2, True, Depth(1 / 4, 512)),
        (Depth(1 / 4, 512), 0.2, True, Depth(1 / 4)),
        (FIRST, 0.2, False, Depth(1 / 8)),
        (FIRST, 1.0, False, Depth(1 / 32)),
        (FIRST, 1e-6, False, Depth(1 / 32)),
        (FIRST, 0.0, True, ALL),
        (Depth(1 / 1024), 0.5, False, Depth(1 / 8192)),
        (Depth(1e-7), 1e-9, False, ALL),
    ],
)
def test_the_depth_after(depth: Depth, needed: float, crowded: bool, expected: Depth) -> None:
    assert depth.next(needed, crowded) == expected


def test_every_way_down_ends_with_all() -> None:
    for needed in (1.0, 0.03, 1e-12):
        depth, count = FIRST, 0
        while depth != ALL:
            following = depth.next(needed, crowded=True)
            assert depth < following
            depth, count = following, count + 1
        assert count < 20


def test_shallower_ones_come_first() -> None:
    order = [FIRST, Depth(1 / 4, 512), Depth(1 / 4), Depth(1 / 8), ALL]
    assert sorted((order[4], order[1], order[3], order[0], order[2])) == order
