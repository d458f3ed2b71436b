"""What choosing between plans goes by: supports and prices, and a limit to the comparing."""

from __future__ import annotations

from collections.abc import Iterable

from kgreason.formula import Constant, Variable
from kgreason.normal import EQUALS, Edge, Member
from kgreason.planning.conjunction import Part, bits
from kgreason.planning.operators import Domain, Operator, intersect
from kgreason.planning.price import Statistics, price, support

MAX_CHOICES = 16
"""At most so many variables are tried where one has to be chosen: those of smallest support."""
MAX_EFFORT = 100_000
"""Operators priced and members looked at before choices are made without comparing prices."""


class Costs:
    """Supports and prices of one question's plans. spent: what comparing has cost so far."""

    def __init__(self, statistics: Statistics) -> None:
        self.statistics = statistics
        self.spent = 0
        self._supports: dict[Operator, float] = {}

    @property
    def may_compare(self) -> bool:
        """Whether choices may still be compared."""
        return self.spent < MAX_EFFORT

    def support(self, operator: Operator) -> float:
        """Expected number of entities with positive truth."""
        return support(operator, self.statistics, self._supports)

    def cost(self, operator: Operator) -> float:
        """The price as one figure."""
        self.spent += operator.size
        return price(operator, self.statistics, self._supports).cost

    def is_unbounded(self, operator: Operator) -> bool:
        """Whether a vector may hold every entity."""
        return self.support(operator) >= self.statistics.entity_count

    def bounded(self, variable: Variable, source: Operator, members: Iterable[Member]) -> Operator:
        """Keep an unbounded source to the entities that can begin a link of a positive edge."""
        if not self.is_unbounded(source):
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

    def promising(self, part: Part, variables: tuple[Variable, ...]) -> tuple[Variable, ...]:
        """The variables worth trying: those that single links restrict most, in their order."""
        count = MAX_CHOICES if self.may_compare else 1
        if len(variables) <= count:
            return variables
        supports = {v: self._restricted(v, part) for v in variables}
        chosen = set(sorted(variables, key=supports.__getitem__)[:count])
        return tuple(v for v in variables if v in chosen)

    def _restricted(self, variable: Variable, part: Part) -> float:
        """How many entities the links of a variable to constants leave."""
        found = float(self.statistics.entity_count)
        for i in bits(part.touching(variable)):
            match part.whole.members[i]:
                case Edge(relation, Constant() as source, _, False):
                    found = min(found, self.statistics.row_support(source, relation))
        return found
