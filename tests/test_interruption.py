"""Long computations end from inside, and only for those who asked for it."""

from __future__ import annotations

import pytest

from kgreason.interruption import go_on, interruptible


class EndedError(Exception):
    """What a check raises."""


def ends() -> None:
    raise EndedError


def test_a_check_counts_inside_its_block_alone() -> None:
    go_on()
    with pytest.raises(EndedError), interruptible(ends):
        go_on()
    go_on()
    calls: list[int] = []
    with interruptible(lambda: calls.append(1)):
        with pytest.raises(EndedError), interruptible(ends):
            go_on()
        go_on()
    assert calls == [1]
