"""Laws that hold to the last bit, for every logic at both ends of its parameter, in every dtype.

Certificates stand on these: what an upper bound is combined with never exceeds what it bounds.
"""

from __future__ import annotations

import math

import pytest
import torch
from torch import Tensor

from kgreason.errors import UsageError
from kgreason.truth import LOGICS, Hamacher, Logic, Product, Qto, Yager, resolve_logic
from kgreason.truth.operations import exists
from kgreason.truth.vector import TruthVector

DTYPES = (torch.float32, torch.float64, torch.bfloat16)
PARAMETERS = {
    "hamacher": (0.0, 1e-300, 1e-20, 0.3, 1.0 - 1e-9, 1.0, 1.5, 2.0, 1e3, 1e16, 1e30),
    "yager": (5e-324, 1e-3, 0.05, 0.5, 1.0, 1.01, 2.0, 7.3, 20.0, 1e3, 1e9, 1e16, 1e30),
    "qto": (1.0, 3.0, 6.0, 1e16, 1e30),
}
EVERY: list[Logic] = [
    logic
    for name, kind in LOGICS.items()
    for logic in ([kind(p) for p in PARAMETERS[name]] if name in PARAMETERS else [kind()])
]
CASES = [
    pytest.param(logic, dtype, id=f"{logic}-{str(dtype)[6:]}")
    for logic in EVERY
    for dtype in DTYPES
]


