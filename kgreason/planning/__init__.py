"""Planning: `plan` chooses an elimination order for a `QueryGraph` and prices it."""

from kgreason.planning.operators import (
    Complement,
    Domain,
    Everything,
    Intersect,
    Link,
    Operator,
    Project,
    Refine,
    Row,
    Some,
    Support,
    Tabulate,
    Unite,
    inner,
    inputs,
    is_scalar,
    references,
)
from kgreason.planning.plan import Plan, plan, plan_for
from kgreason.planning.price import Price, Statistics

__all__ = [
    "Complement",
    "Domain",
    "Everything",
    "Intersect",
    "Link",
    "Operator",
    "Plan",
    "Price",
    "Project",
    "Refine",
    "Row",
    "Some",
    "Statistics",
    "Support",
    "Tabulate",
    "Unite",
    "inner",
    "inputs",
    "is_scalar",
    "plan",
    "plan_for",
    "references",
]
