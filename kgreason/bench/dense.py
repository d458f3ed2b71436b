"""The textbook evaluation that the engine is measured against: entity × entity products.

∃x. C(x) ∧ r(x, y) is max over x of T(C(x), A[x, y]) with a dense A of all entities, variables
without a cycle are eliminated leaf by leaf, and in a cycle one variable is enumerated (FIT: Yin et
al., ICLR 2024, algorithm 1; QTO: Bai et al., ICML 2023, equation 9).
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import TypedDict

import torch
from torch import Tensor

from kgreason.bench.roofline import clock
from kgreason.errors import LimitError, UnsupportedError
from kgreason.execution import RowStore
from kgreason.formula import Constant, Variable
from kgreason.normal import Alternatives, Edge, Member, NegatedGroup, QueryGraph
from kgreason.normal.query_graph import EQUALS
from kgreason.truth import Logic

Sets = dict[Variable, Tensor]
"""The fuzzy set of each variable so far: (entities,) truths."""


class DenseEvaluator:
    """Truths of question graphs with one answer variable, under a logic whose ∃ is the maximum.

    The matrices are at hand before the clock starts: `seconds` leaves out filling them. Rows of
    entities that cannot be a value stay 0: neither the result nor the time of a dense product
    depends on them. max_memory: bytes that the blocks of a product may take, besides matrices.
    """

    def __init__(
        self,
        store: RowStore,
        logic: Logic,
        max_memory: int,
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        self._store = store
        self._logic = logic
        self._count = store.predictor.entity_count
        self._kind: _Kind = {"dtype": dtype, "device": torch.device(device)}
        self._clock = clock(device)
        self._rows = max(1, max_memory // 4 // (4 * self._count))
        self._idle: list[Tensor] = []
        self._building = 0.0
        self.seconds = 0.0

    def truths(self, graph: QueryGraph) -> Tensor:
        """(entities,); UnsupportedError for a graph that the textbook has no rule for."""
        start, self._building = self._clock(), 0.0
        found = self._evaluate(graph)
        self.seconds += self._clock() - start - self._building
        return found

    def _evaluate(self, graph: QueryGraph) -> Tensor:
        if len(graph.free) != 1:
            raise _unsupported(f"{len(graph.free)} free variables in one group")
        sets = {v: torch.ones(self._count, **self._kind) for v in (*graph.free, *graph.inner)}
        links = []
        for member in graph.members:
            if len(member.variables) == 2 and isinstance(member, Edge):
                links.append(member)
                continue
            (variable,) = member.variables if len(member.variables) == 1 else (None,)
            if variable is None:
                raise _unsupported("a group over several variables")
            sets[variable] = self._logic.conjoin(sets[variable], self._own(member, sets[variable]))
        return self._solve(sets, links, graph.free[0])

    def _own(self, member: Member, within: Tensor) -> Tensor:
        """Truth of a member with one variable, for each of its values."""
        if isinstance(member, NegatedGroup):
            return self._logic.negate(self._evaluate(member.body))
        if isinstance(member, Alternatives):
            first, *others = (self._evaluate(option) for option in member.options)
            for other in others:
                first = self._logic.disjoin(first, other)
            return first
        if member.relation == EQUALS or member.source == member.target:
            raise _unsupported("a loop, or an identity")
        if isinstance(member.source, Constant):
            found = self._row(member.relation, member.source.name)
        else:
            assert isinstance(member.target, Constant)
            found = self._column(member.relation, member.target.name, within)
        return self._logic.negate(found) if member.negated else found

    def _solve(self, sets: Sets, links: Sequence[Edge], free: Variable) -> Tensor:
        """Eliminate every variable but the free one."""
        sets, links = dict(sets), list(links)
        while len(sets) > 1:
            inner = [variable for variable in sets if variable != free]
            leaf = next((v for v in inner if len(_neighbours(links, v)) < 2), None)
            if leaf is None:
                return self._enumerated(sets, links, free)
            mine = [link for link in links if leaf in link.variables]
            links = [link for link in links if leaf not in link.variables]
            others = _neighbours(mine, leaf)
            to = others[0] if others else free
            if others:
                found = self._projected(sets[leaf], sets[to], mine, leaf)
            else:
                found = sets[leaf].max()
            sets[to] = self._logic.conjoin(sets[to], found)
            del sets[leaf]
        return sets[free]

    def _projected(
        self, source: Tensor, target: Tensor, links: Sequence[Edge], leaf: Variable
    ) -> Tensor:
        """Max over x of T(source(x), links(x, y)): (entities,)."""
        matrices = [self._filled(link, source if link.source == leaf else target) for link in links]
        found = torch.zeros(self._count, **self._kind)
        for start in range(0, self._count, self._rows):
            here = slice(start, start + self._rows)
            part = source[here, None]
            for link, matrix in zip(links, matrices, strict=True):
                block = matrix[here] if link.source == leaf else matrix[:, here].T
                block = self._logic.negate(block) if link.negated else block
                part = self._logic.conjoin(part, block)
            found = found.maximum(part.amax(0))
        self._idle += matrices
        return found

    def _enumerated(self, sets: Sets, links: Sequence[Edge], free: Variable) -> Tensor:
        """Max over the values of one variable of a cycle, the one with the fewest."""
        chosen = min((v for v in sets if v != free), key=lambda v: int((sets[v] > 0).sum()))
        left = [link for link in links if chosen not in link.variables]
        mine = [link for link in links if chosen in link.variables]
        found = torch.zeros(self._count, **self._kind)
        for value in torch.nonzero(sets[chosen]).flatten().tolist():
            others = {v: truths for v, truths in sets.items() if v != chosen}
            for link in mine:
                (end,) = (v for v in link.variables if v != chosen)
                if link.source == chosen:
                    truths = self._row(link.relation, value)
                else:
                    truths = self._column(link.relation, value, others[end])
                truths = self._logic.negate(truths) if link.negated else truths
                others[end] = self._logic.conjoin(others[end], truths)
            whole = self._solve(others, left, free)
            found = found.maximum(self._logic.conjoin(sets[chosen][value], whole))
        return found

    def _row(self, relation: int, entity: int) -> Tensor:
        start = self._clock()
        device = self._kind["device"]
        pair = (torch.tensor([number], device=device) for number in (entity, relation))
        found = self._store.gather(*pair).dense()[0]
        self._building += self._clock() - start
        return found

    def _column(self, relation: int, entity: int, within: Tensor) -> Tensor:
        """Truths towards one entity, of the entities that `within` lists."""
        start = self._clock()
        heads = torch.nonzero(within).flatten()
        rows = self._store.gather(heads, torch.full_like(heads, relation))
        found = torch.zeros(self._count, **self._kind)
        found[heads] = rows.at(torch.arange(len(rows), device=heads.device) * self._count + entity)
        self._building += self._clock() - start
        return found

    def _filled(self, link: Edge, within: Tensor) -> Tensor:
        """The dense matrix of a link's relation, in its rows of the entities listed."""
        start = self._clock()
        # Written, not only asked for: pages that nobody wrote to would be read too fast.
        matrix = self._idle.pop() if self._idle else self._empty()
        matrix.zero_()
        heads = torch.nonzero(within).flatten()
        rows = self._store.gather(heads, torch.full_like(heads, link.relation))
        matrix[heads[rows.row], rows.entities.long()] = rows.truths.to(matrix.dtype)
        self._building += self._clock() - start
        return matrix

    def _empty(self) -> Tensor:
        return torch.empty(self._count, self._count, **self._kind)


class _Kind(TypedDict):
    dtype: torch.dtype
    device: torch.device


def require_room(entity_count: int, *, matrices: int = 2) -> None:
    """LimitError unless so many dense matrices of float32 fit into half of the machine's memory."""
    needed = 4 * matrices * entity_count**2
    most = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") // 2
    if needed > most:
        raise LimitError(
            f"dense matrices of {entity_count:,} entities take {needed / 2**30:,.0f} GiB, and half "
            f"of the memory here is {most / 2**30:,.0f} GiB",
            remedy="leave the dense evaluation out: --dense 0",
        )


def _neighbours(links: Sequence[Edge], variable: Variable) -> list[Variable]:
    mine = [link for link in links if variable in link.variables]
    return list(dict.fromkeys(v for link in mine for v in link.variables if v != variable))


def _unsupported(what: str) -> UnsupportedError:
    return UnsupportedError(
        f"the dense evaluation has no rule for {what}", remedy="leave it out with --dense 0"
    )
