"""Several answer variables: which are enumerated, in which order, and over what."""

from __future__ import annotations

from kgreason.formula import Variable
from kgreason.planning.conjunction import Part, union
from kgreason.planning.operators import Operator, Tabulate
from kgreason.planning.planner import Planner
from kgreason.walks import Walk

Columns = tuple[Variable, ...]


def table(planner: Planner, free: Columns, part: Part) -> Walk[tuple[Operator, Columns]]:
    """Enumerate all answer variables but the last; returns the column order too."""
    bound: list[tuple[Variable, Operator]] = []
    left = free
    while len(left) > 1:
        choices: list[tuple[float, Variable, Operator, Part]] = []
        for variable in planner.costs.promising(part, left):
            others = tuple(v for v in left if v != variable)
            source, rest = yield _column(planner, variable, part, others)
            choices.append((planner.costs.support(source), variable, source, rest))
        _, variable, source, part = min(choices, key=lambda choice: choice[0])
        bound.append((variable, source))
        left = tuple(v for v in left if v != variable)
    body: Operator = yield planner.vector(left[0], part)
    for variable, source in reversed(bound):
        body = Tabulate(variable, source, body)
    return body, (*(variable for variable, _ in bound), *left)


def _column(
    planner: Planner, variable: Variable, part: Part, others: Columns
) -> Walk[tuple[Operator, Part]]:
    """What one answer variable may be, and the part that is left for the others."""
    if not planner.movable:
        return (yield planner.candidates(variable, part)), part
    whole, mask = part.whole, part.whole.mask(others)
    groups = Part(whole, part.members, part.inner | mask).components()
    planner.costs.spent += len(part)
    ends = whole.touched_by(mask)
    near = [group for group in groups if group.members & ends]
    beyond = union(whole, [group for group in groups if not group.members & ends])
    source: Operator = yield planner.source(variable, beyond, near)
    rest = union(whole, near)
    return source, Part(whole, rest.members, rest.inner & ~mask)
