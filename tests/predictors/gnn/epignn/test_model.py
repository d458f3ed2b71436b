from __future__ import annotations

import pytest
import torch

from kgreason.errors import UsageError
from kgreason.predictors.gnn.epignn.model import Design, EpiGNN, compose, logarithms


def model(design: Design | None = None, relations: int = 5, seed: int = 0) -> EpiGNN:
    random = torch.Generator().manual_seed(seed)
    return EpiGNN(design or Design(24, 4), relations, random).double()


def states(design: Design, count: int, seed: int = 1) -> torch.Tensor:
    random = torch.Generator().manual_seed(seed)
    shape = (count, design.facets, design.facet)
    return torch.softmax(3 * torch.randn(shape, generator=random, dtype=torch.float64), -1)


@pytest.mark.parametrize(
    ("dimension", "relations", "count"), [(32, 8, 544), (64, 13, 3968), (64, 20, 4416)]
)
def test_parameters_are_as_many_as_published(dimension: int, relations: int, count: int) -> None:
    assert EpiGNN(Design(dimension, 8), relations).parameter_count == count


def test_a_scaled_design_has_one_more_number_per_relation() -> None:
    net = EpiGNN(Design(32, 8, scaled=True), 8)
    assert net.parameter_count == 544 + 8
    assert bool((net.factors() == 1).all())


def test_composition_keeps_probability_vectors() -> None:
    net = model()
    left, right = states(net.design, 7), states(net.design, 7, seed=2)
    both = compose(left, right, net.table())
    assert bool((both >= 0).all())
    torch.testing.assert_close(both.sum(-1), torch.ones_like(both[..., 0]))


def test_the_identity_is_neutral_on_both_sides() -> None:
    net = model()
    relations, identity = net.relations(), torch.zeros(5, 4, 6, dtype=torch.float64)
    identity[..., 0] = 1
    table = net.table()
    torch.testing.assert_close(compose(identity, relations, table), relations, rtol=0, atol=1e-15)
    torch.testing.assert_close(compose(relations, identity, table), relations, rtol=0, atol=1e-15)


def test_matrices_are_composition_with_a_relation() -> None:
    net = model()
    given, table = states(net.design, 3), net.table()
    for relation, vector in enumerate(net.relations()):
        ahead = given.flatten(1) @ net.forward_matrices()[relation]
        torch.testing.assert_close(ahead.view_as(given), compose(given, vector[None], table))
        back = given.flatten(1) @ net.backward_matrices()[relation]
        torch.testing.assert_close(back.view_as(given), compose(vector[None], given, table))


def test_logarithms_are_finite() -> None:
    assert bool(logarithms(torch.tensor([0.0, 1.0])).isfinite().all())


@pytest.mark.parametrize(
    ("dimension", "facets", "pooling"),
    [(30, 8, "min"), (8, 8, "min"), (32, 0, "min"), (32, 8, "median")],
)
def test_impossible_designs_are_refused(dimension: int, facets: int, pooling: str) -> None:
    with pytest.raises(UsageError) as caught:
        Design(dimension, facets, pooling)  # type: ignore[arg-type]
    assert caught.value.remedy
