"""Fuzzy logics: a t-norm, its dual t-conorm, a negation and an ∃, with the laws they keep.

Nothing here imports torch: the formulas are written with the operators of whatever tensor they are
given, so that planning can ask a logic for its laws without loading it.
Families after Klement, Mesiar, Pap, "Triangular Norms" (2000), section 4.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from math import ulp
from typing import TYPE_CHECKING, ClassVar

from kgreason.choose import choose
from kgreason.errors import UsageError
from kgreason.truth.law import Law

if TYPE_CHECKING:
    from torch import Tensor


class Quantifier(Enum):
    """How ∃ gathers the truths of its instances."""

    MAX = "max"
    NOISY_OR = "noisy-or"


@dataclass(frozen=True)
class Logic(ABC):
    """A fuzzy logic over truth values in [0, 1]; operations are elementwise and broadcast."""

    name: ClassVar[str]
    formula: ClassVar[str]
    quantifier: ClassVar[Quantifier] = Quantifier.MAX

    @abstractmethod
    def conjoin(self, a: Tensor, b: Tensor) -> Tensor:
        """The t-norm T(a, b)."""

    def disjoin(self, a: Tensor, b: Tensor) -> Tensor:
        """The dual t-conorm S(a, b) = 1 − T(1 − a, 1 − b)."""
        return 1 - self.conjoin(1 - a, 1 - b)

    def negate(self, a: Tensor) -> Tensor:
        """The standard negation 1 − a, or another that falls from 1 to 0."""
        return 1 - a

    @property
    def laws(self) -> frozenset[Law]:
        """The laws this logic keeps for all truth values."""
        return _DUAL | {Law.EXISTS_OVER_AND, Law.VACUOUS_EXISTS}

    def __str__(self) -> str:
        return self.name


_DUAL = frozenset({Law.INVOLUTION, Law.DE_MORGAN})
GREATEST = 1e30
"""The greatest parameter of a logic: more does not fit every floating-point type."""
# A parameter of Hamacher's below this changes no truth by more than it.
_NEGLIGIBLE = 1e-30
_GRID = 2.0**40
# Lengths on the grid are at least 1 / _GRID, so that e^64 of them is more than 1.
_ENOUGH = 64.0


@dataclass(frozen=True)
class Godel(Logic):
    """T(a, b) = min(a, b): the only t-norm that is idempotent, hence the only distributive one."""

    name = "godel"
    formula = "min(a, b)"

    def conjoin(self, a: Tensor, b: Tensor) -> Tensor:
        return a.minimum(b)

    def disjoin(self, a: Tensor, b: Tensor) -> Tensor:
        return a.maximum(b)

    @property
    def laws(self) -> frozenset[Law]:
        return frozenset(Law)


@dataclass(frozen=True)
class Product(Logic):
    """T(a, b) = a·b, S(a, b) = a + b − a·b: independent evidence."""

    name = "product"
    formula = "a·b"

    def conjoin(self, a: Tensor, b: Tensor) -> Tensor:
        return a * b


@dataclass(frozen=True)
class NoisyOr(Product):
    """Product logic whose ∃ is 1 − Π(1 − a): every witness adds evidence, not only the best one."""

    name = "noisy-or"
    formula = "a·b, ∃ = 1 − Π(1 − a)"
    quantifier = Quantifier.NOISY_OR

    @property
    def laws(self) -> frozenset[Law]:
        # 1 − Π(1 − S(a, b)) is the same product either way.
        return _DUAL | {Law.EXISTS_OVER_OR}


@dataclass(frozen=True)
class Qto(Product):
    """Product logic with ¬a = 1 − min(1, p·a), 1 ≤ p ≤ 1e30: a little truth refutes already.

    Bai et al., ICML 2023, with p = 3 on FB15k-237 and 6 on FB15k and NELL995; p = 1 is the product.
    ∨ stays a + b − a·b, which is not its dual.
    """

    p: float = 3.0
    name = "qto"
    formula = "a·b, ¬a = 1 − min(1, p·a)"

    def __post_init__(self) -> None:
        _check_parameter("the factor of QTO's negation", self.p, 1.0, "p ≥ 1")

    def negate(self, a: Tensor) -> Tensor:
        return 1 - (self.p * a).clamp(max=1)

    @property
    def laws(self) -> frozenset[Law]:
        return super().laws if self.p == 1 else super().laws - _DUAL

    def __str__(self) -> str:
        return f"{self.name}:{_spelled(self.p)}"


@dataclass(frozen=True)
class Lukasiewicz(Logic):
    """T(a, b) = max(0, a + b − 1): bounded difference."""

    name = "lukasiewicz"
    formula = "max(0, a + b − 1)"

    def conjoin(self, a: Tensor, b: Tensor) -> Tensor:
        # The sum rounds, upwards too: 0.1 + 1 − 1 > 0.1.
        return (a + b - 1).clamp(min=0).minimum(a).minimum(b)


@dataclass(frozen=True)
class Hamacher(Logic):
    """T(a, b) = ab / (1 + (p − 1)(1 − a)(1 − b)), 0 ≤ p ≤ 1e30, T(0, 0) = 0; p = 1 is the product.

    Either way of computing it adds positive numbers only, so nothing cancels, and each operation
    is monotone in its operands, so the rounded result is monotone too.
    """

    p: float = 0.0
    name = "hamacher"
    formula = "a·b / (1 + (p − 1)(1 − a)(1 − b))"

    def __post_init__(self) -> None:
        _check_parameter("Hamacher's parameter", self.p, 0.0, "p ≥ 0")

    def conjoin(self, a: Tensor, b: Tensor) -> Tensor:
        if self.p >= 1:
            return a * b / (1 + (self.p - 1) * ((1 - a) * (1 - b)))
        # 1 / T = p / (ab) + (1 − p)(1/a + 1/b − 1), where the quotient above is not monotone.
        x, y = 1 / a.minimum(b), 1 / a.maximum(b)
        inverse = (1 - self.p) * (x + y - 1)
        if self.p > _NEGLIGIBLE:
            inverse = inverse + self.p * x * y
        return (1 / inverse).minimum(a).minimum(b)

    def disjoin(self, a: Tensor, b: Tensor) -> Tensor:
        # 1 − (1 − a) rounds to less than a.
        return super().disjoin(a, b).maximum(a).maximum(b)

    def __str__(self) -> str:
        return f"{self.name}:{_spelled(self.p)}"


@dataclass(frozen=True)
class Yager(Logic):
    """T(a, b) = max(0, 1 − ((1 − a)^p + (1 − b)^p)^(1/p)), 0 < p ≤ 1e30; p = 1 is Łukasiewicz.

    Truths are exact to 2⁻⁴⁰, and T and S are monotone to the last bit (see `_length`).
    """

    p: float = 2.0
    name = "yager"
    formula = "max(0, 1 − ((1 − a)^p + (1 − b)^p)^(1/p))"

    def __post_init__(self) -> None:
        _check_parameter("Yager's parameter", self.p, ulp(0.0), "p > 0")

    def conjoin(self, a: Tensor, b: Tensor) -> Tensor:
        # Where one of them is 1, T is the other, and need not be rounded.
        distance, is_single = self._length(1 - a.double(), 1 - b.double())
        least = a.minimum(b)
        return least.where(is_single, (1 - distance).clamp(min=0).to(least.dtype).minimum(least))

    def disjoin(self, a: Tensor, b: Tensor) -> Tensor:
        """min(1, (a^p + b^p)^(1/p))."""
        length, is_single = self._length(a.double(), b.double())
        most = a.maximum(b)
        return most.where(is_single, length.clamp(max=1).to(most.dtype).maximum(most))

    def _length(self, a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
        """(a^p + b^p)^(1/p) of truths in double precision, and where one of them is 0.

        The greater one is factored out, so that no power underflows. Logarithms and exponentials
        err by some 2⁻⁵⁰ and are not monotone below that. Truths are therefore rounded to multiples
        of 2⁻⁴⁰ first: the results for different ones then differ by more than the error.
        """
        a, b = (a * _GRID).round() / _GRID, (b * _GRID).round() / _GRID
        low, high = a.minimum(b), a.maximum(b)
        power = (self.p * (low / high.clamp(min=1 / _GRID)).log()).exp()
        growth = (power.log1p() / self.p).clamp(max=_ENOUGH).expm1()
        return high + high * growth, low == 0

    def __str__(self) -> str:
        return f"{self.name}:{_spelled(self.p)}"


def _check_parameter(what: str, value: object, least: float, condition: str) -> None:
    if not isinstance(value, int | float) or not least <= value <= GREATEST:
        raise UsageError(
            f"{what} is {str(value)[:40]}",
            remedy=f"give a number {condition}, at most {GREATEST:g}",
        )


def _spelled(value: float) -> str:
    """The shortest text that is read as the very same number."""
    short = f"{value:g}"
    return short if float(short) == value else repr(float(value))


GODEL, PRODUCT, LUKASIEWICZ, NOISY_OR = Godel(), Product(), Lukasiewicz(), NoisyOr()

LOGICS: dict[str, Callable[..., Logic]] = {
    kind.name: kind for kind in (Product, Godel, Lukasiewicz, Hamacher, Yager, NoisyOr, Qto)
}


def resolve_logic(text: str | Logic) -> Logic:
    """A logic by name, with an optional parameter: `product`, `hamacher:0.5`, `qto:6`.

    Raises UsageError for an unknown name, and for a parameter out of range.
    """
    if isinstance(text, Logic):
        return text
    if not isinstance(text, str):
        raise UsageError(
            f"a logic is not given by {text!r}",
            remedy=f"give a name ({', '.join(LOGICS)}) or an instance of a subclass of Logic",
        )
    name, colon, parameter = text.strip().lower().replace("ö", "o").replace("ł", "l").partition(":")
    kind = choose("logic", name, LOGICS)
    if not colon:
        return kind()
    try:
        return kind(float(parameter))
    except (ValueError, TypeError):
        raise UsageError(
            f"{text!r} gives {name} a parameter it cannot take",
            remedy="one number p is taken by hamacher (p ≥ 0), yager (p > 0) and qto (p ≥ 1)",
        ) from None
