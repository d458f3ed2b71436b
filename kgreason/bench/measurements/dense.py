"""The textbook evaluation that the engine is measured against: entity × entity products.

∃x. C(x) ∧ r(x, y) is max over x of C(x) · A[x, y] with a dense A of all entities, variables without
a cycle are eliminated leaf by leaf, and in a cycle one variable is enumerated (FIT: Yin et al.,
ICLR 2024, algorithm 1; QTO: Bai et al., ICML 2023, equation 9).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypedDict

import torch
from torch import Tensor

from kgreason.bench.measurements.dense_links import DenseLinks, Sets
from kgreason.bench.measurements.roofline import clock
from kgreason.errors import UnsupportedError
from kgreason.execution import RowStore
from kgreason.formula import Constant, Variable
from kgreason.normal import Alternatives, Edge, Member, NegatedGroup, QueryGraph
from kgreason.normal.query_graph import EQUALS
from kgreason.truth import PRODUCT

# A block of a product that stays in the caches of a core from one operation to the next: on one
# core 0.08 s for 14,505 entities, against 0.7 s with blocks that have to be fetched again.
_CACHED = 1 << 21


@dataclass(frozen=True, slots=True)
class Dense:
    """What came of a question.

    truths: (entities,), None where not all values of a cycle's variable were enumerated. seconds:
    without those in which rows and matrices were made; values that were left out take the mean
    time of those enumerated beside them.
    """

    truths: Tensor | None
    seconds: float


class DenseEvaluator:
    """Answers question graphs with one answer variable, under product logic.

    max_memory: bytes that the blocks of a product may take, besides matrices. values: most values
    of a cycle's variable to enumerate, spread evenly over all, None for no limit. whole: take
    products as they are written, of whole matrices, as published solvers do; else in blocks that
    stay in cache, several times as fast.
    """

    def __init__(
        self,
        store: RowStore,
        max_memory: int,
        *,
        values: int | None = None,
        whole: bool = False,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
    ) -> None:
        device = torch.device(device)
        self._kind: _Kind = {"dtype": dtype, "device": device}
        self._count = store.predictor.entity_count
        self._values = values
        self._whole = whole
        self._links = DenseLinks(store, dtype, device)
        most = min(max_memory // 4, _CACHED if device.type == "cpu" else max_memory)
        rows = min(self._count, max(1, most // (dtype.itemsize * self._count)))
        self._product, self._negated = (
            torch.empty(rows, self._count, **self._kind) for _ in range(2)
        )
        self._one = torch.ones((), **self._kind)
        self._clock = clock(device)
        self._start = self._left_out = 0.0
        self._complete = True

    def evaluate(self, graph: QueryGraph) -> Dense:
        """UnsupportedError for a graph that the textbook has no rule for.

        LimitError where its matrices do not fit.
        """
        self._start, self._left_out, self._complete = self._clock(), 0.0, True
        self._links.seconds = 0.0
        found = self._evaluate(graph)
        return Dense(found if self._complete else None, self._seconds())

    def _seconds(self) -> float:
        return self._clock() - self._start - self._links.seconds + self._left_out

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
            sets[variable] = PRODUCT.conjoin(sets[variable], self._own(member, sets[variable]))
        return self._solve(sets, links, graph.free[0])

    def _own(self, member: Member, within: Tensor) -> Tensor:
        """Truth of a member with one variable, for each of its values."""
        if isinstance(member, NegatedGroup):
            return PRODUCT.negate(self._evaluate(member.body))
        if isinstance(member, Alternatives):
            first, *others = (self._evaluate(option) for option in member.options)
            for other in others:
                first = PRODUCT.disjoin(first, other)
            return first
        if member.relation == EQUALS or member.source == member.target:
            raise _unsupported("a loop, or an identity")
        if isinstance(member.source, Constant):
            found = self._links.row(member.relation, member.source.name)
        else:
            assert isinstance(member.target, Constant)
            found = self._links.column(member.relation, member.target.name, within)
        return PRODUCT.negate(found) if member.negated else found

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
            found = self._projected(sets, mine, leaf) if others else sets[leaf].max()
            sets[to] = PRODUCT.conjoin(sets[to], found)
            del sets[leaf]
        return sets[free]

    def _projected(self, sets: Sets, links: Sequence[Edge], leaf: Variable) -> Tensor:
        """Max over x of source(x) · links(x, y): (entities,)."""
        with self._links.matrices(links, leaf, sets) as matrices:
            if not self._whole:
                return self._in_blocks(sets[leaf], links, matrices)
            product = sets[leaf][:, None]
            for link, matrix in zip(links, matrices, strict=True):
                product = product * (PRODUCT.negate(matrix) if link.negated else matrix)
            return product.amax(0)

    def _in_blocks(
        self, source: Tensor, links: Sequence[Edge], matrices: Sequence[Tensor]
    ) -> Tensor:
        found = torch.zeros(self._count, **self._kind)
        best = torch.empty_like(found)
        rows = self._product.shape[0]
        for start in range(0, self._count, rows):
            part = source[start : start + rows, None]
            product, negated = (b[: len(part)] for b in (self._product, self._negated))
            for link, matrix in zip(links, matrices, strict=True):
                block = matrix[start : start + rows]
                if link.negated:
                    block = torch.sub(self._one, block, out=negated)
                part = torch.mul(part, block, out=product)
            torch.maximum(found, torch.amax(product, 0, out=best), out=found)
        return found

    def _enumerated(self, sets: Sets, links: Sequence[Edge], free: Variable) -> Tensor:
        """Max over the values of one variable of a cycle, the one with the fewest."""
        chosen = min((v for v in sets if v != free), key=lambda v: int((sets[v] > 0).sum()))
        others = {v: truths for v, truths in sets.items() if v != chosen}
        left = [link for link in links if chosen not in link.variables]
        mine = [link for link in links if chosen in link.variables]
        found = torch.zeros(self._count, **self._kind)
        values = torch.nonzero(sets[chosen]).flatten()
        sample = _spread(values, self._values)
        begun = self._seconds()
        with self._links.lasting(others):
            for value in sample.tolist():
                within = dict(others)
                for link in mine:
                    (end,) = (v for v in link.variables if v != chosen)
                    truths = self._to(link, chosen, value, within[end])
                    within[end] = PRODUCT.conjoin(within[end], truths)
                whole = self._solve(within, left, free)
                found = found.maximum(PRODUCT.conjoin(sets[chosen][value], whole))
        if len(sample) < len(values):
            self._complete = False
            mean = (self._seconds() - begun) / len(sample)
            self._left_out += mean * (len(values) - len(sample))
        return found

    def _to(self, link: Edge, chosen: Variable, value: int, within: Tensor) -> Tensor:
        """Truth of a link for each value of its other end."""
        if link.source == chosen:
            truths = self._links.row(link.relation, value)
        else:
            truths = self._links.column(link.relation, value, within)
        return PRODUCT.negate(truths) if link.negated else truths


class _Kind(TypedDict):
    dtype: torch.dtype
    device: torch.device


def _spread(values: Tensor, most: int | None) -> Tensor:
    """At most so many of the values, evenly spread."""
    if most is None or len(values) <= most:
        return values
    return values[torch.arange(most, device=values.device) * len(values) // most]


def _neighbours(links: Sequence[Edge], variable: Variable) -> list[Variable]:
    mine = [link for link in links if variable in link.variables]
    return list(dict.fromkeys(v for link in mine for v in link.variables if v != variable))


def _unsupported(what: str) -> UnsupportedError:
    return UnsupportedError(
        f"the dense evaluation has no rule for {what}", remedy="leave it out with --dense 0"
    )
