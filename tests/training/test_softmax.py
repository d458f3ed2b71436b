from __future__ import annotations

import pytest
import torch
from torch.nn.functional import cross_entropy

from kgreason.training import softmax
from kgreason.training.softmax import PairBatch, softmax_loss


def batch_of(tails: list[list[int]]) -> PairBatch:
    counts = torch.tensor([len(some) for some in tails])
    return PairBatch(
        heads=torch.zeros(len(tails), dtype=torch.int64),
        relations=torch.zeros(len(tails), dtype=torch.int64),
        counts=counts,
        rows=torch.arange(len(tails)).repeat_interleave(counts),
        tails=torch.tensor([tail for some in tails for tail in some]),
    )


@pytest.fixture(params=[2, 2**22])
def slices(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """All pairs at once, and two at a time."""
    monkeypatch.setattr(softmax, "_CELLS", request.param)
    monkeypatch.setattr(softmax, "_FEWEST", 2)


@pytest.mark.usefixtures("slices")
@pytest.mark.parametrize("tails", [[[0]], [[1, 3], [2], [0, 1, 4], [4], [3, 0]]])
def test_a_row_per_pair_is_the_cross_entropy_of_single_facts(tails: list[list[int]]) -> None:
    generator = torch.Generator().manual_seed(3)
    queries = torch.randn(len(tails), 6, generator=generator).requires_grad_()
    entity = torch.randn(5, 6, generator=generator).requires_grad_()
    batch = batch_of(tails)
    single = cross_entropy((queries @ entity.T)[batch.rows], batch.tails, reduction="sum")
    single.backward()
    found = softmax_loss(queries.detach(), entity.detach(), batch)
    assert found.value.item() == pytest.approx(single.item(), rel=1e-6)
    torch.testing.assert_close(found.queries, queries.grad)
    torch.testing.assert_close(found.entity, entity.grad)


def test_scores_that_overflow_an_exponential_are_no_trouble() -> None:
    entity = torch.tensor([[500.0], [-500.0]])
    found = softmax_loss(torch.ones(1, 1), entity, batch_of([[1]]))
    assert found.value.item() == 1000
    assert found.entity.tolist() == [[1.0], [-1.0]]


def test_bfloat16_rounds_products_only() -> None:
    generator = torch.Generator().manual_seed(3)
    queries, entity = (torch.randn(count, 8, generator=generator) for count in (3, 9))
    batch = batch_of([[1, 8], [2], [0, 4, 5]])
    exact = softmax_loss(queries, entity, batch)
    rough = softmax_loss(queries, entity, batch, torch.bfloat16)
    assert rough.entity.dtype == rough.queries.dtype == torch.float32
    assert rough.value.item() == pytest.approx(exact.value.item(), rel=0.02)
    torch.testing.assert_close(rough.entity, exact.entity, rtol=0.05, atol=0.05)
    torch.testing.assert_close(rough.queries, exact.queries, rtol=0.05, atol=0.05)
