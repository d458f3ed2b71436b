"""Execution: `Executor.execute` evaluates a `ComputationGraph` under a logic and a predictor."""

from kgreason.execution.budget import Budget, BudgetExceeded, BudgetMeter, Profile, StepWork, Work
from kgreason.execution.execution import Execution, Setting
from kgreason.execution.executor import Executor
from kgreason.execution.rows import RowStore
from kgreason.execution.session import Session, lock_of
from kgreason.execution.values import (
    Bounds,
    Exact,
    Open,
    Table,
    TableBounds,
    Truths,
    Value,
    is_open,
    lower,
    upper,
)

__all__ = [
    "Bounds",
    "Budget",
    "BudgetExceeded",
    "BudgetMeter",
    "Exact",
    "Execution",
    "Executor",
    "Open",
    "Profile",
    "RowStore",
    "Session",
    "Setting",
    "StepWork",
    "Table",
    "TableBounds",
    "Truths",
    "Value",
    "Work",
    "is_open",
    "lock_of",
    "lower",
    "upper",
]
