"""What EpiGNN says of all pairs of one entity, each read from both ends.

For relations that exclude each other. A pair is swept forward from its head and backward from its
tail, as in training; that takes two sweeps a pair, so only entities among few others are read so.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from itertools import groupby
from operator import itemgetter

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgreason.predictors.gnn.epignn.graphs import Edge, PairGraphs
from kgreason.predictors.gnn.epignn.model import EpiGNN, logarithms, start_state
from kgreason.predictors.gnn.epignn.pairs import batch_of, pair_states

MOST_CONNECTED = 128
"""Entities connected to each other, at most, for their pairs to be read from both ends."""
_BATCH_EDGES = 100_000


class PairReader:
    """The pairs among small groups of connected entities.

    facts: (facts, 3) of head, base relation of the model, tail. rounds: of a sweep, None for what
    each graph needs.
    """

    def __init__(
        self,
        model: EpiGNN,
        facts: NDArray[np.int64],
        rounds: int | None,
        *,
        dtype: torch.dtype,
        device: torch.device,
    ) -> None:
        self._model = copy.deepcopy(model).to(device, dtype)
        self._rounds = rounds
        edges: Sequence[Edge] = [(edge[0], edge[1], edge[2]) for edge in facts.tolist()]
        group = _groups(edges)
        self._group = group
        self._members: dict[int, list[int]] = {}
        for entity, number in group.items():
            self._members.setdefault(number, []).append(entity)
        by_group = sorted(((group[edge[0]], edge) for edge in edges), key=itemgetter(0))
        self._edges = {
            number: [edge for _, edge in part] for number, part in groupby(by_group, itemgetter(0))
        }

    @property
    def largest(self) -> int:
        """Entities of the largest group."""
        return max(map(len, self._members.values()), default=0)

    def reads(self, entity: int) -> bool:
        """Whether the entity's pairs are read from both ends."""
        return len(self._members.get(self._group.get(entity, -1), ())) <= MOST_CONNECTED

    def states(self, entity: int, *, as_tail: bool) -> tuple[Tensor, Tensor]:
        """(reached,) entities and (reached, n) logarithms of what both sweeps say of each pair.

        The entity is the head of all pairs, or the tail; to itself it has the identity. Others that
        no way leads to are left out. Always computed in the same shapes.
        """
        number = self._group.get(entity, -1)
        others = [other for other in self._members.get(number, ()) if other != entity]
        edges = self._edges.get(number, [])
        pairs = [(other, entity) if as_tail else (entity, other) for other in others]
        graphs = PairGraphs.of((edges, *pair) for pair in pairs)
        kept, states = self._read(graphs, max(1, _BATCH_EDGES // max(1, len(edges))))
        itself = logarithms(start_state(self._model.design, dtype=states.dtype)).to(states.device)
        reached = torch.tensor(others, dtype=torch.int64)[kept]
        entities = torch.cat((reached, torch.tensor([entity]))).to(states.device)
        return entities, torch.cat((states, itself.unsqueeze(0)))

    def _read(self, graphs: PairGraphs, size: int) -> tuple[Tensor, Tensor]:
        """Which graphs connect their pair, (graphs,) bool, and the states of these."""
        design, kept, found = self._model.design, [], []
        like = self._model.relation
        with torch.no_grad():
            for chosen in np.split(np.arange(len(graphs)), range(size, len(graphs), size)):
                if not len(chosen):
                    continue
                batch = batch_of(graphs, chosen, self._model.relation_count, self._rounds)
                connected = torch.zeros(len(chosen), dtype=torch.bool)
                connected[batch.owner[batch.informed]] = True
                logs = logarithms(pair_states(self._model, batch)).flatten(1)
                kept.append(connected)
                found.append(logs[connected.to(logs.device)])
        none = torch.zeros(0, dtype=torch.bool)
        return torch.cat([none, *kept]), torch.cat([like.new_zeros((0, design.dimension)), *found])


def _groups(edges: Sequence[Edge]) -> dict[int, int]:
    """By entity, the number of its group: entities that edges connect, taken either way."""
    near: dict[int, list[int]] = {}
    for source, _, target in edges:
        near.setdefault(source, []).append(target)
        near.setdefault(target, []).append(source)
    group: dict[int, int] = {}
    for entity in sorted(near):
        if entity in group:
            continue
        group[entity] = entity
        frontier = [entity]
        for node in frontier:
            ahead = [other for other in near[node] if other not in group]
            group |= dict.fromkeys(ahead, entity)
            frontier += dict.fromkeys(ahead)
    return group
