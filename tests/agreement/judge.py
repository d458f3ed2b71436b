"""The outside judge: the truth of a question by enumeration, straight from the definition.

It shares no code with the engine, only the value classes of a formula. Every variable is one axis
of a dense float64 array, every subformula an array that broadcasts over those axes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from kgreason.formula import (
    And,
    Atom,
    Constant,
    Equals,
    Exists,
    Formula,
    Not,
    Or,
    Query,
    Term,
    Variable,
)

Truth = NDArray[np.float64]
Semantics = Literal["text", "dnf"]


@dataclass(frozen=True)
class JudgeLogic:
    """∧ is `both`, ∨ its dual under 1 − a, ¬ is 1 − min(1, factor·a), ∃ is max or noisy-or."""

    name: str
    both: Callable[[Truth, Truth], Truth] = field(repr=False)
    noisy: bool = False
    factor: float = 1.0

    def refute(self, a: Truth) -> Truth:
        return np.asarray(1 - np.minimum(1.0, self.factor * a))

    def either(self, a: Truth, b: Truth) -> Truth:
        return 1 - self.both(1 - a, 1 - b)

    def some(self, a: Truth, axis: int) -> Truth:
        """∃ along one axis, which stays with size 1."""
        if self.noisy:
            return np.asarray(1 - np.prod(1 - a, axis=axis, keepdims=True))
        return np.asarray(np.max(a, axis=axis, keepdims=True))


def hamacher(p: float) -> JudgeLogic:
    """Hamacher's t-norms, p ≥ 0: 0 is Hamacher's product, 1 the product, 2 Einstein's."""

    def both(a: Truth, b: Truth) -> Truth:
        top, bottom = a * b, 1 + (p - 1) * (1 - a) * (1 - b)
        return np.divide(top, bottom, out=np.zeros_like(top), where=bottom != 0)

    return JudgeLogic(f"hamacher({p:g})", both)


def yager(p: float) -> JudgeLogic:
    """Yager's t-norms, p > 0: 1 is Łukasiewicz, large p comes close to min."""

    def both(a: Truth, b: Truth) -> Truth:
        less, more = np.maximum(a, b), np.minimum(a, b)
        ratio = np.divide(1 - less, 1 - more, out=np.zeros_like(a + b), where=more < 1)
        return np.asarray(np.maximum(0.0, 1 - (1 - more) * (1 + ratio**p) ** (1 / p)))

    return JudgeLogic(f"yager({p:g})", both)


GODEL = JudgeLogic("godel", np.minimum)
PRODUCT = JudgeLogic("product", np.multiply)
LUKASIEWICZ = JudgeLogic("lukasiewicz", lambda a, b: np.maximum(0.0, a + b - 1))
NOISY_OR = JudgeLogic("noisy-or", np.multiply, noisy=True)


def qto(factor: float) -> JudgeLogic:
    """The product, with a negation that a little truth refutes."""
    return JudgeLogic(f"qto({factor:g})", np.multiply, factor=factor)


LOGICS = (GODEL, PRODUCT, LUKASIEWICZ, hamacher(0), hamacher(2), yager(0.5), yager(2), NOISY_OR)


def evaluate(
    query: Query[int],
    truth: Truth,
    logic: JudgeLogic,
    semantics: Semantics = "text",
    assignment: Mapping[str, int] | None = None,
) -> Truth:
    """Truth of every answer tuple, shape (N,) * len(query.free).

    assignment: entities of quantified variables, by their names (each the name of one variable
    only): these are filled in instead of quantified.

    `truth` is (2R, N, N): directed relation 2k + inverse, head, tail. The two directions of one
    relation may disagree; `_Judge.reads_forward` says which of them decides an atom.
    """
    if len(set(query.free)) != len(query.free):
        raise ValueError("an answer variable is listed twice")
    numbers = itertools.count()
    names = {v: Variable(f"{v.name}#{next(numbers)}") for v in query.free}
    formula = rename_apart(query.formula, names, numbers)
    free = tuple(names.values())
    judge = _Judge(
        np.asarray(truth, np.float64),
        logic,
        next(numbers),
        distances(free, formula),
        assignment or {},
    )
    if semantics == "dnf":
        if logic.noisy:
            raise ValueError("DNF is defined for ∃ = max only")
        parts = disjuncts(formula)
        formula = Or(tuple(parts)) if len(parts) > 1 else parts[0]
    size = judge.truth.shape[1]
    value = judge.value(formula)
    full = np.broadcast_to(value, (size,) * len(free) + value.shape[len(free) :])
    return full.reshape((size,) * len(free)).copy()


def rename_apart(
    formula: Formula[int], names: Mapping[Variable, Variable], numbers: Iterator[int]
) -> Formula[int]:
    """Every quantified variable becomes `name#number`, its number unique in the question."""

    def term(value: Term[int]) -> Term[int]:
        if isinstance(value, Variable) and value not in names:
            raise ValueError(f"?{value.name} is neither quantified nor an answer variable")
        return names[value] if isinstance(value, Variable) else value

    match formula:
        case Atom(relation, head, tail, inverse):
            return Atom(relation, term(head), term(tail), inverse)
        case Equals(left, right):
            return Equals(term(left), term(right))
        case Not(body):
            return Not(rename_apart(body, names, numbers))
        case And(parts):
            return And(tuple(rename_apart(part, names, numbers) for part in parts))
        case Or(parts):
            return Or(tuple(rename_apart(part, names, numbers) for part in parts))
        case Exists(bound, body):
            own = {v: Variable(f"{v.name}#{next(numbers)}") for v in bound}
            return Exists(tuple(own.values()), rename_apart(body, {**names, **own}, numbers))


