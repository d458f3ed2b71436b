"""First answers, compared up to the choice among equals."""

from __future__ import annotations

from kgreason.bench.runs.metrics import same_first


def test_only_those_as_true_as_the_last_one_may_differ() -> None:
    expected = [(3, 0.9), (5, 0.7), (1, 0.7)]
    assert same_first([(3, 0.9), (2, 0.7), (8, 0.7)], expected)
    assert not same_first([(4, 0.9), (5, 0.7), (1, 0.7)], expected)
    assert not same_first([(3, 0.9), (5, 0.7), (1, 0.6)], expected)
    assert not same_first(expected[:2], expected)
    assert same_first([], [])
