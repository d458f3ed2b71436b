"""Horn rules whose body is a path: `bornIn(a,b) & cityIn(b,c) => nationality(a,c)`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

Combine = Literal["noisy-or", "max"]
Weight = Literal["pca", "confidence"]
COMBINES: tuple[Combine, ...] = ("noisy-or", "max")
WEIGHTS: tuple[Weight, ...] = ("pca", "confidence")


@dataclass(frozen=True, slots=True)
class Figures:
    """How a rule holds on known facts.

    support: pairs of body and head. confidence: their share of the body's pairs, pca: of the pairs
    that the partial-completeness assumption counts; both in [0, 1].
    """

    support: int
    confidence: float
    pca: float


@dataclass(frozen=True, slots=True)
class Rule:
    """body[0](a, b) & body[1](b, c) & … => head(a, z), in directed relation ids."""

    body: tuple[int, ...]
    head: int
    figures: Figures | None = None

    def reversed(self) -> Rule:
        """The same rule read from its last variable to its first."""
        return Rule(tuple(r ^ 1 for r in self.body[::-1]), self.head ^ 1, self.figures)

    def forwards(self) -> Rule:
        """The same rule with a base relation as its head."""
        return self.reversed() if self.head % 2 else self


@dataclass(frozen=True, slots=True)
class RuleSet:
    """Rules, and how they make a truth.

    combine: the t-conorm over the rules that reach an entity. weight: which of a rule's figures is
    the truth of what it concludes.
    """

    rules: tuple[Rule, ...]
    combine: Combine = "noisy-or"
    weight: Weight = "confidence"

    def __len__(self) -> int:
        return len(self.rules)


def is_circular(body: Sequence[int], head: int) -> bool:
    """Whether a body says what it concludes: the head alone, or on the way of a longer path.

    A body of two links may hold the head's relation, as in transitivity; in a longer one the other
    links can lead back to where they began.
    """
    if len(body) == 2:
        return False
    return head in body or (len(body) > 2 and head ^ 1 in body)
