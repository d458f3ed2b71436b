"""Execution: `Executor.execute` evaluates a `ComputationGraph` under a logic and a predictor."""

from kgreason.execution.execute import Executor
from kgreason.execution.row_store import RowStore, Work
from kgreason.execution.values import Table, Value

__all__ = ["Executor", "RowStore", "Table", "Value", "Work"]
