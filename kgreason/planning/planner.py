"""Elimination order: which variable is summed up towards which, and what cuts a cycle.

A conjunction is split into components that share no inner variable. In a component the inner
variable that separates it from the target is eliminated first: what lies beyond is its source, what
touches the target is its body. On a tree that is one message per variable; on a cycle no variable
separates, so the one with the smallest expected support is enumerated and the rest recurses.
Moving ∃ past ∧ needs `Law.EXISTS_OVER_AND`; without it every inner variable is enumerated with the
whole conjunction as its body.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from kgreason.formula import Variable
from kgreason.normal import (
    EQUALS,
    Alternatives,
    Edge,
    Member,
    NegatedGroup,
)
from kgreason.planning.components import components, mentioned
from kgreason.planning.operators import (
    Column,
    Complement,
    Domain,
    Everything,
    Link,
    Operator,
    Project,
    Reach,
    Refine,
    Row,
    Some,
    Support,
    Tabulate,
    Unite,
    intersect,
    is_scalar,
)
from kgreason.planning.price import Statistics, price, support
from kgreason.truth import Law


@dataclass(frozen=True, slots=True)
class Planner:
    """Chooses operators for conjunctions; see the module's account of the order."""

    laws: frozenset[Law]
    statistics: Statistics

    @property
    def movable(self) -> bool:
        """Whether ∃ may be moved past ∧."""
        return Law.EXISTS_OVER_AND in self.laws

    def vector(
        self,
        target: Variable,
        members: Sequence[Member],
        inner: Iterable[Variable],
        within: Operator | None = None,
    ) -> Operator:
        """∃ inner. ∧ members as a function of the target; all other variables are bound.

        `within` is a vector outside of whose support the result does not matter.
        """
        inner = tuple(inner)
        if inner and not self.movable:
            return self._exhaust(target, members, inner)
        parts: list[Operator] = []
        direct: list[Member] = []
        linked: list[tuple[list[Member], tuple[Variable, ...]]] = []
        for group, variables in components(members, inner):
            if not variables:
                direct.extend(group)
            elif any(target in member.variables for member in group):
                linked.append((group, variables))
            else:
                parts.append(self.scalar(group, variables))
        tests: list[Operator] = []
        own = self._gather(target, direct, parts, within, ()) if linked else Everything()
        for group, variables in linked:
            message = self._message(target, group, variables)
            test = self._cheaper_test(target, own, message, group, variables)
            (parts if test is None else tests).append(test or message)
        return self._gather(target, direct, parts, within, tests)

    def _cheaper_test(
        self,
        target: Variable,
        own: Operator,
        message: Operator,
        members: Sequence[Member],
        inner: tuple[Variable, ...],
    ) -> Operator | None:
        """The members as a test of each entity of the target, if that costs less than a message.

        It does where links lead away from the target, or come from anywhere, so that a message
        would have to begin with every entity.
        """
        leads_away = any(isinstance(m, Edge) and m.source == target for m in members)
        if not leads_away and self._reach(members, inner) is None:
            return None
        if support(own, self.statistics) >= self.statistics.entity_count:
            return None
        test = self.scalar(members, inner)
        tested = price(Refine(target, own, test), self.statistics)
        sent = price(intersect([own, message]), self.statistics)
        return test if tested.cost < sent.cost else None

    def _reach(self, members: Sequence[Member], inner: tuple[Variable, ...]) -> Operator | None:
        """Members that only say that some link leads to a known entity, as one operator."""
        if self.statistics.row.head_bounds is None or len(members) != 1 or len(inner) != 1:
            return None
        match members[0]:
            case Edge(relation, source, target, False) if source == inner[0] != target:
                return None if relation == EQUALS else Reach(relation, target)
            case _:
                return None

    def scalar(self, members: Sequence[Member], inner: Iterable[Variable]) -> Operator:
        """∃ inner. ∧ members, all other variables being bound."""
        inner = tuple(inner)
        parts: list[Operator] = []
        whole = [(list(members), inner)] if inner and not self.movable else None
        for group, variables in whole or components(members, inner):
            if not variables:
                parts.extend(self._scalar_member(member) for member in group)
                continue
            reach = self._reach(group, variables) if self.movable else None
            if reach is not None:
                parts.append(reach)
                continue
            choices = [self.vector(v, group, [w for w in variables if w != v]) for v in variables]
            best = min(choices, key=lambda c: price(c, self.statistics).cost)
            parts.append(Some(best))
        return intersect(parts)

    def table(
        self, free: tuple[Variable, ...], members: Sequence[Member], inner: tuple[Variable, ...]
    ) -> tuple[Operator, tuple[Variable, ...]]:
        """Several answer variables: enumerate all but the last; returns the column order too."""
        if len(free) == 1:
            return self.vector(free[0], members, inner), free
        choices = []
        for variable in free:
            others = tuple(v for v in free if v != variable)
            rest = list(members)
            if self.movable:
                beyond, rest = self._split(variable, members, inner + others, others)
                source = self._source(variable, beyond, inner, rest)
            else:
                source = self._candidates(variable, members)
            choices.append((support(source, self.statistics), variable, source, rest))
        _, variable, source, rest = min(choices, key=lambda choice: choice[0])
        others = tuple(v for v in free if v != variable)
        left = mentioned(rest, inner) if self.movable else inner
        body, columns = self.table(others, rest, left)
        return Tabulate(variable, source, body), (variable, *columns)

    def _message(
        self, target: Variable, members: Sequence[Member], inner: tuple[Variable, ...]
    ) -> Operator:
        touching = [
            v
            for v in inner
            if any(v in member.variables and target in member.variables for member in members)
        ]
        candidates = touching if len(touching) == 1 else inner
        choices = []
        for variable in candidates:
            others = tuple(v for v in inner if v != variable)
            beyond, rest = self._split(variable, members, others, (target,))
            source = self._source(variable, beyond, others, rest)
            choices.append((support(source, self.statistics), variable, source, rest))
        _, variable, source, rest = min(choices, key=lambda choice: choice[0])
        left = [v for v in mentioned(rest, inner) if v != variable]
        return Project(variable, source, self.vector(target, rest, left))

    def _split(
        self,
        variable: Variable,
        members: Sequence[Member],
        connecting: tuple[Variable, ...],
        targets: tuple[Variable, ...],
    ) -> tuple[list[Member], list[Member]]:
        """Members that reach `variable` alone, and those that reach a target."""
        beyond: list[Member] = []
        rest: list[Member] = []
        for group, _ in components(members, [v for v in connecting if v != variable]):
            near = any(v in member.variables for member in group for v in targets)
            (rest if near else beyond).extend(group)
        return beyond, rest

    def _source(
        self,
        variable: Variable,
        beyond: Sequence[Member],
        inner: Iterable[Variable],
        rest: Sequence[Member],
    ) -> Operator:
        source = self.vector(variable, beyond, mentioned(beyond, inner))
        return self._bounded(variable, source, rest)

    def _bounded(self, variable: Variable, source: Operator, members: Sequence[Member]) -> Operator:
        """Keep an unbounded source to the entities that can begin a link of a positive edge."""
        if support(source, self.statistics) < self.statistics.entity_count:
            return source
        domains = [
            Domain(member.relation)
            for member in members
            if isinstance(member, Edge)
            and member.source == variable
            and not member.negated
            and member.relation != EQUALS
            and not self.statistics.anywhere(member.relation)
        ]
        return intersect([*dict.fromkeys(domains), source])

    def _exhaust(
        self, target: Variable, members: Sequence[Member], inner: tuple[Variable, ...]
    ) -> Operator:
        """No law lets ∃ past ∧: every instance of the whole conjunction is gathered."""
        choices = [(variable, self._candidates(variable, members)) for variable in inner]
        variable, source = min(choices, key=lambda c: support(c[1], self.statistics))
        others = [v for v in inner if v != variable]
        return Project(variable, source, self.vector(target, members, others))

    def _candidates(self, variable: Variable, members: Sequence[Member]) -> Operator:
        """Truth 1 for every entity that the variable may be, 0 where its own members exclude it."""
        own = [m for m in members if set(m.variables) == {variable}]
        return Support(self._bounded(variable, self.vector(variable, own, ()), members))

    def _gather(
        self,
        target: Variable,
        members: Sequence[Member],
        parts: Sequence[Operator],
        within: Operator | None,
        planned_tests: Sequence[Operator],
    ) -> Operator:
        """∧ of members that mention no inner variable, and of parts and tests already planned."""
        parts, tests = list(parts), list(planned_tests)
        groups: list[Member] = []
        for member in members:
            if isinstance(member, Edge):
                part = _edge(member, target)
                (tests if target in _ends(part) else parts).append(part)
            else:
                groups.append(member)
        positive = [p for p in parts if not is_scalar(p) and not isinstance(p, Complement)]
        guard = intersect(positive) if positive else within
        parts = parts + [self._group(member, target, guard) for member in groups]
        if not tests:
            return intersect(parts if not all(map(is_scalar, parts)) else [Everything(), *parts])
        if all(is_scalar(p) or isinstance(p, Complement) for p in parts):
            column = self._column(target, tests) if guard is None else None
            if column is None:
                fence = Support(guard) if guard is not None else Everything()
                parts = [self._bounded(target, fence, members), *parts]
            else:
                parts = [Column(column.relation, column.target), *parts]
                tests.remove(column)
        whole = intersect(parts)
        return Refine(target, whole, intersect(tests)) if tests else whole

    def _column(self, target: Variable, tests: Sequence[Operator]) -> Link | None:
        """A test that can be read from its far end, so that not every entity must be tested."""
        if self.statistics.row.head_bounds is None:
            return None
        links = (one for one in tests if isinstance(one, Link) and one.relation != EQUALS)
        return next((one for one in links if one.source == target != one.target), None)

    def _group(self, member: Member, target: Variable, guard: Operator | None) -> Operator:
        assert not isinstance(member, Edge)
        if target not in member.variables:
            return self._scalar_member(member)
        if isinstance(member, NegatedGroup):
            return Complement(self.vector(target, member.body.members, member.body.inner, guard))
        return _unite(
            [
                self.vector(target, option.members, option.inner, guard)
                if target in option.free
                else self.scalar(option.members, option.inner)
                for option in member.options
            ]
        )

    def _scalar_member(self, member: Member) -> Operator:
        match member:
            case Edge(relation, source, target, negated):
                link = Link(source, relation, target)
                return Complement(link) if negated else link
            case NegatedGroup(body):
                return Complement(self.scalar(body.members, body.inner))
            case Alternatives(options):
                return _unite([self.scalar(o.members, o.inner) for o in options])


def _edge(edge: Edge, target: Variable) -> Operator:
    """The operator of one edge whose other end is known."""
    part: Operator
    if edge.target == target and edge.source != target:
        part = Row(edge.source, edge.relation)
    elif edge.relation == EQUALS and edge.source == target and edge.target != target:
        part = Row(edge.target, EQUALS)
    else:
        part = Link(edge.source, edge.relation, edge.target)
    return Complement(part) if edge.negated else part


def _ends(operator: Operator) -> tuple[object, ...]:
    """The terms of a link, whatever its sign; nothing for a row."""
    if isinstance(operator, Complement):
        return _ends(operator.part)
    return (operator.source, operator.target) if isinstance(operator, Link) else ()


def _unite(parts: list[Operator]) -> Operator:
    return parts[0] if len(parts) == 1 else Unite(tuple(parts))
