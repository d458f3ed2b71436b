"""Bounds of mixtures: no truth is above its bound, and what is exact is the truth to the bit."""

from __future__ import annotations

from random import Random

import pytest
import torch
from torch import Tensor

from kgreason.predictors import MixturePredictor
from kgreason.predictors.mixture.bounds import most_raised, pooled_bounds
from kgreason.predictors.mixture.pool import FLOOR, level, log_pool
from kgreason.predictors.protocol import HeadBounds, LinkPredictor, RowBounds, RowPrice
from kgreason.truth.rows import TruthRows

SIZE, RELATIONS = 7, 4
EVERYONE = torch.arange(SIZE)


class Bounded(LinkPredictor):
    """A table (directed relations, entities, entities) that knows some of its links beforehand.

    known: of the same shape, bool. price: of a row. Heads are bounded by up to `slack` times.
    """

    name, entity_count, relation_count = "bounded", SIZE, RELATIONS

    def __init__(
        self,
        table: Tensor,
        known: Tensor,
        scope: Tensor | None = None,
        slack: float = 1.5,
        price: RowPrice | None = None,
    ) -> None:
        self.table, self.known, self._scope, self.slack = table, known, scope, slack
        self._price = price or RowPrice(1.0, 2.0, head_bounds=0.5)

    def rows(self, heads: Tensor, relations: Tensor) -> TruthRows:
        return TruthRows.from_dense(self.table[relations, heads])

    def price(self) -> RowPrice:
        return self._price

    def scope(self, relation: int) -> Tensor | None:
        return self._scope

    def bounds(self, heads: Tensor, relations: Tensor) -> RowBounds:
        table, known = self.table[relations, heads], self.known[relations, heads]
        others = float(table.masked_fill(known, 0.0).max()) if len(heads) else 0.0
        return RowBounds(TruthRows.from_dense(table * known), others)

    def top_heads(self, relation: int, tails: Tensor, count: int) -> HeadBounds | None:
        if self._price.head_bounds is None:
            return None
        truth = self.table[relation][:, tails].T
        exact = self.known[relation][:, tails].T & (truth > 0)
        most, heads = torch.where(exact, truth, (truth * self.slack).clamp(max=1)).sort(
            1, descending=True
        )
        rest = most[:, count] if count < SIZE else torch.zeros(len(tails))
        return HeadBounds(
            heads[:, :count], most[:, :count], exact.gather(1, heads)[:, :count], rest
        )


def random_member(rng: Random, facts: Tensor, dtype: torch.dtype) -> Bounded:
    """Truths of very different sizes, many of them 0; facts are true for most members."""
    generator = torch.Generator().manual_seed(rng.randrange(10**6))
    table = torch.rand(facts.shape, generator=generator, dtype=dtype) ** rng.choice((1, 3, 9, 30))
    table = (0.999 * table).clamp(max=0.999)
    table[torch.rand(facts.shape, generator=generator) < rng.choice((0.1, 0.5, 0.9))] = 0.0
    if rng.random() < 0.3:
        table = (table * 4).round() / 4  # ties, between members too
    scope = None
    if rng.random() < 0.4:
        scope = torch.rand(SIZE, generator=generator) < 0.6
        table = table * scope * scope[:, None]
    knows = facts if rng.random() < 0.8 else facts & (table > 0.1)
    table[knows] = rng.choice((1.0, 1.0, 1.0, 0.9))
    known = knows if rng.random() < 0.8 else torch.zeros_like(facts)
    return Bounded(table, known, scope, slack=rng.choice((1.0, 1.01, 3.0)))


def random_mixture(seed: int) -> MixturePredictor:
    """Two to four members over the same facts, weights from none to all there is."""
    rng = Random(seed)
    generator = torch.Generator().manual_seed(seed)
    facts = torch.rand((RELATIONS, SIZE, SIZE), generator=generator) < 0.15
    dtype = rng.choice((torch.float32, torch.float32, torch.float64))
    members = [random_member(rng, facts, dtype) for _ in range(rng.choice((2, 2, 3, 4)))]
    weights = torch.rand((RELATIONS, len(members)), generator=generator, dtype=torch.float64) ** 4
    weights[torch.rand(weights.shape, generator=generator) < 0.25] = 0.0
    weights[weights.sum(1) == 0, 0] = 1.0
    return MixturePredictor(members, weights)


@pytest.mark.parametrize("block", range(4))
def test_no_truth_is_above_its_bound(block: int) -> None:
    exact = 0
    for seed in range(12 * block, 12 * block + 12):
        mixture = random_mixture(seed)
        for relation in range(RELATIONS):
            relations = torch.full_like(EVERYONE, relation)
            truths = mixture.rows(EVERYONE, relations).dense(SIZE)
            check_rows(mixture, truths, relations)
            exact += check_heads(mixture, truths, relation)
    assert exact > 100


def check_rows(mixture: MixturePredictor, truths: Tensor, relations: Tensor) -> None:
    """Every row by itself, and all rows at once."""
    for heads in (EVERYONE, *EVERYONE.split(1)):
        bounds = mixture.bounds(heads, relations[heads])
        known = bounds.known.dense(SIZE)
        own = truths[heads]
        assert torch.equal(own[known > 0], known[known > 0].to(own)), "exact to the bit"
        assert bounds.others <= 1
        assert bool((own[known == 0] <= bounds.others).all())


