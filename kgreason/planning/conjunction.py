"""A conjunction indexed once, parts of it as bit masks, and how parts hang together.

A planner takes a conjunction apart at its variables, again and again. A mask makes a part of a
thousand members as cheap to hold and to compare as one number, and taking a variable out looks only
at the smaller pieces that fall off, so that a chain is taken apart in near-linear time.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from kgreason.formula import Variable
from kgreason.normal import Member


def bits(mask: int) -> Iterator[int]:
    """The positions of the ones of a mask, ascending."""
    while mask:
        low = mask & -mask
        yield low.bit_length() - 1
        mask ^= low


class Conjunction:
    """Members in the order of the question, and who mentions whom.

    variables: those quantified first, in their order, which is that of the bits of `mentions[i]`,
    the variables that member i mentions. `touching[v]` are the members that mention a variable.
    """

    def __init__(self, members: Sequence[Member], inner: Iterable[Variable]) -> None:
        self.members = tuple(members)
        mentioned = (v for member in members for v in member.variables)
        self.variables = tuple(dict.fromkeys((*inner, *mentioned)))
        self.place = {variable: i for i, variable in enumerate(self.variables)}
        self.touching = [0] * len(self.variables)
        self.mentions: list[int] = []
        for i, member in enumerate(members):
            mask = 0
            for variable in member.variables:
                place = self.place[variable]
                mask |= 1 << place
                self.touching[place] |= 1 << i
            self.mentions.append(mask)
        self._components: dict[tuple[int, int], tuple[Part, ...]] = {}
        self.steps = 0
        """Variables and members looked at so far; a measure of work."""

    def part(self, inner: Iterable[Variable]) -> Part:
        """All members, some of their variables to be quantified."""
        return Part(self, (1 << len(self.members)) - 1, self.mask(inner))

    def mask(self, variables: Iterable[Variable]) -> int:
        """Variables as a mask."""
        return sum(1 << self.place[variable] for variable in variables)

    def is_alone(self, member: int) -> bool:
        """Whether a member mentions one variable alone."""
        return self.mentions[member].bit_count() == 1

    def touched_by(self, variables: int) -> int:
        """The members that mention any of some variables, both as masks."""
        found = 0
        for place in bits(variables):
            found |= self.touching[place]
        return found


@dataclass(frozen=True, slots=True)
class Part:
    """Some members of a conjunction, with those of its variables that are quantified in them."""

    whole: Conjunction
    members: int
    inner: int

    def __len__(self) -> int:
        return self.members.bit_count()

    def __iter__(self) -> Iterator[Member]:
        return (self.whole.members[i] for i in bits(self.members))

    @property
    def variables(self) -> tuple[Variable, ...]:
        """The quantified variables, in their order."""
        return tuple(self.whole.variables[i] for i in bits(self.inner))

    def touching(self, variable: Variable) -> int:
        """The members that mention a variable, as a mask."""
        place = self.whole.place.get(variable)
        return 0 if place is None else self.members & self.whole.touching[place]

    def next_to(self, variable: Variable) -> int:
        """The quantified variables that stand in one member with a free one, as a mask."""
        found = 0
        for i in bits(self.touching(variable)):
            found |= self.whole.mentions[i]
        return found & self.inner

    def free(self, variable: Variable) -> Part:
        """The same members, one variable no longer quantified."""
        return Part(self.whole, self.members, self.inner & ~self.whole.mask((variable,)))

    def components(self) -> tuple[Part, ...]:
        """The parts connected through quantified variables, by their last members.

        A member that mentions none is a part of its own.
        """
        known = self.whole._components
        key = (self.members, self.inner)
        if key not in known:
            known[key] = _in_order(self._explored())
        return known[key]

    def without(self, variable: Variable) -> tuple[Part, ...]:
        """The components of a connected part when one of its variables is no longer quantified."""
        whole, bit = self.whole, self.whole.mask((variable,))
        key = (self.members, self.inner & ~bit)
        if key not in whole._components:
            whole._components[key] = _in_order(_Removal(self, variable).pieces())
        return whole._components[key]

    def _explored(self) -> Iterator[Part]:
        whole, left = self.whole, self.inner
        alone = self.members
        while left:
            seen = left & -left
            members, waiting = 0, [seen.bit_length() - 1]
            while waiting:
                place = waiting.pop()
                whole.steps += 1
                new = whole.touching[place] & self.members & ~members
                members |= new
                for i in bits(new):
                    whole.steps += 1
                    found = whole.mentions[i] & self.inner & ~seen
                    seen |= found
                    waiting.extend(bits(found))
            left &= ~seen
            alone &= ~members
            if members:
                yield Part(whole, members, seen)
        yield from (Part(whole, 1 << i, 0) for i in bits(alone))


def union(whole: Conjunction, parts: Sequence[Part]) -> Part:
    """Several components as one part."""
    members = inner = 0
    for part in parts:
        members |= part.members
        inner |= part.inner
    whole._components.setdefault((members, inner), tuple(parts))
    return Part(whole, members, inner)


def _in_order(parts: Iterable[Part]) -> tuple[Part, ...]:
    return tuple(sorted(parts, key=lambda part: part.members.bit_length()))


class _Removal:
    """Takes one variable out of a connected part and finds the pieces that are left.

    A search starts at every neighbour, all advance in turn, and the last that has not come to its
    end is the rest of the part: the largest piece is never looked at as a whole.
    """

    def __init__(self, part: Part, variable: Variable) -> None:
        self.part = part
        self.whole = part.whole
        self.inner = part.inner & ~part.whole.mask((variable,))
        self.owner: dict[int, _Search] = {}
        """Which search reached a variable, by its place."""
        self.alone = 0
        self.running: deque[_Search] = deque()
        self.live = 0
        for i in bits(part.touching(variable)):
            if self.whole.mentions[i] & self.inner:
                search = _Search()
                self.running.append(search)
                self.live += 1
                self._take(search, i)
            else:
                self.alone |= 1 << i

    def pieces(self) -> Iterator[Part]:
        """The pieces, in any order."""
        members, inner = self.part.members & ~self.alone, self.inner
        while self.live > 1:
            search = self.running.popleft()
            if search.joined is not None:
                continue
            if search.waiting:
                self._advance(search)
                self.running.append(search)
                continue
            self.live -= 1
            members &= ~search.members
            inner &= ~search.inner
            yield Part(self.whole, search.members, search.inner)
        if self.live:
            yield Part(self.whole, members, inner)
        yield from (Part(self.whole, 1 << i, 0) for i in bits(self.alone))

    def _advance(self, search: _Search) -> None:
        """Look at the members of one more variable."""
        place = search.waiting.pop()
        self.whole.steps += 1
        new = self.whole.touching[place] & self.part.members & ~search.members
        for i in bits(new):
            self._take(search.root(), i)

    def _take(self, search: _Search, member: int) -> None:
        self.whole.steps += 1
        search.members |= 1 << member
        for place in bits(self.whole.mentions[member] & self.inner & ~search.inner):
            other = self.owner.get(place)
            if other is None:
                self.owner[place] = search
                search.inner |= 1 << place
                search.waiting.append(place)
            elif (other := other.root()) is not search:
                search = search.join(other)
                self.live -= 1


class _Search:
    """What one search has found. joined: the search that it became part of."""

    def __init__(self) -> None:
        self.joined: _Search | None = None
        self.members = 0
        self.inner = 0
        self.waiting: list[int] = []

    def root(self) -> _Search:
        search = self
        while search.joined is not None:
            search = search.joined
        return search

    def join(self, other: _Search) -> _Search:
        """Two that met as one: the one with more left to look at."""
        more, less = (self, other) if len(self.waiting) >= len(other.waiting) else (other, self)
        less.joined = more
        more.members |= less.members
        more.inner |= less.inner
        more.waiting += less.waiting
        return more
