"""Planning: `plan` chooses an elimination order for a `QueryGraph` and prices it."""

from kgreason.planning.operators import (
    Binder,
    Column,
    Complement,
    Domain,
    Everything,
    Intersect,
    Link,
    Operator,
    Project,
    Reach,
    Refine,
    Row,
    Scan,
    Some,
    Support,
    Tabulate,
    Unite,
)
from kgreason.planning.plan import Plan, plan, plan_for
from kgreason.planning.price import Price, Statistics

__all__ = [
    "Binder",
    "Column",
    "Complement",
    "Domain",
    "Everything",
    "Intersect",
    "Link",
    "Operator",
    "Plan",
    "Price",
    "Project",
    "Reach",
    "Refine",
    "Row",
    "Scan",
    "Some",
    "Statistics",
    "Support",
    "Tabulate",
    "Unite",
    "plan",
    "plan_for",
]
