"""What a plan is expected to cost, before anything runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import prod

from kgreason.formula import Constant, Variable
from kgreason.knowledge import FactIndex
from kgreason.normal import EQUALS, Node
from kgreason.planning.operators import (
    Column,
    Complement,
    Domain,
    Everything,
    Intersect,
    Operator,
    Project,
    Reach,
    Refine,
    Row,
    Support,
    Tabulate,
    Unite,
    inner,
    inputs,
    is_scalar,
    references,
)
from kgreason.predictors.protocol import RowPrice

# Gathering, combining and grouping one entry of a sparse vector takes as long as so many
# floating-point operations of a matrix product (measured on a CPU, to the order of magnitude).
_FLOPS_PER_ENTRY = 1000.0


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

    entries: of all intermediates together; largest: of the largest one.
    """

    rows: float
    flops: float
    entries: float
    largest: float

    @property
    def cost(self) -> float:
        """One figure to compare plans by, in floating-point operations."""
        return self.flops + _FLOPS_PER_ENTRY * self.entries

    def __str__(self) -> str:
        return (
            f"about {_short(self.rows)} rows, {_short(self.flops)} FLOPs, "
            f"largest intermediate {_short(self.largest)} entries"
        )


def support(operator: Operator, statistics: Statistics) -> float:
    """Expected number of entities with positive truth; 1 for a scalar."""
    total = float(statistics.entity_count)
    match operator:
        case Row(source, relation):
            return statistics.row_support(source, relation)
        case Column():
            return min(total, statistics.row.entries)
        case Everything():
            return total
        case Complement(part):
            return 1.0 if is_scalar(part) else total
        case Domain(relation):
            return statistics.domain(relation)
        case Intersect(parts):
            return min(support(part, statistics) for part in parts if _counts(operator, part))
        case Unite(parts):
            return min(total, sum(support(part, statistics) for part in parts))
        case Support(part):
            return support(part, statistics)
        case Project(_, source, body):
            return min(total, support(source, statistics) * support(body, statistics))
        case Refine(_, source, _):
            return support(source, statistics)
        case Tabulate(_, source, body):
            return support(source, statistics) * support(body, statistics)
        case _:
            return 1.0


def _counts(whole: Intersect, part: Operator) -> bool:
    """A scalar says nothing about the support of a vector."""
    return is_scalar(whole) or not is_scalar(part)


def price(operator: Operator, statistics: Statistics) -> Price:
    """Walk the plan once; work under a bound variable is multiplied by its expected support.

    Variables bound around the operator count as one entity each.
    """
    bill = _Bill(statistics)
    bill.add(operator, {})
    rows = sum(bill.rows.values())
    flops = rows * statistics.row.flops + bill.foreseen * (statistics.row.head_bounds or 0.0)
    return Price(rows, flops, bill.entries, bill.largest)


@dataclass(frozen=True, slots=True)
class _Binding:
    count: float
    depends: frozenset[Variable]


class _Bill:
    def __init__(self, statistics: Statistics) -> None:
        self.statistics = statistics
        self.rows: dict[tuple[object, int], float] = {}
        self.foreseen = 0.0
        self.largest = 0.0
        self.entries = 0.0

    def add(self, operator: Operator, bound: dict[Variable, _Binding]) -> None:
        times = prod(bound[v].count for v in _closure(references(operator), bound))
        held = times * support(operator, self.statistics)
        self.largest = max(self.largest, held)
        self.entries += held
        if isinstance(operator, Reach | Column):
            # Bounds of all links to the target; of the rows at least that of the truest one.
            self.foreseen += min(times, float(self.statistics.entity_count))
        source = getattr(operator, "source", None)
        relation = getattr(operator, "relation", EQUALS)
        if relation != EQUALS and not isinstance(operator, Domain):
            # A row is scored once per (entity, relation), so no variable asks for more than all.
            key = (source, relation)
            wanted = min(times, float(self.statistics.entity_count))
            self.rows[key] = max(self.rows.get(key, 0.0), wanted)
        if isinstance(operator, Project | Refine | Tabulate):
            self.add(operator.source, bound)
            binding = _Binding(
                support(operator.source, self.statistics), references(operator.source)
            )
            self.add(inner(operator), bound | {operator.variable: binding})
            return
        for part in inputs(operator):
            self.add(part, bound)


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
