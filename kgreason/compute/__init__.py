"""Compute: `lower` turns a plan into a `ComputationGraph`, `fold` batches many into one."""

from kgreason.compute.fold import fold
from kgreason.compute.graph import (
    BINDERS,
    Block,
    Bound,
    ComputationGraph,
    Kind,
    Node,
    Reference,
    Slot,
    Step,
    Wire,
)
from kgreason.compute.lower import lower

__all__ = [
    "BINDERS",
    "Block",
    "Bound",
    "ComputationGraph",
    "Kind",
    "Node",
    "Reference",
    "Slot",
    "Step",
    "Wire",
    "fold",
    "lower",
]
