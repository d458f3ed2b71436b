"""What a plan is expected to cost, before anything runs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from math import prod

from kgreason.errors import LimitError
from kgreason.formula import Constant, Variable
from kgreason.knowledge import FactIndex
from kgreason.normal import EQUALS, Node
from kgreason.planning.operators import Binder, Column, Link, Operator, Reach, Row
from kgreason.predictors.protocol import RowPrice
from kgreason.walks import fold

# Gathering, combining and grouping one entry of a sparse vector takes as long as so many
# floating-point operations of a matrix product (measured on a CPU, to the order of magnitude).
_FLOPS_PER_ENTRY = 1000.0
MAX_OPERATORS = 200_000
"""Operators that a plan may have, those that stand in several places counted each time."""


def _unknown(_: int) -> bool:
    return False


@dataclass(frozen=True, slots=True)
class Statistics:
    """What planning may know: sizes and degrees of the observed facts, the price of a row.

    anywhere: whether every entity may begin a link of the relation, as far as the predictor knows.
    """

    entity_count: int
    facts: FactIndex
    row: RowPrice
    anywhere: Callable[[int], bool] = _unknown

    def row_support(self, source: Node, relation: int) -> float:
        """Expected number of entities with positive truth in a row."""
        if relation == EQUALS:
            return 1.0
        if isinstance(source, Constant):
            known = float(self.facts.degree(source.name, relation))
        else:
            heads = max(1, int(self.facts.head_counts[relation]))
            known = float(self.facts.fact_counts[relation]) / heads
        return min(self.entity_count, max(known, 0.0 if self.row.facts_only else self.row.entries))

    def domain(self, relation: int) -> float:
        """Expected number of entities with a non-empty row."""
        known = self.facts.head_counts[relation]
        return float(known if self.row.facts_only else self.entity_count)


@dataclass(frozen=True, slots=True)
class Price:
    """Expected work: predictor rows, their floating-point operations, entries made and held.

    entries: of all intermediates together; largest: of the largest one; of: of what each operator
    of the plan makes, under a bound variable for all its entities together.
    """

    rows: float
    flops: float
    entries: float
    largest: float
    of: Mapping[Operator, float] = field(default_factory=dict, repr=False, compare=False)

    @property
    def cost(self) -> float:
        """One figure to compare plans by, in floating-point operations."""
        return self.flops + _FLOPS_PER_ENTRY * self.entries

    def __str__(self) -> str:
        return (
            f"about {_short(self.rows)} rows, {_short(self.flops)} FLOPs, "
            f"largest intermediate {_short(self.largest)} entries"
        )


def support(
    operator: Operator, statistics: Statistics, known: dict[Operator, float] | None = None
) -> float:
    """Expected number of entities with positive truth; 1 for a scalar.

    known: what was found before, under the same statistics; grows.
    """
    known = {} if known is None else known
    if operator in known:
        return known[operator]

    def unknown(one: Operator) -> tuple[Operator, ...]:
        return () if one in known else one.inputs

    def combine(one: Operator, below: tuple[float, ...]) -> float:
        if one not in known:
            known[one] = one.support(statistics, below)
        return known[one]

    return fold(operator, unknown, combine)


def price(
    operator: Operator, statistics: Statistics, known: dict[Operator, float] | None = None
) -> Price:
    """Walk the plan once; work under a bound variable is multiplied by its expected support.

    Variables bound around the operator count as one entity each. known: as of `support`. Raises
    LimitError for a plan of more than MAX_OPERATORS.
    """
    if operator.size > MAX_OPERATORS:
        raise LimitError(
            f"the plan of the question has {operator.size:,} operators; the limit is "
            f"{MAX_OPERATORS:,}",
            remedy="ask several questions, or nest fewer groups inside each other",
        )
    bill = _Bill(statistics, {} if known is None else known)
    waiting: list[tuple[Operator, dict[Variable, _Binding]]] = [(operator, {})]
    while waiting:
        one, bound = waiting.pop()
        bill.add(one, bound)
        parts = [(part, bound) for part in one.inputs]
        if isinstance(one, Binder):
            count = support(one.source, statistics, bill.supports)
            binding = _Binding(count, one.source.references)
            parts[-1] = one.body, bound | {one.variable: binding}
        waiting.extend(reversed(parts))
    rows = sum(bill.rows.values())
    flops = rows * statistics.row.flops + bill.bounded * (statistics.row.head_bounds or 0.0)
    return Price(rows, flops, bill.entries, bill.largest, bill.held)


@dataclass(frozen=True, slots=True)
class _Binding:
    count: float
    depends: frozenset[Variable]


class _Bill:
    """What the operators seen so far cost. bounded: how often bounds of all links are asked for."""

    def __init__(self, statistics: Statistics, supports: dict[Operator, float]) -> None:
        self.statistics = statistics
        self.supports = supports
        self.rows: dict[tuple[object, int], float] = {}
        self.bounded = 0.0
        self.largest = 0.0
        self.entries = 0.0
        self.held: dict[Operator, float] = {}

    def add(self, operator: Operator, bound: dict[Variable, _Binding]) -> None:
        """Add one operator, without its inputs."""
        times = 1.0
        if operator.references:
            times = prod(bound[v].count for v in _closure(operator.references, bound))
        held = times * support(operator, self.statistics, self.supports)
        self.largest = max(self.largest, held)
        self.entries += held
        self.held[operator] = held
        wanted = min(times, float(self.statistics.entity_count))
        if isinstance(operator, Reach | Column):
            # Bounds of all links to the target; of the rows at least that of the truest one.
            self.bounded += wanted
        if isinstance(operator, Row | Link | Reach | Column) and operator.relation != EQUALS:
            # A row is scored once per (entity, relation), so no variable asks for more than all.
            source = operator.source if isinstance(operator, Row | Link) else None
            key = (source, operator.relation)
            self.rows[key] = max(self.rows.get(key, 0.0), wanted)


def _closure(
    variables: frozenset[Variable], bound: dict[Variable, _Binding]
) -> frozenset[Variable]:
    found = {variable for variable in variables if variable in bound}
    waiting = list(found)
    while waiting:
        for variable in (bound[waiting.pop()].depends & bound.keys()) - found:
            found.add(variable)
            waiting.append(variable)
    return frozenset(found)


def _short(number: float) -> str:
    for size, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k")):
        if number >= size:
            return f"{number / size:.3g} {unit}"
    return f"{number:.3g}"
