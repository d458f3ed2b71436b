"""EpiGNN over a knowledge graph: log-odds of every tail and every relation from one sweep a head.

Nothing is remembered about entities: a model answers over any graph that has its relations.
"""

from __future__ import annotations

from collections import OrderedDict
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from kgreason.interruption import go_on
from kgreason.predictors.gnn.epignn.batch import LEAST_ROWS, MOST_ROUNDS
from kgreason.predictors.gnn.epignn.checkpoint import TrainedEpiGNN
from kgreason.predictors.gnn.epignn.graphs import needed_rounds
from kgreason.predictors.gnn.epignn.model import logarithms
from kgreason.predictors.gnn.epignn.neighbours import Neighbours, Surroundings
from kgreason.predictors.gnn.epignn.paths import Rounds, Tracer
from kgreason.predictors.gnn.epignn.propagation import sweep
from kgreason.predictors.gnn.epignn.readout import MOST_CONNECTED, PairReader
from kgreason.predictors.gnn.graph_scorer import GraphScorer
from kgreason.predictors.gnn.odds import UNREACHED
from kgreason.predictors.protocol import Path, backwards
from kgreason.predictors.scorer import Coverage
from kgreason.ragged import Longs

if TYPE_CHECKING:
    from numpy.typing import NDArray

LEAST_ODDS = -50.0
_CACHE_BYTES = 256 * 2**20
_SWEEP_BYTES = 8 * 2**20
_MOST_HEADS = 64
_PROBED_HEADS = 4

Swept = tuple[Tensor, Tensor]


