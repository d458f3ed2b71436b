"""Elimination order: which variable is summed up towards which, and what cuts a cycle.

A conjunction is split into components that share no inner variable. In a component the inner
variable that separates it from the target is eliminated first: what lies beyond is its source, what
touches the target is its body. On a tree that is one message per variable; on a cycle no variable
separates, so the one with the smallest expected support is enumerated and the rest recurses.
Moving ∃ past ∧ needs `Law.EXISTS_OVER_AND`; without it every inner variable is enumerated with the
whole conjunction as its body.

A part is planned once, however often it is met, and comparing choices has a limit (`Costs`). So a
question of any length is planned in near-linear time, the longest ones by support alone. The
methods are walks (`kgreason.walks`): a chain of a thousand variables needs no deeper stack.
"""

from __future__ import annotations

from collections.abc import Sequence

from kgreason.errors import LimitError
from kgreason.formula import Variable
from kgreason.normal import EQUALS, Alternatives, Edge, Member, NegatedGroup, QueryGraph
from kgreason.planning.conjunction import Conjunction, Part, bits, union
from kgreason.planning.costs import Costs
from kgreason.planning.operators import (
    Column,
    Complement,
    Everything,
    Link,
    Operator,
    Project,
    Reach,
    Refine,
    Row,
    Some,
    Support,
    Unite,
    intersect,
)
from kgreason.planning.price import Statistics
from kgreason.truth import Law
from kgreason.walks import Walk

MAX_NESTING = 64
"""Variables that a plan may enumerate inside each other."""

_Gathered = tuple[Operator, bool]
"""∧ of members, and whether it depends on the vector that it is to hold within."""


