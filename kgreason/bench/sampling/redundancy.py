"""Whether a question says something twice, or leads back to where it came from."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from kgreason.formula import (
    And,
    Atom,
    Constant,
    Exists,
    Formula,
    Not,
    Or,
    Query,
    Term,
    Variable,
    children,
    variables,
    walk,
)

_Link = tuple[int, Term[int], Term[int]]
"""A base relation, head and tail."""


def is_redundant(query: Query[int]) -> bool:
    """Whether a branch repeats another one, follows from the others, or only steps back.

    Follows: an atom that the other positive atoms of its conjunction imply on every graph (Chandra
    & Merlin, STOC 1977), such as ∃x. r(x, y) beside r(a, y). Steps back: a link r into a variable
    and r⁻¹ from it towards the answer, so that the start itself is always an answer.
    Variables of different quantifiers must have different names.
    """
    return (
        any(_has_twins(part) for part in walk(query.formula))
        or _steps_back(query)
        or any(_has_implied(block, own) for block, own in _blocks(query.formula))
    )


def _has_twins(part: Formula[int]) -> bool:
    if not isinstance(part, And | Or):
        return False
    known = [_link(one) if isinstance(one, Atom) else one for one in part.parts]
    return any(one in known[:i] for i, one in enumerate(known))


def _link(atom: Atom[int]) -> _Link:
    assert isinstance(atom.relation, int)
    ends = (atom.tail, atom.head) if atom.inverse else (atom.head, atom.tail)
    return (atom.relation, *ends)


def _links(formula: Formula[int]) -> list[_Link]:
    return [_link(part) for part in walk(formula) if isinstance(part, Atom)]


def _steps_back(query: Query[int]) -> bool:
    """r(a, x) and r(b, x), or r(x, a) and r(x, b), with x between a and b, none of them negated."""
    far = _distances(query)

    def is_between(away: Term[int], middle: Term[int], near: Term[int]) -> bool:
        depth = far.get(middle, 0)
        return (
            isinstance(middle, Variable)
            and far.get(away, 0) > depth
            and far.get(near, depth + 1) <= depth
        )

    for side in _sides(query.formula):
        for relation, head, tail in side:
            for other, head_2, tail_2 in side:
                if relation != other:
                    continue
                if tail == tail_2 and head != head_2 and is_between(head, tail, head_2):
                    return True
                if head == head_2 and tail != tail_2 and is_between(tail, head, tail_2):
                    return True
    return False


def _distances(query: Query[int]) -> dict[Term[int], int]:
    """Atoms from each term to the answer; constants end a path."""
    pairs = [(head, tail) for _, head, tail in _links(query.formula)]
    far: dict[Term[int], int] = dict.fromkeys(query.free, 0)
    waiting: deque[Term[int]] = deque(query.free)
    while waiting:
        term = waiting.popleft()
        if isinstance(term, Constant):
            continue
        for pair in pairs:
            for here, there in (pair, pair[::-1]):
                if here == term and there not in far:
                    far[there] = far[term] + 1
                    waiting.append(there)
    return far


def _sides(formula: Formula[int]) -> Iterator[list[_Link]]:
    """The atoms outside all negations, then those of every negation, without the ones within."""
    negations: list[Formula[int]] = []
    atoms: list[_Link] = []
    waiting = [formula]
    while waiting:
        part = waiting.pop()
        if isinstance(part, Atom):
            atoms.append(_link(part))
        elif isinstance(part, Not):
            negations.append(part.body)
        else:
            waiting.extend(children(part))
    yield atoms
    for body in negations:
        yield from _sides(body)


def _blocks(formula: Formula[int]) -> Iterator[tuple[list[_Link], set[Variable]]]:
    """Every conjunction's own atoms, and the variables that occur nowhere else."""
    bound: set[Variable] = set()
    while isinstance(formula, Exists):
        bound |= set(formula.variables)
        formula = formula.body
    parts = formula.parts if isinstance(formula, And) else (formula,)
    others = [part for part in parts if not isinstance(part, Atom)]
    own = bound - {v for part in others for v in variables(part)}
    yield [_link(part) for part in parts if isinstance(part, Atom)], own
    for part in others:
        for inner in (part,) if isinstance(part, Exists) else children(part):
            yield from _blocks(inner)


def _has_implied(atoms: list[_Link], own: set[Variable]) -> bool:
    """Whether an atom can be left out: all atoms map into the others, only `own` terms moving.

    Exponential in the worst case; questions have a few atoms.
    """
    return any(
        _maps(atoms, atoms[:i] + atoms[i + 1 :], {}, own)
        for i, (_, *ends) in enumerate(atoms)
        if own & set(ends)
    )


def _maps(
    atoms: list[_Link], target: list[_Link], image: dict[Term[int], Term[int]], own: set[Variable]
) -> bool:
    """Whether the atoms, with terms already mapped by `image`, can be mapped into the target."""
    if not atoms:
        return True
    relation, *ends = atoms[0]
    for other, *values in target:
        extended = dict(image)
        fits = all(
            extended.setdefault(end, value) == value if end in own else end == value
            for end, value in zip(ends, values, strict=True)
        )
        if relation == other and fits and _maps(atoms[1:], target, extended, own):
            return True
    return False
