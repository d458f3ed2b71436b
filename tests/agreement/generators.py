"""Random questions and truth tables for the agreement of the engine with its judge.

One generator serves both a seeded `random.Random` and hypothesis (which shrinks through its own
`Random`). Names and shapes are drawn so that the rare cases of a formula are frequent here.
"""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import Literal

import numpy as np
from hypothesis import strategies as st
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

Scope = tuple[Variable, ...]
TableKind = Literal["dense", "sparse", "crisp"]
TABLE_KINDS: tuple[TableKind, ...] = ("dense", "sparse", "crisp")

ANSWERS = ("y", "z", "v")
INNER = ("x", "u", "w", "t", "s", "p")


@dataclass(frozen=True)
class Features:
    """What a random question may hold. `constants` is their share among terms, None: any."""

    inner: int = 4
    parts: int = 3
    depth: int = 2
    negation: bool = True
    groups: bool = True
    disjunction: bool = True
    equality: bool = True
    constants: float | None = None
    shadowing: bool = False


EVERYTHING = Features()
CONJUNCTIVE = Features(negation=False, disjunction=False, groups=False)
EFO1 = Features(groups=False, equality=False)


def random_query(
    rng: Random,
    entity_count: int,
    relation_count: int,
    free_count: int = 1,
    features: Features = EVERYTHING,
) -> Query[int]:
    """A safe question with ids below the counts, at most `features.inner` ∃ variables in all."""
    writer = _Writer(rng, entity_count, relation_count, features)
    free = tuple(Variable(name) for name in ANSWERS[:free_count])
    if features.disjunction and rng.random() < 0.1:
        return Query(free, writer.alternatives(free, free, features.depth - 1))
    return Query(free, writer.block(free, free, features.depth))


class _Writer:
    def __init__(self, rng: Random, entities: int, relations: int, features: Features) -> None:
        self.rng = rng
        self.entities = entities
        self.relations = relations
        self.features = features
        self.left = features.inner
        share = features.constants
        self.constants = rng.choice((0.0, 0.25, 0.5)) if share is None else share

    def block(self, scope: Scope, binds: Scope, depth: int) -> Formula[int]:
        """∃ own. ∧ parts, where every variable of `binds` stands in a positive part."""
        top = depth == self.features.depth
        count = self.rng.choice((0, 1, 1, 2, 2, 3, 4) if top else (0, 1, 1, 2))
        own = self.fresh(scope, binds, count)
        inside = tuple(v for v in scope if v not in own) + own
        # A variable seldom goes without a positive atom of its own: then ∃ is over everything.
        parts = [self.binder(v, inside, depth) for v in binds]
        parts += [self.atom(inside, v) for v in own if self.rng.random() < 0.85]
        if not parts:
            parts.append(self.atom(inside) if self.rng.random() < 0.7 else self.part(inside, depth))
        most = self.rng.randint(0, self.features.parts) if top else 1
        for _ in range(self.rng.randint(0, most)):
            parts.append(self.part(inside, depth))
        if self.rng.random() < 0.15:
            parts.append(self.again(self.rng.choice(parts)))
        self.rng.shuffle(parts)
        return quantified(own, all_of(parts))

    def fresh(self, scope: Scope, binds: Scope, count: int) -> Scope:
        """Names not in scope; sibling groups often draw the same ones."""
        taken = binds if self.features.shadowing and self.rng.random() < 0.5 else scope
        names = [n for n in INNER + ANSWERS if n not in {v.name for v in taken}]
        if taken is scope:
            names = [n for n in names if n in INNER]
        count = min(count, self.left, len(names))
        self.left -= count
        return tuple(Variable(n) for n in self.rng.sample(names, count))

    def binder(self, variable: Variable, scope: Scope, depth: int) -> Formula[int]:
        draw = self.rng.random()
        if draw < 0.15 and depth > 0 and self.features.disjunction:
            return self.alternatives(scope, (variable,), depth - 1)
        if draw < 0.2 and self.constants and self.features.equality:
            return Equals(variable, self.constant())
        return self.atom(scope, variable)

    def alternatives(self, scope: Scope, binds: Scope, depth: int) -> Formula[int]:
        """∨ of blocks that draw their variables independently, from all those in scope."""
        return any_of([self.block(scope, binds, depth) for _ in range(self.rng.choice((2, 2, 3)))])

    def part(self, scope: Scope, depth: int) -> Formula[int]:
        """A conjunct that need not bind anything."""
        features = self.features
        kinds = ["atom"] * 4
        kinds += ["negated"] * 3 * features.negation
        kinds += ["equality"] * features.equality
        if depth > 0:
            kinds += ["alternatives"] * 2 * features.disjunction
            kinds += ["block"] * features.groups
            kinds += ["negated block"] * 3 * (features.groups and features.negation)
        match self.rng.choice(kinds):
            case "negated":
                return Not(self.atom(scope))
            case "equality":
                return self.equality(scope)
            case "alternatives":
                return self.alternatives(self.some(scope), (), depth - 1)
            case "block":
                return self.block(self.some(scope), (), depth - 1)
            case "negated block":
                return Not(self.block(self.some(scope), (), depth - 1))
            case _:
                return self.atom(scope)

    def atom(self, scope: Scope, about: Variable | None = None) -> Atom[int]:
        head = about or self.term(scope)
        others = tuple(v for v in scope if v != head)
        tail = self.term(others)
        if self.rng.random() < 0.05:
            tail = head
        elif isinstance(head, Constant) and others and self.rng.random() < 0.9:
            tail = self.rng.choice(others)
        if self.rng.random() < 0.5:
            head, tail = tail, head
        inverse = self.rng.random() < 0.3
        return Atom(self.rng.randrange(self.relations), head, tail, inverse)

    def equality(self, scope: Scope) -> Formula[int]:
        equal: Formula[int] = Equals(self.term(scope), self.term(scope))
        return Not(equal) if self.features.negation and self.rng.random() < 0.6 else equal

    def again(self, part: Formula[int]) -> Formula[int]:
        """Another link between the same two terms, or the very same part once more."""
        if not isinstance(part, Atom) or self.rng.random() < 0.2:
            return part
        relation, inverse = self.rng.randrange(self.relations), self.rng.random() < 0.5
        if self.rng.random() < 0.5:
            return Atom(relation, part.head, part.tail, inverse)
        return Atom(relation, part.tail, part.head, inverse)

    def some(self, scope: Scope) -> Scope:
        return tuple(v for v in scope if self.rng.random() < 0.7)

    def term(self, scope: Scope) -> Term[int]:
        if not scope or self.rng.random() < self.constants:
            return self.constant()
        return self.rng.choice(scope)

    def constant(self) -> Constant[int]:
        return Constant(self.rng.randrange(self.entities))


