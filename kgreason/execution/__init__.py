"""Execution: `Executor.execute` evaluates a `ComputationGraph` under a logic and a predictor."""

from kgreason.execution.budget import Budget, OutOfBudget
from kgreason.execution.execute import Executor
from kgreason.execution.row_store import RowStore, Work
from kgreason.execution.values import Bounds, Exact, Table, Truths, Value, least, most

__all__ = [
    "Bounds",
    "Budget",
    "Exact",
    "Executor",
    "OutOfBudget",
    "RowStore",
    "Table",
    "Truths",
    "Value",
    "Work",
    "least",
    "most",
]
