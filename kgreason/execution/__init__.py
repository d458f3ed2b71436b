"""Execution: `Executor.execute` evaluates a `ComputationGraph` under a logic and a predictor."""

from kgreason.execution.execute import Executor
from kgreason.execution.row_store import RowStore, Work
from kgreason.execution.values import Bounds, Exact, Table, Truths, Value, lower, upper

__all__ = [
    "Bounds",
    "Exact",
    "Executor",
    "RowStore",
    "Table",
    "Truths",
    "Value",
    "Work",
    "lower",
    "upper",
]