def check_heads(mixture: MixturePredictor, truths: Tensor, relation: int) -> int:
    """How many links were told exactly."""
    count = 0
    for size in (1, 3, SIZE, SIZE + 4):
        bounds = mixture.top_heads(relation, EVERYONE, size)
        assert bounds is not None
        most = bounds.rest.unsqueeze(1).repeat(1, SIZE).scatter_(1, bounds.heads, bounds.most)
        assert bool((most >= truths.T).all())
        assert bool((bounds.most.diff(dim=1) <= 0).all())
        assert bool((bounds.rest <= bounds.most[:, -1]).all())
        told = truths.T.gather(1, bounds.heads)[bounds.exact]
        assert torch.equal(told, bounds.most[bounds.exact])
        count += len(told)
    return count


def test_facts_that_all_know_leave_what_a_calibration_allows() -> None:
    """The bound of a mixture of models over the same facts is no wider than theirs."""
    facts = torch.rand((RELATIONS, SIZE, SIZE), generator=torch.Generator().manual_seed(1)) < 0.3
    tables = [torch.rand(facts.shape).clamp(max=0.99).masked_fill(facts, 1.0) for _ in range(2)]
    mixture = MixturePredictor([Bounded(one, facts) for one in tables], torch.ones(RELATIONS, 2))
    heads, relations = EVERYONE.repeat(RELATIONS), torch.arange(RELATIONS).repeat_interleave(SIZE)
    bounds = mixture.bounds(heads, relations)
    assert torch.equal(bounds.known.dense(SIZE) == 1, facts[relations, heads])
    assert bounds.others == max(one.bounds(heads, relations).others for one in mixture.members) < 1
    # What only one of them knows is not known: what the other says counts as well.
    partly = Bounded(tables[0], facts & (torch.arange(SIZE) > 0))
    found = MixturePredictor([partly, mixture.members[1]], torch.ones(RELATIONS, 2))
    bounds = found.bounds(heads, relations)
    assert not bool((bounds.known.dense(SIZE)[:, 0] > 0).any())
    assert bounds.others == 1


def test_rows_are_raised_by_no_more_than_the_greatest_ratio() -> None:
    """`level` against its bound, on rows made to be far apart: R is reached, and never passed."""
    assert most_raised(torch.tensor([1.0, 0.0])) == most_raised(torch.tensor([3.0])) == 1
    for weights in ((0.5, 0.5), (0.9, 0.1), (0.3, 0.3, 0.4), (0.98, 0.01, 0.01)):
        own = torch.tensor(weights, dtype=torch.float64)
        raised, closest = most_raised(own * 7), 0.0
        for seed in range(200):
            generator = torch.Generator().manual_seed(seed)
            truths = torch.rand((len(own), 12), generator=generator, dtype=torch.float64)
            truths = truths ** (1 + 40 * float(torch.rand(1, generator=generator)))
            truths[torch.rand(truths.shape, generator=generator) < 0.5] = 1e-9
            truths[own.argmin(), 0] = 1.0
            truths[torch.arange(len(own)) != int(own.argmin()), 0] = 1e-12
            spread = own.unsqueeze(1).expand(truths.shape)
            pooled = log_pool(spread, truths)
            found = level(spread, truths, pooled, torch.tensor([12]))
            assert bool((found <= pooled * raised * (1 + 1e-9)).all())
            one = level(spread[:, :1], truths[:, :1], pooled[:1], torch.tensor([1]))
            closest = max(closest, float(one / pooled[:1]))
        assert closest == pytest.approx(raised, rel=1e-5)


def test_a_link_that_a_member_rules_out_is_no_link() -> None:
    shares = torch.full((2, 3), 0.5, dtype=torch.float64)
    inside = torch.ones(2, 3, dtype=torch.bool)
    bounds = torch.tensor([[0.0, 0.0, 2 * FLOOR], [2 * FLOOR, 0.5, 0.0]], dtype=torch.float64)
    found = pooled_bounds(shares, inside, bounds, most_raised(torch.tensor([1.0, 1.0])))
    assert (found > 0).tolist() == [False, True, False]


def test_a_mixture_keeps_what_its_members_allow() -> None:
    facts = torch.zeros((RELATIONS, SIZE, SIZE), dtype=torch.bool)
    table = torch.full(facts.shape, 0.5)
    dear = Bounded(table, facts, price=RowPrice(9.0, 3.0, head_bounds=4.0, rows_per_pass=16))
    cheap = Bounded(table, facts, price=RowPrice(1.0, 2.0, head_bounds=0.5, rows_per_pass=3))
    both = MixturePredictor([cheap, dear], torch.ones(RELATIONS, 2))
    assert both.price() == RowPrice(10.0, 5.0, head_bounds=4.5, rows_per_pass=16)
    blind = Bounded(table, facts, price=RowPrice(1.0, 2.0))
    without = MixturePredictor([dear, blind], torch.ones(RELATIONS, 2))
    assert without.price().head_bounds is None
    assert without.top_heads(0, EVERYONE, 2) is None
