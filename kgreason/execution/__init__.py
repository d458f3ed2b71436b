"""Execution: `Executor.execute` evaluates a `ComputationGraph` under a logic and a predictor."""

from kgreason.execution.budget import Budget, OutOfBudget
from kgreason.execution.depth import ALL, FIRST, Depth
from kgreason.execution.execute import Executor
from kgreason.execution.row_store import RowStore, Work
from kgreason.execution.values import Bounds, Exact, Table, Truths, Value, least, most

__all__ = [
    "ALL",
    "FIRST",
    "Bounds",
    "Budget",
    "Depth",
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
