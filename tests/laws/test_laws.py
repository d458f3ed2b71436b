"""Every logic is a fuzzy logic, and keeps exactly the laws it declares."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import pytest
import torch
from torch import Tensor

from kgreason.truth import LOGICS, Hamacher, Law, Logic, Yager
from kgreason.truth.operations import exists
from kgreason.truth.rows import TruthRows
from kgreason.truth.vector import TruthVector

PARAMETERS = {
    "hamacher": (0.0, 0.5, 1.0, 2.0, 10.0),
    "yager": (0.5, 1.0, 2.0, 5.0),
    "qto": (1.0, 3.0, 6.0),
}
TOLERANCE = 1e-9

EVERY = [
    logic
    for name, kind in LOGICS.items()
    for logic in ([kind(p) for p in PARAMETERS[name]] if name in PARAMETERS else [kind()])
]

UNDECLARED: dict[tuple[str, Law], str] = {}
"""Laws that hold although the logic does not declare them, each with the reason."""

Check = Callable[[Logic], tuple[Tensor, Tensor]]


def triples() -> tuple[Tensor, Tensor, Tensor]:
    """A grid over [0, 1]³ that holds 0, ½ and 1, and random points."""
    steps = torch.linspace(0, 1, 9, dtype=torch.float64)
    grid = torch.cartesian_prod(steps, steps, steps)
    random = torch.rand(500, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    a, b, c = torch.cat([grid, random]).unbind(1)
    return a, b, c


A, B, C = triples()


def some(logic: Logic, *instances: Tensor) -> Tensor:
    """∃ over as many entities as there are arguments, case by case."""
    rows = TruthRows.from_dense(torch.stack(instances, 1))
    return exists(logic, TruthVector.from_rows(rows, len(instances)))


SIDES: dict[Law, Check] = {
    Law.INVOLUTION: lambda g: (g.negate(g.negate(A)), A),
    Law.DE_MORGAN: lambda g: (
        g.negate(g.conjoin(A, B)),
        g.disjoin(g.negate(A), g.negate(B)),
    ),
    Law.AND_OVER_OR: lambda g: (
        g.conjoin(A, g.disjoin(B, C)),
        g.disjoin(g.conjoin(A, B), g.conjoin(A, C)),
    ),
    Law.EXISTS_OVER_AND: lambda g: (
        g.conjoin(A, some(g, B, C)),
        some(g, g.conjoin(A, B), g.conjoin(A, C)),
    ),
    Law.EXISTS_OVER_OR: lambda g: (
        some(g, g.disjoin(A, B), g.disjoin(C, A)),
        g.disjoin(some(g, A, C), some(g, B, A)),
    ),
    Law.VACUOUS_EXISTS: lambda g: (some(g, A, A, A), A),
    Law.IDEMPOTENCE: lambda g: (g.conjoin(A, A), A),
}


def holds(logic: Logic, law: Law) -> bool:
    left, right = SIDES[law](logic)
    return bool((left - right).abs().max() < TOLERANCE)


PAIRS = [pytest.param(logic, law, id=f"{logic}-{law.name}") for logic, law in product(EVERY, Law)]


@pytest.mark.parametrize(("logic", "law"), PAIRS)
def test_a_logic_keeps_exactly_the_laws_it_declares(logic: Logic, law: Law) -> None:
    kept, declared = holds(logic, law), law in logic.laws
    if declared:
        assert kept, f"{logic} declares a law that it breaks: {law.value}"
    elif kept:
        assert (str(logic), law) in UNDECLARED, f"{logic} keeps, yet does not declare: {law.value}"


def test_the_listed_exceptions_are_real() -> None:
    for (name, law), reason in UNDECLARED.items():
        (logic,) = (one for one in EVERY if str(one) == name)
        assert holds(logic, law), reason
        assert law not in logic.laws


@pytest.mark.parametrize("logic", EVERY, ids=str)
class TestTriangularNorm:
    def test_commutative_and_associative(self, logic: Logic) -> None:
        for join in (logic.conjoin, logic.disjoin):
            torch.testing.assert_close(join(A, B), join(B, A))
            torch.testing.assert_close(join(A, join(B, C)), join(join(A, B), C))

    def test_unit_zero_and_range(self, logic: Logic) -> None:
        one, zero = torch.ones_like(A), torch.zeros_like(A)
        torch.testing.assert_close(logic.conjoin(A, one), A)
        torch.testing.assert_close(logic.disjoin(A, zero), A)
        # Exactly 0: supports, and with them sparse vectors, rest on it.
        assert not bool(logic.conjoin(A, zero).any())
        for join in (logic.conjoin, logic.disjoin):
            assert bool(((join(A, B) >= 0) & (join(A, B) <= 1 + 1e-12)).all())

    def test_monotone(self, logic: Logic) -> None:
        low, high = torch.minimum(A, B), torch.maximum(A, B)
        for join in (logic.conjoin, logic.disjoin):
            assert bool((join(low, C) <= join(high, C) + 1e-12).all())

    def test_bounded_by_minimum_and_maximum(self, logic: Logic) -> None:
        assert bool((logic.conjoin(A, B) <= A.minimum(B) + 1e-12).all())
        assert bool((logic.disjoin(A, B) >= A.maximum(B) - 1e-12).all())

    def test_single_precision_stays_in_range(self, logic: Logic) -> None:
        a, b = A.float(), B.float()
        for join in (logic.conjoin, logic.disjoin):
            found = join(a, b)
            assert bool(((found >= 0) & (found <= 1 + 1e-6)).all())

    def test_exists_is_a_union_of_instances(self, logic: Logic) -> None:
        found = some(logic, A, B)
        assert bool((found >= A.maximum(B) - 1e-12).all())
        assert bool((found <= 1 + 1e-12).all())
        torch.testing.assert_close(some(logic, A), A)


def test_families_meet_their_special_cases() -> None:
    torch.testing.assert_close(Hamacher(1.0).conjoin(A, B), A * B)
    torch.testing.assert_close(Yager(1.0).conjoin(A, B), (A + B - 1).clamp(min=0))


def test_distribution_changes_values_where_it_is_not_declared() -> None:
    """Exact under Gödel, off by 1/16 at (½, ½, ½) under product logic."""
    half = torch.tensor([0.5], dtype=torch.float64)
    for name, before, after in (("godel", 0.5, 0.5), ("product", 0.375, 0.4375)):
        logic = LOGICS[name]()
        assert float(logic.conjoin(half, logic.disjoin(half, half))) == before
        part = logic.conjoin(half, half)
        assert float(logic.disjoin(part, part)) == after
