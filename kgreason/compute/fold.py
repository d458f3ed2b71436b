"""Batching is a pass over finished graphs: equal steps of many questions become one node.

Two instances of a node with equal ids and equal inputs are one row, so a sub-question that several
questions share is computed once (after the folding of cirkit and of Dynamic Batching, Looks et al.
2017).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from kgreason.compute.graph import ComputationGraph, Node, Step, Wire

_Instance = tuple[tuple[int, ...], tuple[int, ...]]


@dataclass
class _Group:
    """Instances of one step over the same input groups: (ids, rows of the inputs) -> row.

    expected: entries of all instances.
    """

    step: Step
    sources: tuple[int, ...]
    axes: tuple[str, ...]
    columns: int
    instances: dict[_Instance, int] = field(default_factory=dict)
    expected: float = 0.0

    def row(self, instance: _Instance, expected: float) -> int:
        """Row of an instance, a new one if there is no equal one."""
        if instance not in self.instances:
            self.instances[instance] = len(self.instances)
            self.expected += expected
        return self.instances[instance]

    def node(self) -> Node:
        ids = [slots for slots, _ in self.instances]
        slots = np.array(ids, dtype=np.int64).reshape(len(ids), self.columns)
        wires = tuple(
            Wire(source, np.array([rows[i] for _, rows in self.instances], dtype=np.int64))
            for i, source in enumerate(self.sources)
        )
        return Node(replace(self.step, expected=self.expected), wires, slots, self.axes)


def fold(graphs: Sequence[ComputationGraph]) -> ComputationGraph:
    """One graph for all questions; its outputs are those of the graphs, in order."""
    groups: dict[tuple[Step, tuple[int, ...]], int] = {}
    ordered: list[_Group] = []
    outputs: list[tuple[int, int]] = []
    for graph in graphs:
        placed: list[list[tuple[int, int]]] = []
        for node in graph.nodes:
            placed.append(_place(node, placed, groups, ordered))
        outputs.extend(placed[node][row] for node, row in graph.outputs)
    return ComputationGraph(tuple(group.node() for group in ordered), tuple(outputs))


def _place(
    node: Node,
    placed: list[list[tuple[int, int]]],
    groups: dict[tuple[Step, tuple[int, ...]], int],
    ordered: list[_Group],
) -> list[tuple[int, int]]:
    """(group, row) of every instance of a node."""
    # The inputs of a node live each in one group, because its step's instances are alike.
    sources = tuple(placed[wire.node][0][0] for wire in node.wires)
    step = replace(node.step, inputs=tuple(range(len(sources))))
    key = (step, sources)
    if key not in groups:
        groups[key] = len(ordered)
        ordered.append(_Group(step, sources, node.axes, node.slots.shape[1]))
    index = groups[key]
    found = []
    for i in range(node.size):
        rows = tuple(placed[wire.node][int(wire.rows[i])][1] for wire in node.wires)
        instance = (tuple(node.slots[i].tolist()), rows)
        row = ordered[index].row(instance, node.step.expected / node.size)
        found.append((index, row))
    return found
