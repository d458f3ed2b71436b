"""What will be computed: a DAG of batched steps, free of question shapes and of ids.

A `Step` is a template: it says what to do, and names its terms as slots (ids that differ from one
instance to the next) or as bound variables (by nesting depth). A `Node` is a step applied to many
instances at once. Axes are named: `instance` (one row per question that needs the step), `entity`,
and inside a block `pair` (one row per instance and entity of the variable it binds).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from enum import Enum

import numpy as np
from numpy.typing import NDArray


class Kind(Enum):
    """What a step does to its inputs."""

    ROW = "row"
    IDENTITY = "identity"
    LINK = "link"
    REACH = "reach"
    COLUMN = "column"
    EVERYTHING = "everything"
    DOMAIN = "domain"
    INTERSECT = "intersect"
    UNITE = "unite"
    COMPLEMENT = "complement"
    SUPPORT = "support"
    SOME = "some"
    PROJECT = "project"
    REFINE = "refine"
    TABULATE = "tabulate"
    OUTER = "outer"


BINDERS = frozenset({Kind.PROJECT, Kind.REFINE, Kind.TABULATE})


@dataclass(frozen=True, slots=True)
class Slot:
    """A column of the instance's table of ids."""

    column: int


@dataclass(frozen=True, slots=True)
class Bound:
    """The entity of an enclosing binder, by nesting depth (0 is the outermost)."""

    depth: int


Reference = Slot | Bound


@dataclass(frozen=True, slots=True)
class Step:
    """One operation of a template.

    inputs: indexes of earlier steps; a binder's are its source and then what its block takes from
    outside. references: the terms, and for ROW, LINK, REACH, COLUMN and DOMAIN the relation's
    slot, last. number: for OUTER, which of the binder's outside inputs it stands for; for TABULATE,
    how many variables its table binds. expected: entries that the plan expects of all instances.
    """

    kind: Kind
    inputs: tuple[int, ...] = ()
    references: tuple[Reference, ...] = ()
    block: Block | None = None
    number: int = 0
    expected: float = field(default=0.0, compare=False)


@dataclass(frozen=True, slots=True)
class Block:
    """The body of a binder, computed once per pair of (instance, entity of the bound variable)."""

    steps: tuple[Step, ...]
    result: int


@dataclass(frozen=True, slots=True)
class Wire:
    """Where an input comes from: rows of an earlier node. rows: (size,) int64."""

    node: int
    rows: NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Node:
    """A step applied to a batch. slots: (size, columns) int64 ids of entities and relations."""

    step: Step
    wires: tuple[Wire, ...]
    slots: NDArray[np.int64]
    axes: tuple[str, ...]

    @property
    def size(self) -> int:
        return int(self.slots.shape[0])


@dataclass(frozen=True, slots=True)
class ComputationGraph:
    """Nodes in an order in which each comes after its inputs; outputs: (node, row) per question."""

    nodes: tuple[Node, ...]
    outputs: tuple[tuple[int, int], ...]

    def steps(self) -> Iterator[tuple[str, Step]]:
        """Every step under its name: `%2`, and `%2.1` for a step in its block."""
        waiting = [(f"%{i}", node.step) for i, node in reversed(list(enumerate(self.nodes)))]
        while waiting:
            name, step = waiting.pop()
            if step.kind is not Kind.OUTER:
                yield name, step
            inner = step.block.steps if step.block else ()
            waiting.extend((f"{name}.{i}", one) for i, one in reversed(list(enumerate(inner))))

    def __str__(self) -> str:
        lines = []
        for i, node in enumerate(self.nodes):
            inputs = ", ".join(f"%{wire.node}" for wire in node.wires)
            inside = f" with {_size(node.step)} steps per pair" if node.step.block else ""
            lines.append(
                f"%{i} = {node.step.kind.value}({inputs}) × {node.size} "
                f"[{', '.join(node.axes)}]{inside}"
            )
        return "\n".join(lines)


def _size(step: Step) -> int:
    if step.block is None:
        return 1
    return sum(_size(inner) for inner in step.block.steps)