def grid(dtype: torch.dtype) -> Tensor:
    """Ascending truths of one dtype: both ends, subnormals, neighbours, and some in between."""
    info = torch.finfo(dtype)
    named = [0.0, math.ulp(0.0) if dtype == torch.float64 else 2.0**-133, info.tiny, 1e-30, 1e-20]
    named += [1e-13, 1e-7, 2.0**-41, 2.0**-40, info.eps, 0.1, 0.3, 1 / 3, 0.5, 0.7, 0.9, 0.99, 1.0]
    random = torch.rand(30, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    some = torch.cat([torch.tensor(named, dtype=torch.float64), random, 1 - random / 1e4]).to(dtype)
    zero, one = torch.zeros_like(some), torch.ones_like(some)
    near = [some.nextafter(zero), some, some.nextafter(one)] if dtype != torch.bfloat16 else [some]
    return torch.cat(near).unique()  # type: ignore[no-any-return]


@pytest.mark.parametrize(("logic", "dtype"), CASES)
class TestToTheLastBit:
    def test_conjunction(self, logic: Logic, dtype: torch.dtype) -> None:
        every = grid(dtype)
        a, b = every[:, None], every[None, :]
        found = logic.conjoin(a, b)
        assert found.dtype == dtype
        assert bool((found >= 0).all())
        assert bool((found <= a.minimum(b)).all())
        # Monotone in one operand, and commutative, hence in the other.
        assert bool((found[1:] >= found[:-1]).all())
        assert torch.equal(found, found.T)
        assert not bool(found[0].any())

    def test_disjunction(self, logic: Logic, dtype: torch.dtype) -> None:
        every = grid(dtype)
        a, b = every[:, None], every[None, :]
        found = logic.disjoin(a, b)
        assert found.dtype == dtype
        assert bool((found <= 1).all())
        # The dual of a product is computed from complements, which round once to an eps.
        slack = torch.finfo(dtype).eps if type(logic).disjoin is Logic.disjoin else 0.0
        assert bool((found >= a.maximum(b) - slack).all())
        assert bool((found[1:] >= found[:-1]).all())
        assert torch.equal(found, found.T)
        assert bool((found[-1] == 1).all())

    def test_negation(self, logic: Logic, dtype: torch.dtype) -> None:
        found = logic.negate(grid(dtype))
        assert bool((found[1:] <= found[:-1]).all())
        assert [float(found[0]), float(found[-1])] == [1.0, 0.0]

    def test_a_value_does_not_depend_on_its_place(self, logic: Logic, dtype: torch.dtype) -> None:
        every = grid(dtype)
        for join in (logic.conjoin, logic.disjoin):
            whole = join(every, every.flip(0))
            for i in range(0, len(every), 23):
                alone = join(every[i : i + 1], every.flip(0)[i : i + 1])
                assert torch.equal(whole[i : i + 1], alone)

    def test_units_and_associativity(self, logic: Logic, dtype: torch.dtype) -> None:
        every = grid(dtype)[::11]
        slack = 8 * max(torch.finfo(dtype).eps, 2.0**-40)
        one, zero = torch.ones_like(every), torch.zeros_like(every)
        for join, unit in ((logic.conjoin, one), (logic.disjoin, zero)):
            assert float((join(every, unit) - every).abs().max()) <= slack
            if _is_steep(logic):
                continue
            a, b, c = every[:, None, None], every[:, None], every
            apart = (join(a, join(b, c)) - join(join(a, b), c)).abs()
            assert float(apart.max()) <= slack


def _is_steep(logic: Logic) -> bool:
    """Whether T grows faster than its operands somewhere, and a rounding error with it."""
    return (isinstance(logic, Hamacher) and logic.p > 2) or (
        isinstance(logic, Yager) and logic.p < 1
    )


@pytest.mark.parametrize("dtype", DTYPES)
def test_a_great_parameter_gives_the_drastic_product_and_the_minimum(dtype: torch.dtype) -> None:
    a, b = (torch.tensor(v, dtype=dtype) for v in ([0.5, 0.9, 1.0, 0.0], [0.5, 0.25, 0.3, 0.0]))
    drastic = Hamacher(1e30).conjoin(a, b)
    torch.testing.assert_close(drastic, torch.tensor([0.0, 0.0, 0.3, 0.0]).to(dtype))
    torch.testing.assert_close(Yager(1e30).conjoin(a, b), a.minimum(b), rtol=0, atol=2.0**-40)
    torch.testing.assert_close(Yager(1e30).disjoin(a, b), a.maximum(b), rtol=0, atol=2.0**-40)
    assert Yager(5e-324).conjoin(a, b).tolist() == [0, 0, b[2].item(), 0]
    assert Yager(5e-324).disjoin(a, b).tolist() == [1, 1, 1, 0]


def test_values_by_hand() -> None:
    """Against fractions: Hamacher (p = 0, 3, 10⁶), Yager (p = 20, whose powers underflow)."""
    a, b = (torch.tensor([v], dtype=torch.float64) for v in (0.5, 0.25))
    for p, expected in ((0.0, 0.2), (3.0, 0.125 / 1.75), (1e6, 0.125 / (1 + 999_999 * 0.375))):
        assert float(Hamacher(p).conjoin(a, b)) == pytest.approx(expected, rel=1e-14)
        union = 1 - float(Hamacher(p).conjoin(1 - a, 1 - b))
        assert float(Hamacher(p).disjoin(a, b)) == pytest.approx(union, abs=1e-15)
    near = torch.tensor([1 - 1e-3], dtype=torch.float64)
    assert float(Yager(20.0).conjoin(near, near)) == pytest.approx(1 - 1e-3 * 2**0.05, abs=1e-12)
    near = near.float()
    assert float(Yager(20.0).conjoin(near, near)) == pytest.approx(1 - 1e-3 * 2**0.05, abs=1e-7)
    tiny = torch.tensor([1e-23])
    assert float(Hamacher(0.0).conjoin(tiny, tiny)) == pytest.approx(5e-24, rel=1e-6)


@pytest.mark.parametrize("kind", [Hamacher, Yager, Qto])
@pytest.mark.parametrize(
    "p", [math.nan, math.inf, -math.inf, -1e-300, -1.0, 2e30, 10**400, "2", None]
)
def test_a_parameter_out_of_range_is_refused(kind: type[Logic], p: object) -> None:
    with pytest.raises(UsageError, match="at most 1e\\+30"):
        kind(p)  # type: ignore[call-arg]


@pytest.mark.parametrize("p", [0.1 + 0.2, 1 / 3, 1e30, 3.0, 123456789.0])
def test_a_logic_is_spelled_so_that_it_is_read_again(p: float) -> None:
    assert resolve_logic(str(Hamacher(p))) == Hamacher(p)
    assert resolve_logic(str(Yager(p))) == Yager(p)


@pytest.mark.parametrize("given", [None, 3, Product, ["product"]])
def test_what_is_no_logic_is_refused(given: object) -> None:
    with pytest.raises(UsageError, match="a logic is not given by"):
        resolve_logic(given)  # type: ignore[arg-type]


def test_small_truths_count_under_a_noisy_or() -> None:
    """1 − exp(log(1 − a)) would be 0 in single precision."""
    truths = torch.tensor([3e-9, 1e-20])
    row = TruthVector(
        4, torch.zeros(1), torch.tensor([0, 2]), torch.tensor([0, 2], dtype=torch.int32), truths
    )
    assert float(exists(LOGICS["noisy-or"](), row)) == pytest.approx(3e-9, rel=1e-6)
