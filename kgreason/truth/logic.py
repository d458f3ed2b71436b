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
    """Product logic with ¬a = 1 − min(1, p·a), p ≥ 1: what is a little true refutes already.

    Bai et al., ICML 2023, with p = 3 on FB15k-237 and 6 on FB15k and NELL995; p = 1 is the product.
    ∨ stays a + b − a·b, which is not its dual.
    """

    p: float = 3.0
    name = "qto"
    formula = "a·b, ¬a = 1 − min(1, p·a)"

    def __post_init__(self) -> None:
        if not 1 <= self.p < float("inf"):
            raise UsageError(f"the factor of QTO's negation is {self.p}", remedy="give p ≥ 1")

    def negate(self, a: Tensor) -> Tensor:
        return 1 - (self.p * a).clamp(max=1)

    @property
    def laws(self) -> frozenset[Law]:
        return super().laws if self.p == 1 else super().laws - _DUAL

    def __str__(self) -> str:
        return f"{self.name}:{self.p:g}"


@dataclass(frozen=True)
class Lukasiewicz(Logic):
    """T(a, b) = max(0, a + b − 1): bounded difference."""

    name = "lukasiewicz"
    formula = "max(0, a + b − 1)"

    def conjoin(self, a: Tensor, b: Tensor) -> Tensor:
        return (a + b - 1).clamp(min=0)


@dataclass(frozen=True)
class Hamacher(Logic):
    """T(a, b) = ab / (p + (1 − p)(a + b − ab)), p ≥ 0; p = 1 is the product."""

    p: float = 0.0
    name = "hamacher"
    formula = "a·b / (p + (1 − p)(a + b − a·b))"

    def __post_init__(self) -> None:
        if not 0 <= self.p < float("inf"):
            raise UsageError(f"Hamacher's parameter is {self.p}", remedy="give a number p ≥ 0")

    def conjoin(self, a: Tensor, b: Tensor) -> Tensor:
        product = a * b
        # 0/0 at a = b = 0 under p = 0 is 0 by definition; the numerator is already 0 there.
        below = self.p + (1 - self.p) * (a + b - product)
        return product / below.clamp(min=1e-30)

    def __str__(self) -> str:
        return f"{self.name}:{self.p:g}"


@dataclass(frozen=True)
class Yager(Logic):
    """T(a, b) = max(0, 1 − ((1 − a)^p + (1 − b)^p)^(1/p)), p > 0; p = 1 is Łukasiewicz."""

    p: float = 2.0
    name = "yager"
    formula = "max(0, 1 − ((1 − a)^p + (1 − b)^p)^(1/p))"

    def __post_init__(self) -> None:
        if not 0 < self.p < float("inf"):
            raise UsageError(f"Yager's parameter is {self.p}", remedy="give a number p > 0")

    def conjoin(self, a: Tensor, b: Tensor) -> Tensor:
        distance: Tensor = ((1 - a) ** self.p + (1 - b) ** self.p) ** (1 / self.p)
        return (1 - distance).clamp(min=0)

    def __str__(self) -> str:
        return f"{self.name}:{self.p:g}"


GODEL, PRODUCT, LUKASIEWICZ, NOISY_OR = Godel(), Product(), Lukasiewicz(), NoisyOr()

LOGICS: dict[str, Callable[..., Logic]] = {
    kind.name: kind for kind in (Product, Godel, Lukasiewicz, Hamacher, Yager, NoisyOr, Qto)
}


def resolve_logic(text: str | Logic) -> Logic:
    """A logic by name, with an optional parameter: `product`, `hamacher:0.5`, `qto:6`."""
    if isinstance(text, Logic):
        return text
    name, _, parameter = text.strip().lower().replace("ö", "o").replace("ł", "l").partition(":")
    kind = choose("logic", name, LOGICS)
    if not parameter:
        return kind()
    try:
        return kind(float(parameter))
    except (ValueError, TypeError):
        raise UsageError(
            f"{text!r} gives {name} a parameter it cannot take",
            remedy="one number p is taken by hamacher (p ≥ 0), yager (p > 0) and qto (p ≥ 1)",
        ) from None
