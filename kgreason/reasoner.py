"""Truths of bound questions: the rooms between binding and ranking, in order.

Everything here is ids; `Engine` speaks names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import cache

import torch

from kgreason.answers import Asker, top_is_open, truest
from kgreason.compute import ComputationGraph, fold, lower
from kgreason.execution import (
    ALL,
    FIRST,
    Bounds,
    Budget,
    Depth,
    Exact,
    Executor,
    OutOfBudget,
    Value,
    Work,
    least,
)
from kgreason.formula import Query, Variable
from kgreason.knowledge import FactIndex
from kgreason.normal import NormalForm, QueryGraph, normalize
from kgreason.planning import Plan, Statistics, plan, plan_for
from kgreason.predictors.protocol import LinkPredictor, RowShelf
from kgreason.settings import USUAL, Settings
from kgreason.truth import Quantifier
from kgreason.truth.rows import truth_dtype

Goal = Callable[[int, Bounds], float | None]
"""What bounds leave open of the plan of that number: None when they say all that is wanted.

Else how true the candidates are that must be looked at for it: 0 for all, 1 where it is not known.
"""

# Greater than any truth: no candidate of an ∃ is looked at.
_NO_CANDIDATES = 2.0


def _everything(_: int, __: Bounds) -> float:
    return 0.0


class Reasoner:
    """One predictor under one logic.

    facts: what planning takes its statistics from. A frontier in the settings makes it a beam
    search; without one it is exact. Rows stay between calls, so a second question is warm. shelf:
    where rows stay for good.
    """

    def __init__(
        self,
        predictor: LinkPredictor,
        facts: FactIndex,
        settings: Settings = USUAL,
        shelf: RowShelf | None = None,
    ) -> None:
        self.predictor = predictor
        self.facts = facts
        self.logic = settings.logic
        self.semantics = settings.semantics
        self.max_memory = settings.max_memory
        self._frontier = settings.frontier
        price = predictor.price()
        if settings.frontier is not None:
            # A beam looks at its candidates' rows and at nothing else.
            price = replace(price, foresight=None)
        anywhere = cache(lambda relation: predictor.domain(relation) is None)
        self.statistics = Statistics(predictor.entity_count, facts, price, anywhere)
        self._executor = Executor(
            predictor,
            settings.logic,
            dtype=truth_dtype(settings.dtype),
            device=torch.device(settings.device),
            max_memory=settings.max_memory,
            frontier=settings.frontier,
            shelf=shelf,
        )

    @property
    def work(self) -> Work:
        """All work done so far."""
        return self._executor.work

    def flush(self) -> None:
        """Write the rows that are to be kept for good."""
        self._executor.flush()

    def prepare(self, query: Query[int]) -> tuple[NormalForm, Plan]:
        """Normal form and plan of one question, nothing computed."""
        form = normalize(query, self.logic, self.semantics)
        return form, plan(form.graph, self.logic, self.statistics)

    def computation(self, plans: Sequence[Plan]) -> ComputationGraph:
        """The batched computation of several plans."""
        return fold([lower(one) for one in plans])

    def truths(self, plans: Sequence[Plan]) -> list[Exact]:
        """The exact value of every plan, in order, many plans folded into each batch."""
        return list(self.stream(plans))

    def stream(self, plans: Sequence[Plan]) -> Iterator[Exact]:
        """The same values, one batch held at a time."""
        for value in self.settle(plans, _everything):
            assert not isinstance(value, Bounds)
            yield value

    def settle(
        self, plans: Sequence[Plan], goal: Goal, budget: Budget | None = None
    ) -> Iterator[Value]:
        """The value of every plan, in order, exact or as narrow as the goal asks for.

        The candidates of every ∃ are looked at in falling steps of truth: what those left out could
        still add bounds each truth. The goal is asked after each step that leaves a value open; how
        deep a plan goes does not depend on another's bounds. Rows asked for in one step are there
        for the next. A budget, for all plans together, may leave values wider; each plan's first
        row for a constant is always scored.
        """
        with self._executor.within(budget):
            for start, batch in self._batches(plans):
                yield from self._settled(start, batch, goal)

    def _settled(self, start: int, plans: Sequence[Plan], goal: Goal) -> list[Value]:
        values: dict[int, Value] = {}
        depths = dict.fromkeys(range(len(plans)), self._first_depth(plans, goal))
        asked, graph = list(depths), self.computation(plans)
        while depths:
            depth = min(depths.values())
            before, asked = asked, [i for i, own in depths.items() if own == depth]
            if asked != before:
                graph = self.computation([plans[i] for i in asked])
            try:
                found = self._executor.execute(graph, depth)
            except OutOfBudget:
                break
            for i, value in zip(asked, found, strict=True):
                values[i] = value
                needed = goal(start + i, value) if isinstance(value, Bounds) else None
                if needed is None:
                    del depths[i]
                else:
                    depths[i] = depth.next(needed, self._executor.crowded)
        if len(values) < len(plans):
            # Not even the first step could be paid for.
            with self._executor.within(None):
                return self._executor.execute(self.computation(plans), Depth(_NO_CANDIDATES))
        return [values[i] for i in range(len(plans))]

    def _first_depth(self, plans: Sequence[Plan], goal: Goal) -> Depth:
        # Under a noisy-or ∃ many small truths may add up to a great one, and a table of tuples
        # has no bounds.
        bounded = self.logic.quantifier is Quantifier.MAX and self._frontier is None
        single = all(len(plan.columns) < 2 for plan in plans)
        return FIRST if bounded and single and goal is not _everything else ALL

    def _batches(self, plans: Sequence[Plan]) -> Iterator[tuple[int, Sequence[Plan]]]:
        """Batches with the number of their first plan.

        The results of one, were they dense, fit a quarter of the memory ceiling.
        """
        size = max(1, self.max_memory // 4 // (24 * self.predictor.entity_count))
        for start in range(0, len(plans), size):
            yield start, plans[start : start + size]

    def scalars(self, graphs: Sequence[QueryGraph]) -> list[float]:
        """Truths of query graphs without free variables."""
        plans = [plan(graph, self.logic, self.statistics) for graph in graphs]
        found = [least(value) for value in self.settle(plans, lambda _, b: top_is_open(b, 1))]
        return [float(value) for value in found if isinstance(value, torch.Tensor)]

    def best(self, asked: Sequence[tuple[Variable, QueryGraph]]) -> list[int]:
        """The truest entity of one variable in each query graph, all other variables ∃."""
        plans = [plan_for(v, g, self.logic, self.statistics) for v, g in asked]
        values = self.settle(plans, lambda _, bounds: top_is_open(bounds, 1))
        return [truest(least(value)) for value in values]

    @property
    def asker(self) -> Asker:
        """How witnesses are read out."""
        return Asker(self.best, self.scalars)