class Planner:
    """Chooses operators for the conjunctions of one question; see the module's account."""

    def __init__(self, laws: frozenset[Law], statistics: Statistics) -> None:
        self.movable = Law.EXISTS_OVER_AND in laws
        """Whether ∃ may be moved past ∧."""
        self.costs = Costs(statistics)
        self._enumerated = 0
        self._conjunctions: dict[int, tuple[QueryGraph, Part]] = {}
        self._vectors: dict[tuple[object, ...], Operator] = {}
        self._scalars: dict[Part, Operator] = {}
        self._messages: dict[tuple[Variable, Part], Operator] = {}
        self._candidates: dict[tuple[Variable, Part], Operator] = {}

    def part(self, graph: QueryGraph) -> Part:
        """The conjunction of a nested graph, its own variables to be quantified."""
        if id(graph) not in self._conjunctions:
            part = Conjunction(graph.members, graph.inner).part(graph.inner)
            self._conjunctions[id(graph)] = graph, part
        return self._conjunctions[id(graph)][1]

    def vector(
        self, target: Variable, part: Part, within: Operator | None = None
    ) -> Walk[Operator]:
        """The part as a function of the target; all variables that it leaves free are bound.

        `within` is a vector outside of whose support the result does not matter.
        """
        for key in ((target, part), (target, part, within)):
            if key in self._vectors:
                return self._vectors[key]
        found: Operator
        if part.inner and not self.movable:
            found, depends = (yield self._exhaust(target, part)), False
        else:
            found, depends = yield self._joined(target, part, within)
        self._vectors[(target, part, within) if depends else (target, part)] = found
        return found

    def _joined(self, target: Variable, part: Part, within: Operator | None) -> Walk[_Gathered]:
        """∧ of the components, each as a function of the target."""
        parts: list[Operator] = []
        direct: list[Member] = []
        linked: list[Part] = []
        for group in part.components():
            if not group.inner:
                direct.extend(group)
            elif group.touching(target):
                linked.append(group)
            else:
                parts.append((yield self.scalar(group)))
        own: Operator | None = None
        scalars, tests = tuple(parts), list[Operator]()
        for group in linked:
            if own is None and self._may_be_tested(target, group):
                own, _ = yield self._gather(target, direct, scalars, within, ())
            test = yield self._cheaper_test(target, own, group)
            if test is None:
                parts.append((yield self._message(target, group)))
            else:
                tests.append(test)
        gathered: _Gathered = yield self._gather(target, direct, parts, within, tests)
        return gathered

    def _may_be_tested(self, target: Variable, part: Part) -> bool:
        """Whether links lead away from the target, or come from anywhere.

        Then a message would have to begin with every entity.
        """
        members = (part.whole.members[i] for i in bits(part.touching(target)))
        leads_away = any(isinstance(m, Edge) and m.source == target for m in members)
        return leads_away or self._reach(part) is not None

    def _cheaper_test(
        self, target: Variable, own: Operator | None, part: Part
    ) -> Walk[Operator | None]:
        """The part as a test of each entity of the target, if that costs less than a message."""
        if own is None or not self._may_be_tested(target, part):
            return None
        if self.costs.is_unbounded(own):
            return None
        test: Operator = yield self.scalar(part)
        if not self.costs.may_compare:
            return test
        message: Operator = yield self._message(target, part)
        tested = self.costs.cost(Refine(target, own, test))
        return test if tested < self.costs.cost(intersect([own, message])) else None

    def _reach(self, part: Part) -> Operator | None:
        """A part that only says that some link leads to a known entity, as one operator."""
        if (
            self.costs.statistics.row.head_bounds is None
            or len(part) != 1
            or part.inner.bit_count() != 1
        ):
            return None
        ((member,), (variable,)) = (part, part.variables)
        match member:
            case Edge(relation, source, target, False) if source == variable != target:
                return None if relation == EQUALS else Reach(relation, target)
            case _:
                return None

    def scalar(self, part: Part) -> Walk[Operator]:
        """The part as one truth, all variables that it leaves free being bound."""
        if part in self._scalars:
            return self._scalars[part]
        parts: list[Operator] = []
        for group in (part,) if part.inner and not self.movable else part.components():
            if not group.inner:
                for member in group:
                    parts.append((yield self._scalar_member(member)))
                continue
            reach = self._reach(group) if self.movable else None
            parts.append(reach or Some((yield self._cheapest(group))))
        self._scalars[part] = intersect(parts)
        return self._scalars[part]

    def _cheapest(self, part: Part) -> Walk[Operator]:
        """The part as a function of one of its variables, the one that makes it cheapest."""
        choices: list[Operator] = []
        for variable in self.costs.promising(part, part.variables):
            choices.append((yield self.vector(variable, part.free(variable))))
        return choices[0] if len(choices) == 1 else min(choices, key=self.costs.cost)

    def _message(self, target: Variable, part: Part) -> Walk[Operator]:
        """A connected part as a function of the target: ∃ over one of its variables."""
        key = (target, part)
        if key in self._messages:
            return self._messages[key]
        whole, touching = part.whole, part.next_to(target)
        separates = touching.bit_count() == 1
        candidates = Part(whole, part.members, touching if separates else part.inner).variables
        choices: list[tuple[float, Variable, Operator, Part]] = []
        for variable in self.costs.promising(part, candidates):
            before = whole.steps
            groups = part.without(variable)
            near = [group for group in groups if group.touching(target)]
            beyond = union(whole, [group for group in groups if not group.touching(target)])
            source: Operator = yield self.source(variable, beyond, near)
            choices.append((self.costs.support(source), variable, source, union(whole, near)))
            self.costs.spent += 0 if separates else whole.steps - before
        _, variable, source, rest = min(choices, key=lambda choice: choice[0])
        self._enter(0 if separates else 1)
        body: Operator = yield self.vector(target, rest)
        self._enter(0 if separates else -1)
        self._messages[key] = Project(variable, source, body)
        return self._messages[key]

    def _enter(self, variables: int) -> None:
        """Enumerate so many variables more around what is planned next."""
        self._enumerated += variables
        check_nesting(self._enumerated)

    def source(self, variable: Variable, beyond: Part, rest: Sequence[Part]) -> Walk[Operator]:
        """What a variable may be: what is said of it alone, and how it begins links of the rest."""
        source: Operator = yield self.vector(variable, beyond)
        members = (group.whole.members[i] for group in rest for i in bits(group.touching(variable)))
        return self.costs.bounded(variable, source, members)

    def _exhaust(self, target: Variable, part: Part) -> Walk[Operator]:
        """No law lets ∃ past ∧: every instance of the whole conjunction is gathered."""
        choices: list[tuple[Variable, Operator]] = []
        check_nesting(self._enumerated + part.inner.bit_count())
        for variable in part.variables:
            choices.append((variable, (yield self.candidates(variable, part))))
        variable, source = min(choices, key=lambda choice: self.costs.support(choice[1]))
        self._enter(1)
        body: Operator = yield self.vector(target, part.free(variable))
        self._enter(-1)
        return Project(variable, source, body)

    def candidates(self, variable: Variable, part: Part) -> Walk[Operator]:
        """Truth 1 for every entity that the variable may be, 0 where its own members exclude it."""
        whole = part.whole
        own = sum(1 << i for i in bits(part.touching(variable)) if whole.is_alone(i))
        key = (variable, Part(whole, own, 0))
        if key not in self._candidates:
            vector: Operator = yield self.vector(*key)
            touching = (whole.members[i] for i in bits(part.touching(variable)))
            self._candidates[key] = Support(self.costs.bounded(variable, vector, touching))
        return self._candidates[key]

    def _gather(
        self,
        target: Variable,
        members: Sequence[Member],
        planned: Sequence[Operator],
        within: Operator | None,
        planned_tests: Sequence[Operator],
    ) -> Walk[_Gathered]:
        """∧ of members that mention no inner variable, and of parts and tests already planned."""
        parts, tests = list(planned), list(planned_tests)
        groups: list[NegatedGroup | Alternatives] = []
        for member in members:
            if isinstance(member, Edge):
                part = _edge(member, target)
                (tests if target in _ends(part) else parts).append(part)
            else:
                groups.append(member)
        positive = [p for p in parts if not p.is_scalar and not isinstance(p, Complement)]
        guard = intersect(positive) if positive else within
        for group in groups:
            parts.append((yield self._group(group, target, guard)))
        depends = not positive
        if not tests:
            scalars = all(part.is_scalar for part in parts)
            return intersect([Everything(), *parts] if scalars else parts), depends
        if all(p.is_scalar or isinstance(p, Complement) for p in parts):
            column = self._column(target, tests) if guard is None else None
            if column is None:
                fence = Support(guard) if guard is not None else Everything()
                parts = [self.costs.bounded(target, fence, members), *parts]
            else:
                parts = [Column(column.relation, column.target), *parts]
                tests.remove(column)
        whole = intersect(parts)
        return Refine(target, whole, intersect(tests)) if tests else whole, depends

    def _column(self, target: Variable, tests: Sequence[Operator]) -> Link | None:
        """A test that can be read from its far end, so that not every entity must be tested."""
        if self.costs.statistics.row.head_bounds is None:
            return None
        links = (one for one in tests if isinstance(one, Link) and one.relation != EQUALS)
        return next((one for one in links if one.source == target != one.target), None)

    def _group(
        self, member: NegatedGroup | Alternatives, target: Variable, guard: Operator | None
    ) -> Walk[Operator]:
        """A group as a function of the target, or as one truth if it does not mention it."""
        if target not in member.variables:
            scalar: Operator = yield self._scalar_member(member)
            return scalar
        if isinstance(member, NegatedGroup):
            return Complement((yield self.vector(target, self.part(member.body), guard)))
        parts: list[Operator] = []
        for option in member.options:
            part = self.part(option)
            if target in option.free:
                parts.append((yield self.vector(target, part, guard)))
            else:
                parts.append((yield self.scalar(part)))
        return _unite(parts)

    def _scalar_member(self, member: Member) -> Walk[Operator]:
        match member:
            case Edge(relation, source, target, negated):
                link = Link(relation, source, target)
                return Complement(link) if negated else link
            case NegatedGroup(body):
                return Complement((yield self.scalar(self.part(body))))
            case Alternatives(options):
                parts: list[Operator] = []
                for option in options:
                    parts.append((yield self.scalar(self.part(option))))
                return _unite(parts)


def check_nesting(count: int) -> None:
    """Raises LimitError where more variables would be enumerated inside each other than may be."""
    if count > MAX_NESTING:
        raise LimitError(
            f"the question needs more than {MAX_NESTING} variables enumerated inside each other",
            remedy="bind some variables to entities, or take apart its cycles and nested groups",
        )


def _edge(edge: Edge, target: Variable) -> Operator:
    """The operator of one edge whose other end is known."""
    part: Operator
    if edge.target == target and edge.source != target:
        part = Row(edge.relation, edge.source)
    elif edge.relation == EQUALS and edge.source == target and edge.target != target:
        part = Row(EQUALS, edge.target)
    else:
        part = Link(edge.relation, edge.source, edge.target)
    return Complement(part) if edge.negated else part


def _ends(operator: Operator) -> tuple[object, ...]:
    """The terms of a link, whatever its sign; nothing for a row."""
    if isinstance(operator, Complement):
        return _ends(operator.part)
    return (operator.source, operator.target) if isinstance(operator, Link) else ()


def _unite(parts: list[Operator]) -> Operator:
    return parts[0] if len(parts) == 1 else Unite(tuple(parts))
