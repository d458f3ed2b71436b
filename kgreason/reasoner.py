"""Truths of bound questions: the rooms between binding and ranking, in order.

Everything here is ids; `Engine` speaks names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import torch

from kgreason.answers import Asker
from kgreason.compute import ComputationGraph, fold, lower
from kgreason.execution import Executor, Value, Work
from kgreason.formula import Query, Variable
from kgreason.knowledge import FactIndex
from kgreason.normal import NormalForm, QueryGraph, Semantics, normalize
from kgreason.planning import Plan, Statistics, plan, plan_for
from kgreason.predictors.base import LinkPredictor
from kgreason.truth import PRODUCT, Logic

DEFAULT_MEMORY = 2 << 30


class Reasoner:
    """One predictor under one logic.

    facts: what planning takes its statistics from. dtype: of truths. max_memory: bytes of working
    memory for rows and intermediates. frontier: how many of its truest candidates an ∃ looks at,
    which makes it a beam search; None for all, which is exact. Rows stay between calls, so a second
    question is warm.
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
    ) -> None:
        self.predictor = predictor
        self.facts = facts
        self.logic = logic
        self.semantics = semantics
        self.max_memory = max_memory
        self.statistics = Statistics(predictor.entity_count, facts, predictor.price())
        self._executor = Executor(
            predictor,
            logic,
            dtype=dtype,
            device=torch.device(device),
            max_memory=max_memory,
            frontier=frontier,
        )

    @property
    def work(self) -> Work:
        """All work done so far."""
        return self._executor.work

    def prepare(self, query: Query[int]) -> tuple[NormalForm, Plan]:
        """Normal form and plan of one question, nothing computed."""
        form = normalize(query, self.logic, self.semantics)
        return form, plan(form.graph, self.logic, self.statistics)

    def computation(self, plans: Sequence[Plan]) -> ComputationGraph:
        """The batched computation of several plans."""
        return fold([lower(one) for one in plans])

    def truths(self, plans: Sequence[Plan]) -> list[Value]:
        """The value of every plan, in order, many plans folded into each batch."""
        return [value for batch in self._batches(plans) for value in self._evaluate(batch)]

    def stream(self, plans: Sequence[Plan]) -> Iterator[Value]:
        """The same values, one batch held at a time."""
        for batch in self._batches(plans):
            yield from self._evaluate(batch)

    def _evaluate(self, plans: Sequence[Plan]) -> list[Value]:
        return self._executor.execute(self.computation(plans))

    def _batches(self, plans: Sequence[Plan]) -> Iterator[Sequence[Plan]]:
        """Batches whose results, were they dense, fit a quarter of the memory ceiling."""
        size = max(1, self.max_memory // 4 // (24 * self.predictor.entity_count))
        for start in range(0, len(plans), size):
            yield plans[start : start + size]

    def scalars(self, graphs: Sequence[QueryGraph]) -> list[float]:
        """Truths of query graphs without free variables."""
        plans = [plan(graph, self.logic, self.statistics) for graph in graphs]
        return [float(value) for value in self.truths(plans) if isinstance(value, torch.Tensor)]

    def marginals(self, asked: Sequence[tuple[Variable, QueryGraph]]) -> list[Value]:
        """Truths of one variable's entities in each query graph, all other variables ∃."""
        return self.truths([plan_for(v, g, self.logic, self.statistics) for v, g in asked])

    @property
    def asker(self) -> Asker:
        """How witnesses are read out."""
        return Asker(self.marginals, self.scalars)
