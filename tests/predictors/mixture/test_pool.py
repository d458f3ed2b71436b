"""The logarithmic opinion pool: values by the formula, what stays, what is left out, the scale."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from kgreason.predictors.mixture.pool import FLOOR, level, log_pool


def numbers(*values: float) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


def random(members: int, links: int, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Weights that sum to 1, and truths of which a third are not listed."""
    generator = torch.Generator().manual_seed(seed)
    weights = torch.rand(members, links, generator=generator, dtype=torch.float64)
    truths = torch.rand(members, links, generator=generator, dtype=torch.float64) ** 4
    truths *= torch.rand(members, links, generator=generator) > 1 / 3
    return weights / weights.sum(0), truths


def test_values_are_weighted_geometric_means() -> None:
    weights, truths = random(3, 500)
    expected = ((truths + FLOOR) ** weights).prod(0) - FLOOR
    kept = (expected >= FLOOR) | (truths > 0).all(0)
    found = log_pool(weights, truths)
    assert torch.allclose(found[kept], expected[kept], rtol=1e-9)
    assert bool((found[~kept] == 0).all())
    assert bool((found <= truths.amax(0)).all())
    means = (weights * truths).sum(0)
    assert bool((found <= means + 1e-15).all()), "geometric means are below arithmetic ones"


def test_what_all_say_stays_to_the_bit() -> None:
    same = torch.rand(1000, generator=torch.Generator().manual_seed(1), dtype=torch.float64) ** 9
    same[:3] = numbers(1.0, 0.0, 1e-300)
    weights, _ = random(3, 1000)
    assert torch.equal(log_pool(weights, same.expand(3, -1)), same)


def test_a_member_alone_gives_its_own_truths() -> None:
    _, truths = random(2, 1000)
    alone = torch.stack((torch.ones(1000), torch.zeros(1000))).double()
    pooled = log_pool(alone, truths)
    assert torch.equal(pooled, truths[0])
    assert torch.equal(level(alone, truths, pooled, torch.tensor([400, 600])), truths[0])
    assert torch.equal(log_pool(torch.zeros_like(alone), truths), torch.zeros(1000).double())


def test_one_that_rules_a_link_out_outweighs_one_that_finds_it_likely() -> None:
    even = numbers(0.5, 0.5)[:, None].expand(2, 2)
    first, second = log_pool(even, torch.stack((numbers(0.9, 0.3), numbers(0.0, 0.3)))).tolist()
    assert first == pytest.approx(((0.9 + FLOOR) * FLOOR) ** 0.5 - FLOOR, rel=1e-12)
    assert first < second == 0.3


def test_faint_links_that_a_member_does_not_list_are_left_out() -> None:
    even = numbers(0.5, 0.5)[:, None].expand(2, 3)
    # The pool reaches the floor where the one truth is three floors: √(4f · f) − f = f.
    truths = torch.stack((numbers(2.9, 3.1, 2.9) * FLOOR, numbers(0, 0, 0.01) * FLOOR))
    assert (log_pool(even, truths) > 0).tolist() == [False, True, True]


def test_what_is_disagreed_on_has_the_sum_of_the_arithmetic_means() -> None:
    weights = numbers(0.7, 0.3)[:, None].expand(2, 7)
    truths = torch.stack(
        (
            numbers(0.50, 0.10, 0.30, 1.0, 0.00, 0.20, 0.20),
            numbers(0.40, 0.12, 0.30, 1.0, 0.0003, 0.25, 0.24),
        )
    )
    pooled = log_pool(weights, truths)
    lengths = torch.tensor([5, 0, 2])
    found = level(weights, truths, pooled, lengths)
    means = (weights * truths).sum(0)
    assert torch.allclose(found[:2].sum(), means[:2].sum(), rtol=1e-12)
    assert torch.allclose(found[5:].sum(), means[5:].sum(), rtol=1e-12)
    assert not torch.allclose(found[5:], means[5:], rtol=1e-4), "one factor, not the means"
    assert torch.allclose(found[0] / found[1], pooled[0] / pooled[1], rtol=1e-12)
    assert found[2:5].tolist() == [0.3, 1.0, 0.0], "agreed on, known, left out"


def test_no_link_of_a_row_exceeds_what_a_member_gives_one_of_them() -> None:
    """A member that is silent about most lowers all of a row: one factor would raise the rest."""
    weights = numbers(0.5, 0.5)[:, None].expand(2, 4)
    truths = torch.stack((numbers(0.9, 0.9, 0.9, 1.0), numbers(0.0, 0.0, 0.85, 1.0)))
    pooled = log_pool(weights, truths)
    found = level(weights, truths, pooled, torch.tensor([4]))
    means = (weights * truths).sum(0)
    assert float(means[:3].sum() / pooled[:3].sum() * pooled[2]) > 0.9
    assert found[2:].tolist() == [0.9, 1.0]
    assert bool((found[:2] > pooled[:2]).all())
    weights, truths = random(3, 600, seed=5)
    pooled = log_pool(weights, truths)
    found = level(weights, truths, pooled, torch.tensor([200] * 3))
    assert bool((found < 1).all())
    for part in torch.arange(600).split(200):
        order = pooled[part].argsort()
        assert bool((found[part][order].diff() >= 0).all()), "the order is that of the pool"


def test_rows_have_the_same_bits_alone() -> None:
    weights, truths = random(3, 60, seed=2)
    lengths = torch.tensor([0, 17, 1, 0, 29, 13])
    found = level(weights, truths, log_pool(weights, truths), lengths)
    ends = lengths.cumsum(0).tolist()
    for end, length in zip(ends, lengths.tolist(), strict=True):
        part = slice(end - length, end)
        pooled = log_pool(weights[:, part], truths[:, part])
        alone = level(weights[:, part], truths[:, part], pooled, torch.tensor([length]))
        assert torch.equal(alone, found[part])
