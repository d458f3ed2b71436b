"""ULTRA over a knowledge graph: a pass of both networks for each head and relation."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence

import numpy as np
import torch
from torch import Tensor

from kgreason.interruption import go_on
from kgreason.predictors.gnn.edges import Edges
from kgreason.predictors.gnn.graph_scorer import GraphScorer
from kgreason.predictors.gnn.ultra.network import LAYERS, Ultra
from kgreason.predictors.gnn.ultra.paths import strongest_paths
from kgreason.predictors.gnn.ultra.relation_graph import relation_graph
from kgreason.predictors.protocol import Path
from kgreason.predictors.scorer import BlockShape, Coverage
from kgreason.ragged import Longs

LEAST_ODDS = -50.0
_MESSAGE_BYTES = 32 << 20
_MOST_ROWS = 8
_CACHE_BYTES = 64 << 20


class UltraScorer(GraphScorer):
    """Log-odds of every tail.

    facts: (facts, 3) of head, base relation, tail. sees: the relation as seen from which the others
    are described where a directed relation is asked; the released code describes an inverse
    relation as seen from its base relation. odds: (directed relations, 2) slope and offset that
    turn a logit into log-odds. notes: what a user should know.
    """

    def __init__(
        self,
        model: Ultra,
        facts: Longs,
        entity_count: int,
        relation_count: int,
        *,
        sees: Callable[[int], int] = int,
        odds: Tensor | None = None,
        notes: tuple[str, ...] = (),
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
    ) -> None:
        super().__init__(entity_count, 2 * relation_count, dtype, device)
        self._model = model.to(self._device, dtype)
        self._sees, self._notes = sees, notes
        plain = torch.tensor([[1.0, 0.0]]).expand(2 * relation_count, 2)
        self._odds = (plain if odds is None else odds).to(self._device, dtype)
        head, relation, tail = facts.T
        heads, tails = np.concatenate((head, tail)), np.concatenate((tail, head))
        directed = np.concatenate((2 * relation, 2 * relation + 1))
        edges = Edges.of(heads, directed, tails, entity_count, 2 * relation_count)
        meetings = relation_graph(heads, directed, 2 * relation_count, entity_count)
        self._edges, self._meetings = edges.to(self._device), meetings.to(self._device)
        self._described: OrderedDict[int, Tensor] = OrderedDict()
        row_bytes = max(1, len(edges.sender)) * model.dimension * torch.finfo(dtype).bits // 8
        self._rows = int(max(1, min(_MOST_ROWS, _MESSAGE_BYTES // row_bytes)))
        self._used = np.unique(directed)

    @property
    def name(self) -> str:
        return f"ULTRA ({self._model.parameter_count:,} parameters)"

    @property
    def notes(self) -> tuple[str, ...]:
        return self._notes

    @property
    def coverage(self) -> Coverage:
        """Relations without any fact have no place in the graph of relations."""
        known = torch.zeros(self._relation_count, dtype=torch.bool)
        known[torch.from_numpy(self._used)] = True
        return Coverage(None, None if bool(known.all()) else known)

    @property
    def flops(self) -> float:
        d, nodes = self._model.dimension, self._entity_count
        layer = 2 * len(self._edges) * d + nodes * 4 * d * d
        return float(LAYERS * layer + nodes * 8 * d * d)

    @property
    def block(self) -> BlockShape:
        return BlockShape(self._rows)

    @torch.no_grad()
    def scores(self, heads: Tensor, relations: Tensor) -> Tensor:
        parts = [torch.zeros(0, self._entity_count, dtype=self._dtype, device=self._device)]
        for start in range(0, len(heads), self._rows):
            go_on()
            part = slice(start, start + self._rows)
            parts.append(self._pass(heads[part].to(self._device), relations[part].tolist()))
        return torch.cat(parts)

    @torch.no_grad()
    def project(self, members: Tensor, relation: int) -> Tensor:
        """members: (entities,) in [0, 1] -> (entities,) the logistic of the logits from them all.

        As UltraQuery's weights are trained: the relation is described as seen from itself.
        """
        go_on()
        with self._lock:
            described = self._descriptions([relation])
        members = members.to(self._device, self._dtype)[None]
        logits = self._model(self._edges, members, described[relation], described)
        found: Tensor = logits[0].sigmoid()
        return found

    @torch.no_grad()
    def paths(self, head: int, relation: int, tail: int, most: int) -> tuple[Path, ...]:
        """See `strongest_paths`."""
        asked = self._asked(torch.tensor([head], device=self._device), [relation])

        def score(strengths: Sequence[Tensor]) -> Tensor:
            logits: Tensor = self._model(self._edges, *asked, strengths)
            return logits[0, tail]

        return strongest_paths(score, LAYERS, self._edges, head, tail, most)

    def _pass(self, heads: Tensor, relations: list[int]) -> Tensor:
        logits = self._model(self._edges, *self._asked(heads, relations))
        slope, offset = self._odds[relations].unsqueeze(-1).unbind(1)
        odds: Tensor = slope * logits + offset
        return odds.clamp_(min=LEAST_ODDS)

    def _asked(self, heads: Tensor, relations: list[int]) -> tuple[Tensor, Tensor, Tensor]:
        """Membership of the heads, the relations asked for, and all as seen from these."""
        with self._lock:
            described = self._descriptions([self._sees(relation) for relation in relations])
        row = torch.arange(len(heads), device=self._device)
        asked = described[torch.tensor(relations, device=self._device), row]
        membership = torch.zeros(
            len(heads), self._entity_count, dtype=self._dtype, device=self._device
        )
        membership[row, heads] = 1
        return membership, asked, described

    def _descriptions(self, relations: list[int]) -> Tensor:
        """(directed relations, batch, d) every relation as seen from each of these.

        One is computed at a time, so that its bits are those of any company.
        """
        found = {}
        for one in dict.fromkeys(relations):
            if one not in self._described:
                asked = torch.tensor([one], device=self._device)
                self._described[one] = self._model.describe(self._meetings, asked)[:, 0]
            self._described.move_to_end(one)
            found[one] = self._described[one]
        size = self._relation_count * self._model.dimension * self._odds.element_size()
        while len(self._described) * size > _CACHE_BYTES and len(self._described) > 1:
            self._described.popitem(last=False)
        return torch.stack([found[one] for one in relations], 1)
