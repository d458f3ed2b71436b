"""Whether a logic keeps the laws it declares: tried on a grid before an engine takes it.

The project's own logics are proved by its tests; one of a user's own is checked here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from kgreason.errors import UsageError
from kgreason.truth.law import Law
from kgreason.truth.logic import LOGICS, Logic, Quantifier
from kgreason.truth.operations import exists
from kgreason.truth.rows import TruthRows
from kgreason.truth.vector import TruthVector

_STEPS = (0.0, 1e-30, 1e-8, 0.05, 0.1, 0.2, 0.3, 0.45, 0.5, 0.6, 0.7, 0.9, 1 - 1e-7, 1.0)
_SAME = 1e-6
"""Sides of an equation that differ by less are the same: rounding may tell them apart."""

Sides = Callable[[Logic, Tensor, Tensor, Tensor], tuple[Tensor, Tensor]]


@dataclass(frozen=True, slots=True)
class Breach:
    """A law that a logic breaks, and truths that show it."""

    law: str
    example: str

    def __str__(self) -> str:
        return f"{self.law} does not hold: {self.example}"


@dataclass(frozen=True, slots=True)
class Findings:
    """What a check found.

    wrong: laws without which answers would be wrong, the declared ones among them. unbounded: laws
    without which bounds of truths are no bounds; evaluation must then be exhaustive, and is right.
    """

    wrong: tuple[Breach, ...] = ()
    unbounded: tuple[Breach, ...] = ()

    @property
    def may_end_early(self) -> bool:
        """Whether candidates may be left out because bounds exclude them."""
        return not self.unbounded

    @property
    def notes(self) -> tuple[str, ...]:
        """What a user is told of a logic that is taken all the same."""
        return tuple(
            f"under this logic, {breach}; so every candidate is looked at, which takes longer"
            for breach in self.unbounded[:1]
        )


def check_laws(logic: Logic) -> Findings:
    """What a logic breaks of the laws it declares and of those that every logic must keep.

    Raises UsageError if it cannot be evaluated at all.
    """
    if type(logic) in LOGICS.values():
        return Findings()
    try:
        declared = frozenset(logic.laws)
        equations = {**_ALWAYS, **{law.value: _DECLARED[law] for law in Law if law in declared}}
        wrong = [*_broken(logic, _EXACT, 0.0), *_broken(logic, equations, _SAME)]
        bounded = logic.quantifier is Quantifier.MAX
        return Findings(tuple(wrong), tuple(_not_ordered(logic) if bounded else ()))
    except Exception as error:
        raise UsageError(
            f"the logic {_name(logic)} fails on truths from 0 to 1: {error}",
            remedy="conjoin, disjoin and negate take tensors of truths and return one of that kind",
        ) from error


def require_laws(logic: Logic) -> Findings:
    """The same; UsageError with a counterexample if answers would be wrong."""
    findings = check_laws(logic)
    for breach in findings.wrong[:1]:
        is_declared = breach.law in {law.value for law in Law}
        raise UsageError(
            f"under the logic {_name(logic)}, {breach}",
            remedy="do not declare this law" if is_declared else "every logic must keep this law",
        )
    return findings


def _name(logic: Logic) -> str:
    return str(getattr(logic, "name", type(logic).__name__))


def _broken(logic: Logic, claims: dict[str, Sides], slack: float) -> Iterator[Breach]:
    """Equations whose sides differ by more than the slack, or are no numbers."""
    a, b, c = _triples(torch.float64)
    for law, sides in claims.items():
        left, right = sides(logic, a, b, c)
        yield from _first(law, ~((left - right).abs() <= slack), (a, b, c), left, right)


def _not_ordered(logic: Logic) -> Iterator[Breach]:
    """Inequations that fail, be it by the last bit: a bound that is exceeded at all is none."""
    found: dict[str, Breach] = {}
    for dtype in (torch.float32, torch.float64):
        a, b, c = _triples(dtype)
        a, b = a.minimum(b), a.maximum(b)
        for law, sides in _ORDERED.items():
            left, right = sides(logic, a, b, c)
            for breach in _first(law, ~(left <= right), (a, b, c), left, right):
                found.setdefault(law, breach)
    yield from found.values()


def _first(
    law: str, fails: Tensor, truths: Iterable[Tensor], left: Tensor, right: Tensor
) -> Iterator[Breach]:
    places = fails.nonzero().flatten()
    if not places.shape[0]:
        return
    # The plainest counterexample: with the greatest difference.
    worst = places[(left - right).abs()[places].nan_to_num(torch.inf).argmax()]
    named = [f"{name} = {float(t[worst]):g}" for name, t in zip("abc", truths, strict=True)]
    used = [one for one in named if one[0] in law.replace("max", "").replace("min", "")]
    yield Breach(
        law,
        f"with {', '.join(used)} the left side is {float(left[worst]):.9g}, "
        f"the right side {float(right[worst]):.9g}",
    )


def _triples(dtype: torch.dtype) -> tuple[Tensor, Tensor, Tensor]:
    steps = torch.tensor(_STEPS, dtype=dtype)
    a, b, c = torch.cartesian_prod(steps, steps, steps).unbind(1)
    return a.contiguous(), b.contiguous(), c.contiguous()


def _some(logic: Logic, *instances: Tensor) -> Tensor:
    """∃ over as many entities as there are arguments."""
    rows = TruthRows.from_dense(torch.stack(instances, 1))
    return exists(logic, TruthVector.from_rows(rows, len(instances)))


def _within(truths: Tensor) -> tuple[Tensor, Tensor]:
    return truths, truths.clamp(0, 1)


_EXACT: dict[str, Sides] = {
    "0 ≤ a ∧ b ≤ 1": lambda g, a, b, _: _within(g.conjoin(a, b)),
    "0 ≤ a ∨ b ≤ 1": lambda g, a, b, _: _within(g.disjoin(a, b)),
    "0 ≤ ¬a ≤ 1": lambda g, a, _, __: _within(g.negate(a)),
    # Sparse vectors stand on it.
    "a ∧ 0 = 0": lambda g, a, _, __: (g.conjoin(a, 0 * a), 0 * a),
}
_ALWAYS: dict[str, Sides] = {
    "a ∧ 1 = a": lambda g, a, _, __: (g.conjoin(a, torch.ones_like(a)), a),
    "a ∨ 0 = a": lambda g, a, _, __: (g.disjoin(a, 0 * a), a),
    "a ∧ b = b ∧ a": lambda g, a, b, _: (g.conjoin(a, b), g.conjoin(b, a)),
    "a ∨ b = b ∨ a": lambda g, a, b, _: (g.disjoin(a, b), g.disjoin(b, a)),
    "a ∧ (b ∧ c) = (a ∧ b) ∧ c": lambda g, a, b, c: (
        g.conjoin(a, g.conjoin(b, c)),
        g.conjoin(g.conjoin(a, b), c),
    ),
    "a ∨ (b ∨ c) = (a ∨ b) ∨ c": lambda g, a, b, c: (
        g.disjoin(a, g.disjoin(b, c)),
        g.disjoin(g.disjoin(a, b), c),
    ),
}
_DECLARED: dict[Law, Sides] = {
    Law.INVOLUTION: lambda g, a, _, __: (g.negate(g.negate(a)), a),
    Law.DE_MORGAN: lambda g, a, b, _: (
        g.negate(g.conjoin(a, b)),
        g.disjoin(g.negate(a), g.negate(b)),
    ),
    Law.AND_OVER_OR: lambda g, a, b, c: (
        g.conjoin(a, g.disjoin(b, c)),
        g.disjoin(g.conjoin(a, b), g.conjoin(a, c)),
    ),
    Law.EXISTS_OVER_AND: lambda g, a, b, c: (
        g.conjoin(a, _some(g, b, c)),
        _some(g, g.conjoin(a, b), g.conjoin(a, c)),
    ),
    Law.EXISTS_OVER_OR: lambda g, a, b, c: (
        _some(g, g.disjoin(a, b), g.disjoin(c, a)),
        g.disjoin(_some(g, a, c), _some(g, b, a)),
    ),
    Law.VACUOUS_EXISTS: lambda g, a, _, __: (_some(g, a, a, a), a),
    Law.IDEMPOTENCE: lambda g, a, _, __: (g.conjoin(a, a), a),
}
_ORDERED: dict[str, Sides] = {
    "a ∧ b ≤ min(a, b)": lambda g, a, b, _: (g.conjoin(a, b), a),
    "a ∧ c ≤ b ∧ c for a ≤ b": lambda g, a, b, c: (g.conjoin(a, c), g.conjoin(b, c)),
    "a ∨ c ≤ b ∨ c for a ≤ b": lambda g, a, b, c: (g.disjoin(a, c), g.disjoin(b, c)),
    "¬b ≤ ¬a for a ≤ b": lambda g, a, b, _: (g.negate(b), g.negate(a)),
}
