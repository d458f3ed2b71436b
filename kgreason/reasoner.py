"""Truths of bound questions: the rooms between binding and ranking, in order.

Everything here is ids; `Engine` speaks names.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

import torch

from kgreason.answers import Asker, top_is_certain, truest
from kgreason.compute import ComputationGraph, fold, lower
from kgreason.execution import Bounds, Budget, Exact, Executor, OutOfBudget, Value, Work, least
from kgreason.formula import Query, Variable
from kgreason.knowledge import FactIndex
from kgreason.normal import NormalForm, QueryGraph, Semantics, normalize
from kgreason.planning import Plan, Statistics, plan, plan_for
from kgreason.predictors.base import LinkPredictor, RowShelf
from kgreason.truth import PRODUCT, Logic, Quantifier

DEFAULT_MEMORY = 2 << 30

# Twice the candidates cost more than doing the cheap part of a step once more.
_FLOORS = (1 / 4, 1 / 16, *(0.5**n for n in range(5, 13)), 0.0)

# So many candidates are looked at first where the first step has more, as hubs do.
_CROWDS = (32, 512)

Enough = Callable[[int, Bounds], bool]
"""Whether bounds say all that is wanted of the plan of that number."""


# Greater than any truth: no candidate of an ∃ is looked at.
_NO_CANDIDATES = 2.0


def _is_open(number: int, value: Value, enough: Enough) -> bool:
    return isinstance(value, Bounds) and not enough(number, value)


def _never(_: int, __: Bounds) -> bool:
    return False


class Reasoner:
    """One predictor under one logic.

    facts: what planning takes its statistics from. dtype: of truths. max_memory: bytes of working
    memory for rows and intermediates. frontier: how many of its truest candidates an ∃ looks at,
    which makes it a beam search; None for all, which is exact. Rows stay between calls, so a second
    question is warm. shelf: where rows stay for good.
    """

    def __init__(
        self,
        predictor: LinkPredictor,
        facts: FactIndex,
        logic: Logic = PRODUCT,
        semantics: Semantics = "text",
        *,
        dtype: torch.dtype = torch.float32,
        device: torch.device | str = "cpu",
        max_memory: int = DEFAULT_MEMORY,
        frontier: int | None = None,
        shelf: RowShelf | None = None,
    ) -> None:
        self.predictor = predictor
        self.facts = facts
        self.logic = logic
        self.semantics = semantics
        self.max_memory = max_memory
        self._frontier = frontier
        price = predictor.price()
        if frontier is not None:
            # A beam looks at its candidates' rows and at nothing else.
            price = replace(price, foresight=None)
        self.statistics = Statistics(predictor.entity_count, facts, price)
        self._executor = Executor(
            predictor,
            logic,
            dtype=dtype,
            device=torch.device(device),
            max_memory=max_memory,
            frontier=frontier,
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
        for value in self.settle(plans, _never):
            assert not isinstance(value, Bounds)
            yield value

    def settle(
        self, plans: Sequence[Plan], enough: Enough, budget: Budget | None = None
    ) -> Iterator[Value]:
        """The value of every plan, in order, exact or as narrow as `enough` asks for.

        The candidates of every ∃ are looked at in falling steps of truth: what those left out could
        still add bounds each truth. `enough` is asked after each step that leaves a value open.
        Rows asked for in one step are there for the next. A budget, for all plans together, may
        leave values wider; each plan's first row for a constant is always scored.
        """
        with self._executor.within(budget):
            for start, batch in self._batches(plans):
                yield from self._settled(start, batch, enough)

    def _settled(self, start: int, plans: Sequence[Plan], enough: Enough) -> list[Value]:
        values: dict[int, Value] = {}
        left = list(range(len(plans)))
        for floor, crowd in self._steps(plans, enough):
            try:
                found = self._evaluate([plans[i] for i in left], floor, crowd)
            except OutOfBudget:
                break
            for i, value in zip(left, found, strict=True):
                values[i] = value
            left = [i for i in left if _is_open(start + i, values[i], enough)]
            if not left:
                break
        if len(values) < len(plans):
            # Not even the first step could be paid for.
            with self._executor.within(None):
                return self._evaluate(plans, _NO_CANDIDATES)
        return [values[i] for i in range(len(plans))]

    def _steps(self, plans: Sequence[Plan], enough: Enough) -> Iterator[tuple[float, int | None]]:
        """How true a candidate must be, and how many of them are looked at, step by step.

        The last one lets all in. The iterator has to be asked after each step was evaluated.
        """
        # Under a noisy-or ∃ many small truths may add up to a great one, and a table of tuples
        # has no bounds.
        bounded = self.logic.quantifier is Quantifier.MAX and self._frontier is None
        single = all(len(plan.columns) < 2 for plan in plans)
        if not bounded or not single or enough is _never:
            yield 0.0, None
            return
        for crowd in _CROWDS:
            yield _FLOORS[0], crowd
            if not self._executor.crowded:
                break
        else:
            yield _FLOORS[0], None
        for floor in _FLOORS[1:]:
            yield floor, None

    def _evaluate(
        self, plans: Sequence[Plan], floor: float, crowd: int | None = None
    ) -> list[Value]:
        return self._executor.execute(self.computation(plans), floor, crowd)

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
        found = [least(value) for value in self.settle(plans, lambda _, b: top_is_certain(b, 1))]
        return [float(value) for value in found if isinstance(value, torch.Tensor)]

    def best(self, asked: Sequence[tuple[Variable, QueryGraph]]) -> list[int]:
        """The truest entity of one variable in each query graph, all other variables ∃."""
        plans = [plan_for(v, g, self.logic, self.statistics) for v, g in asked]
        values = self.settle(plans, lambda _, bounds: top_is_certain(bounds, 1))
        return [truest(least(value)) for value in values]

    @property
    def asker(self) -> Asker:
        """How witnesses are read out."""
        return Asker(self.best, self.scalars)
