"""Bounds of mixtures: no truth is above its bound, and what is known is the truth to the bit."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest
import torch
from torch import Tensor

from kgreason import Engine, KnowledgeGraph
from kgreason.predictors import MixturePredictor, load_predictor
from kgreason.predictors.checkpoints.format import save_checkpoint
from kgreason.predictors.mixture.pool import FLOOR, level, log_pool
from kgreason.predictors.protocol import (
    LinkPredictor,
    PredictorWrapper,
    RowBounds,
    RowPrice,
    nothing_known,
)
from kgreason.truth.rows import TruthRows
from tests.predictors.toy import complex_info, weights

SIZE, RELATIONS = 7, 4
EVERYONE = torch.arange(SIZE)


class Bounded(LinkPredictor):
    """A table (directed relations, entities, entities) that knows some of its links beforehand.

    known: of the same shape, bool. price: of a row.
    """

    name, entity_count, relation_count = "bounded", SIZE, RELATIONS

    def __init__(
        self,
        table: Tensor,
        known: Tensor,
        scope: Tensor | None = None,
        price: RowPrice | None = None,
    ) -> None:
        self.table, self.known, self._scope = table, known, scope
        self._price = price or RowPrice(1.0, 2.0)

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
    return Bounded(table, known, scope)


def random_mixture(seed: int) -> MixturePredictor:
    """Two to four members over the same facts, weights from none to all there is."""
    rng = Random(seed)
    generator = torch.Generator().manual_seed(seed)
    facts = torch.rand((RELATIONS, SIZE, SIZE), generator=generator) < 0.15
    dtype = rng.choice((torch.float32, torch.float32, torch.float64))
    members = [random_member(rng, facts, dtype) for _ in range(rng.choice((2, 2, 3, 4)))]
    shares = torch.rand((RELATIONS, len(members)), generator=generator, dtype=torch.float64) ** 4
    shares[torch.rand(shares.shape, generator=generator) < 0.25] = 0.0
    shares[shares.sum(1) == 0, 0] = 1.0
    return MixturePredictor(members, shares)


@pytest.mark.parametrize("block", range(4))
def test_no_truth_is_above_its_bound(block: int) -> None:
    known = 0
    for seed in range(12 * block, 12 * block + 12):
        mixture = random_mixture(seed)
        for relation in range(RELATIONS):
            relations = torch.full_like(EVERYONE, relation)
            truths = mixture.rows(EVERYONE, relations).dense(SIZE)
            known += check_rows(mixture, truths, relations)
    assert known > 100


def check_rows(mixture: MixturePredictor, truths: Tensor, relations: Tensor) -> int:
    """Every row by itself, and all rows at once; how many links are known."""
    count = 0
    for heads in (EVERYONE, *EVERYONE.split(1)):
        bounds = mixture.bounds(heads, relations[heads])
        known = bounds.known.dense(SIZE)
        own = truths[heads]
        assert torch.equal(own[known > 0], known[known > 0].to(own)), "exact to the bit"
        assert bounds.others <= 1
        assert bool((own[known == 0] <= bounds.others).all())
        count += int((known > 0).sum())
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


@pytest.mark.parametrize("shares", [(0.5, 0.5), (0.9, 0.1), (0.3, 0.3, 0.4), (0.98, 0.01, 0.01)])
def test_how_far_a_link_is_raised(shares: tuple[float, ...]) -> None:
    """The factor of `level` reaches what its docstring says, and nothing more."""
    own = torch.tensor(shares, dtype=torch.float64)
    least = min(shares)
    factor = least / ((1 + FLOOR) ** least * FLOOR ** (1 - least) - FLOOR)
    for seed in range(50):
        generator = torch.Generator().manual_seed(seed)
        truths = torch.rand((len(own), 12), generator=generator, dtype=torch.float64)
        truths = truths ** (1 + 40 * float(torch.rand(1, generator=generator)))
        truths[torch.rand(truths.shape, generator=generator) < 0.5] = 1e-9
        spread = own.unsqueeze(1).expand(truths.shape)
        pooled = log_pool(spread, truths)
        found = level(spread, truths, pooled, torch.tensor([12]))
        assert bool((found <= pooled * factor * (1 + 1e-9)).all())
    corner = torch.full((len(own), 1), 1e-12, dtype=torch.float64)
    corner[own.argmin()] = 1.0
    pooled = log_pool(own.unsqueeze(1), corner)
    found = level(own.unsqueeze(1), corner, pooled, torch.tensor([1]))
    assert float(found / pooled) == pytest.approx(factor, rel=1e-6)


def test_a_mixture_keeps_what_its_members_allow() -> None:
    facts = torch.zeros((RELATIONS, SIZE, SIZE), dtype=torch.bool)
    table = torch.full(facts.shape, 0.5)
    dear = Bounded(table, facts, price=RowPrice(9.0, 3.0, head_bounds=4.0, rows_per_pass=16))
    cheap = Bounded(table, facts, price=RowPrice(1.0, 2.0, head_bounds=0.5, rows_per_pass=3))
    both = MixturePredictor([cheap, dear], torch.ones(RELATIONS, 2))
    assert both.price() == RowPrice(10.0, 5.0, rows_per_pass=16)
    assert both.top_heads(0, EVERYONE, 2) is None


class Silent(PredictorWrapper):
    """A mixture as it was without bounds."""

    def bounds(self, heads: Tensor, relations: Tensor) -> RowBounds:
        return nothing_known(heads)


def test_the_first_answers_beyond_a_hub_need_few_rows(tmp_path: Path) -> None:
    """A hundred people are known to the hub, thirty rows prove three cities: counted in rows."""
    people = [f"p{i}" for i in range(100)]
    triples = [("hub", "knows", person) for person in people]
    triples += [(person, "livesIn", f"city{i % 4}") for i, person in enumerate(people)]
    graph = KnowledgeGraph.from_triples(triples)
    for seed in (0, 1):
        save_checkpoint(tmp_path / f"m{seed}", complex_info(graph), weights(graph, seed=seed))
    both = load_predictor([tmp_path / "m0", tmp_path / "m1"], graph)
    question = "?y : exists x. knows(hub, x) & livesIn(x, y)"
    rows, found = {}, {}
    for name, predictor in (("bounds", both), ("silent", Silent(both))):
        answers = Engine(graph, predictor).ask(question, limit=3, witness=False)
        assert answers.work is not None
        rows[name], found[name] = answers.work.rows, [answer.truth for answer in answers]
    assert found["bounds"] == found["silent"] == [1, 1, 1]
    assert rows["bounds"] == 1 + 32
    assert rows["silent"] > 100, "a row for each of them, and of whoever may be known as well"
