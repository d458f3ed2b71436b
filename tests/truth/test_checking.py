"""A logic of the user's own is taken only as far as it keeps its laws."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
import torch
from torch import Tensor

from kgreason.errors import UsageError
from kgreason.truth import Godel, Law, Logic, NoisyOr, Product, Yager
from kgreason.truth.checking import Findings, check_laws, require_laws


@dataclass(frozen=True)
class Mine(Logic):
    """Hamacher's product, written by somebody who does not know of cancellation."""

    name = "mine"
    formula = "a·b / (a + b − a·b)"

    def conjoin(self, a: Tensor, b: Tensor) -> Tensor:
        return torch.where(a * b > 0, a * b / (a + b - a * b), 0 * a * b)


class Careful(Mine):
    def conjoin(self, a: Tensor, b: Tensor) -> Tensor:
        return a.minimum(b).minimum(1 / (1 / a + (1 / b - 1))) * ((a > 0) & (b > 0))


class Mean(Product):
    """Neither associative nor 0 where one of two is 0."""

    def conjoin(self, a: Tensor, b: Tensor) -> Tensor:
        return (a + b) / 2


class Greater(Product):
    """T(a, b) exceeds min(a, b) by 1/8 in the middle, and is not associative."""

    def conjoin(self, a: Tensor, b: Tensor) -> Tensor:
        return a * b * (1 + (1 - a) * (1 - b) * 2)


class ByOneBit(Product):
    """A product that rounds upwards."""

    def conjoin(self, a: Tensor, b: Tensor) -> Tensor:
        found = a * b
        return torch.where(found > 0, found.nextafter(torch.ones_like(found)), found)


class Boastful(Product):
    @property
    def laws(self) -> frozenset[Law]:
        return frozenset(Law)


class Unready(Product):
    def disjoin(self, a: Tensor, b: Tensor) -> Tensor:
        raise RuntimeError("not today")


class Endless(Product):
    def disjoin(self, a: Tensor, b: Tensor) -> Tensor:
        return a + b


class Clipped(Yager):
    """A subclass of a logic of the project is a logic of the user's own."""

    def negate(self, a: Tensor) -> Tensor:
        return 1 - a.round()


def test_the_projects_own_are_not_tried_again() -> None:
    for logic in (Godel(), Product(), NoisyOr(), Yager(20.0)):
        assert check_laws(logic) == Findings()


@pytest.mark.parametrize("name", ["Godel", "Product", "NoisyOr", "Lukasiewicz"])
def test_a_subclass_that_changes_nothing_keeps_all_laws(name: str) -> None:
    from kgreason import truth

    kind = type("Copy", (getattr(truth, name),), {})
    assert check_laws(kind()) == Findings()


@pytest.mark.parametrize(
    ("kind", "law", "example"),
    [
        (Mean, "a ∧ 0 = 0", "with a = 1 the left side is 0.5, the right side 0"),
        (Greater, "a ∧ (b ∧ c) = (a ∧ b) ∧ c", "with a = "),
        (Boastful, "a ∧ (b ∨ c) = (a ∧ b) ∨ (a ∧ c)", "with a = 0.5, b = 1, c = 1 the left side "),
        (Endless, "0 ≤ a ∨ b ≤ 1", "with a = 1, b = 1 the left side is 2, the right side 1"),
        (Clipped, "¬¬a = a", "with a = 0.5 the left side is "),
    ],
)
def test_a_broken_law_is_refused_with_a_counterexample(
    kind: type[Logic], law: str, example: str
) -> None:
    with pytest.raises(UsageError) as caught:
        require_laws(kind())
    assert law in str(caught.value)
    assert example in str(caught.value)


def test_an_undeclared_law_may_be_broken() -> None:
    class Modest(Clipped):
        @property
        def laws(self) -> frozenset[Law]:
            return frozenset()

    assert not check_laws(Modest()).wrong


def test_more_than_the_minimum_by_one_bit_forbids_early_endings() -> None:
    findings = require_laws(ByOneBit())
    assert not findings.may_end_early
    assert "a ∧ b ≤ min(a, b) does not hold" in findings.notes[0]
    assert "every candidate is looked at" in findings.notes[0]
    assert require_laws(Careful()).may_end_early


def test_cancellation_is_found() -> None:
    assert not check_laws(Mine()).may_end_early


def test_what_cannot_be_evaluated_is_refused() -> None:
    with pytest.raises(UsageError, match="the logic product fails on truths from 0 to 1: not tod"):
        check_laws(Unready())
