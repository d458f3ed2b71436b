"""Filling the slots of a question type with facts: from an answer back to its constants."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field
from random import Random

import numpy as np
from numpy.typing import NDArray

from kgreason.bench.sampling.types import QuestionType
from kgreason.formula import Atom, Equals, Formula, Not, Slot, Term, Variable, children, terms, walk

Ints = NDArray[np.int64]
Node = Variable | Slot


class Links:
    """The facts of some splits as links of each entity, both directions, sorted by the other end.

    Directed relations: 2k as is, 2k + 1 inverse.
    """

    def __init__(self, facts: NDArray[np.int32], entity_count: int) -> None:
        """facts: (facts, 3) rows of head, base relation, tail."""
        head, relation, tail = facts.astype(np.int64).T
        heads = np.concatenate([head, tail])
        tails = np.concatenate([tail, head])
        relations = np.concatenate([2 * relation, 2 * relation + 1])
        order = np.lexsort((relations, tails, heads))
        heads, tails, relations = heads[order], tails[order], relations[order]
        # A fact may stand in several splits.
        fresh = np.ones(len(order), dtype=np.bool_)
        fresh[1:] = (np.diff(heads) != 0) | (np.diff(tails) != 0) | (np.diff(relations) != 0)
        self.tails, self.relations = tails[fresh], relations[fresh]
        self._starts = np.searchsorted(heads[fresh], np.arange(entity_count + 1))

    def end(self, rng: Random) -> int:
        """An end of a fact, every fact alike."""
        return int(self.tails[rng.randrange(len(self.tails))])

    def of(self, entity: int) -> tuple[Ints, Ints]:
        """Other ends, ascending, and directed relations of an entity's links."""
        start, end = self._starts[entity], self._starts[entity + 1]
        return self.tails[start:end], self.relations[start:end]

    def between(self, entity: int, other: int) -> Ints:
        """Directed relations from one entity to another, ascending."""
        tails, relations = self.of(entity)
        start, end = np.searchsorted(tails, [other, other + 1])
        return relations[start:end]


@dataclass(frozen=True, slots=True)
class Step:
    """An atom of a type: the relation slot, read from `head` to `tail`."""

    slot: str
    head: Node
    tail: Node

    def seen_from(self, node: Node) -> tuple[Node, int]:
        """The other end, and 1 when the slot's relation runs towards `node`."""
        return (self.tail, 0) if node == self.head else (self.head, 1)


@dataclass
class Grounding:
    """Entities of variables and entity slots, directed relations of relation slots."""

    nodes: dict[Node, int] = field(default_factory=dict)
    relations: dict[str, int] = field(default_factory=dict)

    @property
    def entities(self) -> dict[str, int]:
        """The entity slots alone."""
        return {node.name: value for node, value in self.nodes.items() if isinstance(node, Slot)}


@dataclass(frozen=True, slots=True)
class Outline:
    """A type's atoms without its connectives. negated: those under an odd number of negations."""

    kind: QuestionType
    positive: tuple[Step, ...]
    negated: tuple[Step, ...]
    lone: tuple[Node, ...]
    """Entity slots and variables that only equalities mention."""

    @classmethod
    def of(cls, kind: QuestionType) -> Outline:
        """The outline of a type."""
        steps: dict[bool, list[Step]] = {True: [], False: []}
        _collect(kind.template.formula, True, steps)
        nodes = {node for side in steps.values() for s in side for node in (s.head, s.tail)}
        equal = [part for part in walk(kind.template.formula) if isinstance(part, Equals)]
        mentioned = dict.fromkeys(_node(term) for part in equal for term in terms(part))
        lone = tuple(node for node in mentioned if node not in nodes)
        return cls(kind, tuple(steps[True]), tuple(steps[False]), lone)


def _collect(formula: Formula[str], positive: bool, steps: dict[bool, list[Step]]) -> None:
    if isinstance(formula, Atom):
        assert isinstance(formula.relation, Slot)
        ends = _node(formula.head), _node(formula.tail)
        head, tail = reversed(ends) if formula.inverse else ends
        steps[positive].append(Step(formula.relation.name, head, tail))
    for part in children(formula):
        _collect(part, positive != isinstance(formula, Not), steps)


def _node(term: Term[str]) -> Node:
    assert isinstance(term, Variable | Slot)
    return Slot(term.name) if isinstance(term, Slot) else term