class EpiGNNScorer(GraphScorer):
    """A trained model and the facts it reasons from.

    facts: (facts, 3) of head, base relation, tail, relations numbered as the model's names.
    relations: (directed relations of the graph,) directed relation of the model, −1 for none.
    """

    def __init__(
        self,
        trained: TrainedEpiGNN,
        facts: NDArray[np.int64],
        entity_count: int,
        relations: Longs,
        *,
        dtype: torch.dtype = torch.float32,
        device: str | torch.device = "cpu",
    ) -> None:
        self.trained = trained
        super().__init__(entity_count, len(relations), dtype, device)
        self._relations = relations
        self._facts = facts
        model = trained.model
        self._design = model.design
        with torch.no_grad():
            matrices = torch.cat((model.forward_matrices(), model.backward_matrices()))
            vectors = model.relations().flatten(1) * model.factors().unsqueeze(1)
        self._matrices = matrices.to(self._device, dtype).unbind()
        self._vectors = (vectors / self._design.facets).to(self._device, dtype)
        self._odds = trained.odds.to(self._device, dtype)
        self._ways = _ways(trained, facts, entity_count)
        self._pairs: PairReader | None = None
        if trained.exclusive:
            self._pairs = PairReader(model, facts, trained.rounds, dtype=dtype, device=self._device)
        self._cache: OrderedDict[tuple[int, int], Swept] = OrderedDict()
        self._cached = 0
        self._last: tuple[int, Surroundings, Rounds] | None = None
        self._heads = self._heads_at_once()

    @property
    def name(self) -> str:
        design = self._design
        return (
            f"EpiGNN ({design.facets} facets of {design.facet}, {design.pooling}, "
            f"{self.trained.model.parameter_count:,} parameters)"
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What lies beyond the model's rounds, as far as a few heads show; what is read how."""
        if self._pairs is not None and self._pairs.largest > MOST_CONNECTED:
            return (
                f"{self._pairs.largest:,} entities are connected: beyond {MOST_CONNECTED:,}, pairs "
                "are read from their head alone.",
            )
        rounds = self.trained.rounds
        if rounds is None or not len(self._facts):
            return ()
        needed = self._farthest()
        if needed <= rounds:
            return ()
        return (
            f"{rounds} rounds do not reach all of the graph, which takes up to {needed}: "
            "entities farther apart take part in known facts only.",
        )

    @property
    def coverage(self) -> Coverage:
        known = self._relations >= 0
        return Coverage(None, None if known.all() else torch.from_numpy(known))

    @property
    def flops(self) -> float:
        rounds = min(self.trained.rounds or 8, 8)
        return 2 * self._edges_around * rounds * self._design.dimension**2

    def scores(self, heads: Tensor, relations: Tensor) -> Tensor:
        """Log-odds (rows, entities) that the relation holds, UNREACHED where no way leads.

        A row has the same bits in any company: what is computed for a head has one shape.
        """
        scores = torch.full(
            (len(heads), self._entity_count), UNREACHED, dtype=self._dtype, device=self._device
        )
        wanted = self._relations[relations.cpu().numpy()]
        ways = wanted % 2 if self.trained.exclusive else np.zeros_like(wanted)
        for way in np.unique(ways).tolist():
            rows = np.flatnonzero(ways == way)
            keys = heads.cpu().numpy()[rows]
            size = self._heads
            fresh = np.unique(keys)
            for part in (fresh[i : i + size] for i in range(0, len(fresh), size)):
                go_on()
                with self._lock:
                    swept = self._swept(part, way)
                for row in rows[np.isin(keys, part)].tolist():
                    entities, logs = swept[int(heads[row])]
                    scores[row, entities] = self._log_odds(logs, int(wanted[row]))
        return scores

    def paths(self, head: int, relation: int, tail: int, most: int) -> tuple[Path, ...]:
        """At most so many paths of facts that support a link, strongest first."""
        wanted = int(self._relations[relation])
        if wanted < 0:
            return ()
        if not self.trained.exclusive:
            return self._traced(head, wanted, tail, most)
        if wanted % 2 == 0:
            return self._traced(head, wanted // 2, tail, most)
        return tuple(backwards(path) for path in self._traced(tail, wanted // 2, head, most))

    def _traced(self, head: int, label: int, tail: int, most: int) -> tuple[Path, ...]:
        with self._lock:
            around, swept = self._rounds_from(head)
        place = np.flatnonzero(around.entity == tail)
        if not len(place):
            return ()
        tracer = Tracer(swept, self._matrices, self._design, self._vectors[label])
        found = tracer.paths(int(place[0]), most)
        named = {own: directed for directed, own in enumerate(self._relations.tolist())}
        step = 2 if self.trained.exclusive else 1
        entity = around.entity.tolist()
        return tuple(
            tuple((entity[s], named[step * label], entity[t]) for s, label, t in path)
            for path in found
        )

    def _rounds_from(self, head: int) -> tuple[Surroundings, Rounds]:
        """The sweep from a head with all its rounds; that of the last head is kept."""
        if self._last is None or self._last[0] != head:
            heads = np.array([head])
            around = self._ways[0].around(heads, self._rounds(heads, 0))
            levels = around.union.levels(self._device, padded=True)
            with torch.no_grad():
                swept = Rounds.of(around.union, levels, self._matrices, self._design)
            self._last = (head, around, swept)
        return self._last[1:]

    def _log_odds(self, logs: Tensor, relation: int) -> Tensor:
        if self.trained.exclusive:
            shares = torch.log_softmax((logs @ self._vectors.T) * self._odds[:, 0], 1)
            shares = shares[:, relation // 2]
            odds = shares - torch.log(-torch.expm1(shares.clamp(max=-1e-7)))
        else:
            slope, offset = self._odds[relation].unbind()
            odds = slope * (logs @ self._vectors[relation]) + offset
        return odds.clamp(min=LEAST_ODDS)

    def _swept(self, heads: Longs, way: int) -> dict[int, Swept]:
        """By head: the (reached,) entities and the logarithms (reached, n) of their states."""
        found = {}
        for head in heads.tolist():
            if (head, way) in self._cache:
                self._cache.move_to_end((head, way))
                found[head] = self._cache[head, way]
        missing = np.array([head for head in heads.tolist() if head not in found], dtype=np.int64)
        if len(missing):
            fresh = self._sweep(missing, way)
            found |= fresh
            for head, swept in fresh.items():
                self._keep((head, way), swept)
        return found

    def _sweep(self, heads: Longs, way: int) -> dict[int, Swept]:
        if self._pairs is not None:
            near = [head for head in heads.tolist() if self._pairs.reads(head)]
            found = {head: self._pairs.states(head, as_tail=way == 1) for head in near}
            far = np.setdiff1d(heads, np.array(near, dtype=np.int64))
            return found | (self._sweep_from(far, way) if len(far) else {})
        return self._sweep_from(heads, way)

    def _sweep_from(self, heads: Longs, way: int) -> dict[int, Swept]:
        around = self._ways[way].around(heads, self._rounds(heads, way))
        levels = around.union.levels(self._device, padded=True)
        with torch.no_grad():
            logs = logarithms(sweep(around.union, levels, self._matrices, self._design))
        sizes = np.diff(around.starts).tolist()
        parts = torch.from_numpy(around.entity).to(self._device).split(sizes)
        # Copies begin at aligned addresses, whatever company they were computed in.
        return {
            head: (entities.clone(), one.clone())
            for head, entities, one in zip(heads.tolist(), parts, logs.split(sizes), strict=True)
        }

    def _rounds(self, heads: Longs, way: int) -> Longs:
        if self.trained.rounds is not None:
            return np.full(len(heads), self.trained.rounds, dtype=np.int64)
        order = (0, 1, 2) if way == 0 else (2, 1, 0)
        edges = [(edge[0], edge[1], edge[2]) for edge in self._facts[:, order].tolist()]
        needed = [min(MOST_ROUNDS, needed_rounds(edges, head)) for head in heads.tolist()]
        return np.array(needed, dtype=np.int64)

    def _keep(self, key: tuple[int, int], swept: Swept) -> None:
        self._cache[key] = swept
        self._cached += _bytes(swept)
        while self._cached > _CACHE_BYTES and len(self._cache) > 1:
            _, old = self._cache.popitem(last=False)
            self._cached -= _bytes(old)

    def _heads_at_once(self) -> int:
        """How many heads are swept together: 1 where products round differently in company."""
        n = self._design.dimension
        random = torch.Generator().manual_seed(0)
        rows = torch.rand((2048, n), generator=random).to(self._device, self._dtype)
        whole = rows @ self._matrices[0]
        sizes = (LEAST_ROWS, LEAST_ROWS + 1, 7, 64, 500)
        same = all(torch.equal(rows[:s].clone() @ self._matrices[0], whole[:s]) for s in sizes)
        if not same or self._device.type != "cpu":
            return 1
        edge_bytes = max(1.0, self._edges_around) * n * rows.element_size()
        return int(max(1, min(_MOST_HEADS, _SWEEP_BYTES // edge_bytes)))

    @cached_property
    def _edges_around(self) -> float:
        """Edges of one head's sweep, as a few heads show: what bounds a round's work."""
        rounds = np.array([self.trained.rounds or self._entity_count], dtype=np.int64)
        around = [self._ways[0].around(np.array([head]), rounds) for head in self._some_heads()]
        return sum(len(one.union.source) for one in around) / max(1, len(around))

    def _farthest(self) -> int:
        """Steps from a few heads to what is farthest from each."""
        way = self._ways[0]
        limit = np.array([self._entity_count], dtype=np.int64)
        distances = (way.around(np.array([h]), limit).union.distance for h in self._some_heads())
        return max(int(distance.max()) for distance in distances)

    def _some_heads(self) -> list[int]:
        heads = np.unique(self._facts[:, 0])
        some = np.arange(min(_PROBED_HEADS, len(heads))) * len(heads) // _PROBED_HEADS
        return [int(head) for head in np.unique(heads[some])]


def _ways(
    trained: TrainedEpiGNN, facts: NDArray[np.int64], entities: int
) -> tuple[Neighbours, ...]:
    """Edges of the sweeps: of one over both directions, or of one forward and one backward."""
    head, relation, tail = facts.T
    if not trained.exclusive:
        both = (np.concatenate((head, tail)), np.concatenate((tail, head)))
        label = np.concatenate((2 * relation, 2 * relation + 1))
        return (Neighbours.of(both[0], label, both[1], entities),)
    backward = Neighbours.of(tail, relation + len(trained.names), head, entities)
    return (Neighbours.of(head, relation, tail, entities), backward)


def _bytes(swept: Swept) -> int:
    return sum(part.numel() * part.element_size() for part in swept)
