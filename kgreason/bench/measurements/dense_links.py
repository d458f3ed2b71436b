"""Rows, columns and matrices of links, which the dense evaluation has before its clock starts.

Rows of entities that cannot be a value stay 0: neither the result nor the time of a dense product
depends on them.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import torch
from torch import Tensor

from kgreason.bench.measurements.roofline import clock
from kgreason.errors import LimitError
from kgreason.execution import BudgetMeter, RowStore
from kgreason.formula import Variable
from kgreason.normal import Edge
from kgreason.truth.vector import TruthVector

Sets = dict[Variable, Tensor]
"""The fuzzy set of each variable so far: (entities,) truths."""


class DenseLinks:
    """What rows of a store say about links, dense. seconds: what making it has taken so far."""

    def __init__(self, store: RowStore, dtype: torch.dtype, device: torch.device) -> None:
        self._store = store
        self._count = store.predictor.entity_count
        self._dtype, self._device = dtype, device
        self._now: Callable[[], float] = clock(device)
        self._made = 0
        self._meter = BudgetMeter()
        self._idle: list[Tensor] = []
        self._kept: dict[tuple[Edge, Variable], Tensor] = {}
        self._lasting: Sets | None = None
        self.seconds = 0.0

    def row(self, relation: int, entity: int) -> Tensor:
        """(entities,) truths from one entity."""
        with self._off_the_clock():
            head = torch.tensor([entity], device=self._device)
            return self._rows(head, relation).dense()[0]

    def column(self, relation: int, entity: int, within: Tensor) -> Tensor:
        """(entities,) truths towards one entity, of the entities that `within` lists."""
        with self._off_the_clock():
            heads = torch.nonzero(within).flatten()
            rows = self._rows(heads, relation)
            places = torch.arange(len(rows), device=self._device) * self._count + entity
            found = torch.zeros(self._count, dtype=self._dtype, device=self._device)
            found[heads] = rows.at(places)
            return found

    def _rows(self, heads: Tensor, relation: int) -> TruthVector:
        return self._store.gather(heads, torch.full_like(heads, relation), self._meter)

    @contextmanager
    def matrices(self, links: Sequence[Edge], leaf: Variable, sets: Sets) -> Iterator[list[Tensor]]:
        """Of each link its (entities, entities) truths, a row for each value of `leaf`.

        LimitError where they do not fit.
        """
        if self._lasting is not None:
            yield [self._once(link, leaf, self._lasting) for link in links]
            return
        found = [self._filled(link, leaf, sets) for link in links]
        yield found
        self._idle += found

    @contextmanager
    def lasting(self, sets: Sets) -> Iterator[None]:
        """Matrices asked for from here on are made once, for all values that `sets` list."""
        if self._lasting is not None:
            yield
            return
        self._lasting = sets
        try:
            yield
        finally:
            self._lasting = None
            self._idle += self._kept.values()
            self._kept.clear()

    def _once(self, link: Edge, leaf: Variable, sets: Sets) -> Tensor:
        if (link, leaf) not in self._kept:
            self._kept[link, leaf] = self._filled(link, leaf, sets)
        return self._kept[link, leaf]

    def _filled(self, link: Edge, leaf: Variable, sets: Sets) -> Tensor:
        assert isinstance(link.source, Variable)
        with self._off_the_clock():
            matrix = self._idle.pop() if self._idle else self._empty()
            # Written, not only asked for: pages that nobody wrote to would be read too fast.
            matrix.zero_()
            heads = torch.nonzero(sets[link.source]).flatten()
            rows = self._rows(heads, link.relation)
            places = heads[rows.row], rows.entities.long()
            truths = rows.truths.to(matrix.dtype)
            matrix[places if link.source == leaf else places[::-1]] = truths
            return matrix

    def _empty(self) -> Tensor:
        self._made += 1
        require_room(self._count, matrices=self._made)
        return torch.empty(self._count, self._count, dtype=self._dtype, device=self._device)

    @contextmanager
    def _off_the_clock(self) -> Iterator[None]:
        start = self._now()
        yield
        self.seconds += self._now() - start


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