def ground(outline: Outline, links: Links, rng: Random) -> Grounding | None:
    """Slots filled such that some facts make the question true; None when this try fails.

    Without negation: the answer is an end of a fact, and links are followed from it to all other
    terms. With negation: those facts, the negated ones among them, describe what the negation is to
    remove, and the answer is another solution of the positive atoms.
    """
    (answer,) = outline.kind.template.free
    found = Grounding({answer: links.end(rng)})
    found.nodes.update({node: links.end(rng) for node in outline.lone if node != answer})
    if not follow((*outline.positive, *outline.negated), found, links, rng):
        return None
    if not outline.negated:
        return found
    other = Grounding(
        {node: value for node, value in found.nodes.items() if isinstance(node, Slot)},
        found.relations,
    )
    if not follow(outline.positive, other, links, rng):
        return None
    return other


def follow(steps: tuple[Step, ...], found: Grounding, links: Links, rng: Random) -> bool:
    """Give every term of the steps an entity, and every slot a relation, along facts.

    What `found` already holds stays. The next term is the one with most steps to known terms.
    """
    if not _relate(list(steps), found, links, rng):
        return False
    unknown = list(dict.fromkeys(n for s in steps for n in (s.head, s.tail)))
    unknown = [node for node in unknown if node not in found.nodes]
    while unknown:
        known = {node: _to_known(node, steps, found) for node in unknown}
        node = max(unknown, key=lambda one: len(known[one]))
        value = _value(node, known[node], found, links, rng)
        if value is None:
            return False
        found.nodes[node] = value
        unknown.remove(node)
        if not _relate(known[node] + _loops(node, steps), found, links, rng):
            return False
    return True


def _to_known(node: Node, steps: tuple[Step, ...], found: Grounding) -> list[Step]:
    touching = (s for s in steps if node in (s.head, s.tail))
    return [s for s in touching if s.seen_from(node)[0] in found.nodes]


def _loops(node: Node, steps: tuple[Step, ...]) -> list[Step]:
    return [s for s in steps if s.head == node == s.tail]


def _value(
    node: Node, steps: list[Step], found: Grounding, links: Links, rng: Random
) -> int | None:
    """An entity that links can join to the known ends of these steps."""
    if not steps:
        return links.end(rng)
    if len(steps) == 1 and steps[0].slot not in found.relations:
        # A relation first, then a link of it: else the commonest relations would be all there is.
        other, _ = steps[0].seen_from(node)
        tails, relations = links.of(found.nodes[other])
        if not len(tails):
            return None
        relation = _one(np.unique(relations), rng)
        return _one(tails[relations == relation], rng)
    candidates: Ints | None = None
    free: dict[int, int] = defaultdict(int)
    for step in steps:
        other, towards = step.seen_from(node)
        entity = found.nodes[other]
        if step.slot not in found.relations:
            free[entity] += 1
            continue
        tails, relations = links.of(entity)
        wanted = found.relations[step.slot] ^ (1 - towards)
        candidates = _both(candidates, tails[relations == wanted])
    for entity, count in free.items():
        ends, numbers = np.unique(links.of(entity)[0], return_counts=True)
        candidates = _both(candidates, ends[numbers >= count])
    return _one(candidates, rng) if candidates is not None and len(candidates) else None


def _both(candidates: Ints | None, more: Ints) -> Ints:
    if candidates is None:
        return more
    return np.intersect1d(candidates, more, assume_unique=True)


def _one(choices: Ints, rng: Random) -> int:
    return int(choices[rng.randrange(len(choices))])


def _relate(steps: list[Step], found: Grounding, links: Links, rng: Random) -> bool:
    """A relation for the slot of every step whose ends are known; different ones per pair."""
    taken: dict[tuple[int, int], set[int]] = defaultdict(set)
    for step in steps:
        if step.head not in found.nodes or step.tail not in found.nodes:
            continue
        head, tail = found.nodes[step.head], found.nodes[step.tail]
        turned = head > tail
        pair = (tail, head) if turned else (head, tail)
        there = links.between(*pair).tolist()
        if step.slot in found.relations:
            relation = found.relations[step.slot] ^ turned
            if relation not in there:
                return False
        else:
            there = [one for one in there if one not in taken[pair]]
            if not there:
                return False
            relation = there[rng.randrange(len(there))]
            found.relations[step.slot] = relation ^ turned
        taken[pair].add(relation)
    return True


def facts_of(
    steps: tuple[Step, ...], found: Mapping[Node, int], relations: Mapping[str, int]
) -> tuple[Ints, Ints, Ints]:
    """Heads, directed relations and tails of grounded steps."""
    rows = [(found[s.head], relations[s.slot], found[s.tail]) for s in steps]
    heads, directed, tails = np.array(rows, dtype=np.int64).reshape(-1, 3).T
    return heads, directed, tails