def pairs(formula: Formula[int]) -> Iterator[tuple[Term[int], Term[int]]]:
    """The two terms of every atom and equality, wherever it stands."""
    match formula:
        case Atom(_, left, right) | Equals(left, right):
            yield left, right
        case Not(body) | Exists(_, body):
            yield from pairs(body)
        case And(parts) | Or(parts):
            for part in parts:
                yield from pairs(part)


def distances(free: tuple[Variable, ...], formula: Formula[int]) -> dict[Term[int], float]:
    """Atoms on a shortest path to an answer variable; absent when there is no path."""
    links = [(a, b) for a, b in pairs(formula) if isinstance(a, Variable) & isinstance(b, Variable)]
    links += [(b, a) for a, b in links]
    distance: dict[Term[int], float] = dict.fromkeys(free, 0)
    for step in itertools.count(1):
        reached = {b for a, b in links if a in distance and b not in distance}
        if not reached:
            break
        distance.update(dict.fromkeys(reached, step))
    return distance


def disjuncts(formula: Formula[int]) -> list[Formula[int]]:
    """The formula as a disjunction, by laws of classical logic; a negated ∃ is left as it is."""
    match formula:
        case Or(parts):
            return [one for part in parts for one in disjuncts(part)]
        case And(parts):
            return [And(choice) for choice in itertools.product(*map(disjuncts, parts))]
        case Exists(bound, body):
            return [_only_used(bound, one) for one in disjuncts(body)]
        case Not(Not(body)):
            return disjuncts(body)
        case Not(And(parts)):
            return disjuncts(Or(tuple(Not(part) for part in parts)))
        case Not(Or(parts)):
            return disjuncts(And(tuple(Not(part) for part in parts)))
        case _:
            return [formula]


def _only_used(bound: tuple[Variable, ...], body: Formula[int]) -> Formula[int]:
    occurring = {term for pair in pairs(body) for term in pair}
    used = tuple(v for v in bound if v in occurring)
    return Exists(used, body) if used else body


@dataclass(frozen=True)
class _Judge:
    """Values of formulas whose variables are named `name#axis`, each the axis of its number."""

    truth: Truth
    logic: JudgeLogic
    axes: int
    distance: Mapping[Term[int], float]
    assignment: Mapping[str, int]

    def value(self, formula: Formula[int]) -> Truth:
        """An array with one axis per variable: N long where the variable matters, else 1."""
        match formula:
            case Atom():
                return self.atom(formula)
            case Equals(left, right):
                return np.asarray(self.index(left) == self.index(right), np.float64)
            case Not(body):
                return self.logic.refute(self.value(body))
            case And(parts):
                return self.fold(self.logic.both, parts)
            case Or(parts):
                return self.fold(self.logic.either, parts)
            case Exists(bound, body):
                value = self.value(body)
                for variable in bound:
                    axis = self.axis(variable)
                    # A variable the body does not mention still ranges over all entities.
                    everywhere = value + np.zeros(self.index(variable).shape)
                    name = variable.name.rsplit("#", 1)[0]
                    if name in self.assignment:
                        value = np.take(everywhere, [self.assignment[name]], axis)
                    else:
                        value = self.logic.some(everywhere, axis)
                return value

    def fold(
        self, operator: Callable[[Truth, Truth], Truth], parts: tuple[Formula[int], ...]
    ) -> Truth:
        value = self.value(parts[0])
        for part in parts[1:]:
            value = operator(value, self.value(part))
        return value

    def atom(self, atom: Atom[int]) -> Truth:
        assert isinstance(atom.relation, int)
        assert 0 <= 2 * atom.relation < len(self.truth)
        head, tail = self.index(atom.head), self.index(atom.tail)
        if self.reads_forward(atom):
            return np.asarray(self.truth[2 * atom.relation + atom.inverse, head, tail])
        return np.asarray(self.truth[2 * atom.relation + (1 - atom.inverse), tail, head])

    def reads_forward(self, atom: Atom[int]) -> bool:
        """An atom is read from the term farther from the answers; as written where equally far."""
        return self.remoteness(atom.head) >= self.remoteness(atom.tail)

    def remoteness(self, term: Term[int]) -> tuple[bool, float]:
        # Constants are farther than every variable, those out of reach included.
        return isinstance(term, Constant), self.distance.get(term, math.inf)

    def index(self, term: Term[int]) -> NDArray[np.int64]:
        """A term's entities: 0 … N−1 along the axis of a variable, one id for a constant."""
        size = self.truth.shape[1]
        if isinstance(term, Variable):
            shape = [1] * self.axes
            shape[self.axis(term)] = size
            return np.arange(size).reshape(shape)
        assert isinstance(term, Constant)
        assert 0 <= term.name < size
        return np.full([1] * self.axes, term.name)

    def axis(self, variable: Variable) -> int:
        return int(variable.name.rsplit("#", 1)[1])