def all_of(parts: list[Formula[int]]) -> Formula[int]:
    """∧, flat; a single part is itself."""
    flat = [one for part in parts for one in (part.parts if isinstance(part, And) else (part,))]
    return flat[0] if len(flat) == 1 else And(tuple(flat))


def any_of(parts: list[Formula[int]]) -> Formula[int]:
    """∨, flat; a single part is itself."""
    flat = [one for part in parts for one in (part.parts if isinstance(part, Or) else (part,))]
    return flat[0] if len(flat) == 1 else Or(tuple(flat))


def quantified(own: Scope, body: Formula[int]) -> Formula[int]:
    """∃ over those of `own` that the body mentions."""
    own = tuple(v for v in own if v in free_variables(body))
    if own and isinstance(body, Exists) and not set(own) & set(body.variables):
        return Exists(own + body.variables, body.body)
    return Exists(own, body) if own else body


def free_variables(formula: Formula[int]) -> set[Variable]:
    match formula:
        case Atom(_, left, right) | Equals(left, right):
            return {term for term in (left, right) if isinstance(term, Variable)}
        case Not(body):
            return free_variables(body)
        case Exists(bound, body):
            return free_variables(body) - set(bound)
        case And(parts) | Or(parts):
            return set().union(*map(free_variables, parts))


def is_safe(query: Query[int]) -> bool:
    """Every answer variable is bound by a positive part, in every alternative that must bind it."""
    return set(query.free) <= _binds(query.formula)


def _binds(formula: Formula[int]) -> set[Variable]:
    match formula:
        case Atom():
            return free_variables(formula)
        case Equals(Variable() as variable, Constant()) | Equals(
            Constant(), Variable() as variable
        ):
            return {variable}
        case And(parts):
            return set().union(*map(_binds, parts))
        case Or(parts):
            return set.intersection(*map(_binds, parts))
        case Exists(bound, body):
            return _binds(body) - set(bound)
        case _:
            return set()


def random_table(
    rng: Random, entity_count: int, relation_count: int, kind: TableKind = "sparse"
) -> NDArray[np.float64]:
    """Truths (2R, N, N): dense; sparse (70 to 90 % zero, every fifth entry 1); or a fact set."""
    numbers = np.random.default_rng(rng.getrandbits(32))
    shape = (2 * relation_count, entity_count, entity_count)
    table = numbers.random(shape)
    if kind == "dense":
        return table
    if kind == "crisp":
        forward = (table[::2] < rng.uniform(0.2, 0.6)).astype(np.float64)
        return np.stack([forward, forward.transpose(0, 2, 1)], axis=1).reshape(shape)
    table[numbers.random(shape) < 0.2] = 1.0
    table[numbers.random(shape) < rng.uniform(0.7, 0.9)] = 0.0
    return table


@st.composite
def queries(
    draw: st.DrawFn,
    entity_count: int = 4,
    relation_count: int = 3,
    free_count: int | None = None,
    features: Features = EVERYTHING,
) -> Query[int]:
    """Safe questions; any number of answer variables from 0 to 3 unless one is given."""
    if free_count is None:
        free_count = draw(st.sampled_from((1, 0, 2, 3)))
    rng = draw(st.randoms(use_true_random=False))
    return random_query(rng, entity_count, relation_count, free_count, features)


@st.composite
def tables(
    draw: st.DrawFn, entity_count: int = 4, relation_count: int = 3, kind: TableKind | None = None
) -> NDArray[np.float64]:
    """Truth tables of one kind, or of any."""
    chosen = draw(st.sampled_from(TABLE_KINDS)) if kind is None else kind
    return random_table(
        Random(draw(st.integers(0, 2**32 - 1))), entity_count, relation_count, chosen
    )


@st.composite
def cases(
    draw: st.DrawFn, features: Features = EVERYTHING, kind: TableKind | None = None
) -> tuple[Query[int], NDArray[np.float64]]:
    """A question and a truth table it fits, over 1 to 5 entities and 1 to 3 relations."""
    entity_count, relation_count = draw(st.integers(1, 5)), draw(st.integers(1, 3))
    query = draw(queries(entity_count, relation_count, None, features))
    return query, draw(tables(entity_count, relation_count, kind))
