"""The corridor: a question visits every room once, in order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch

from kgreason.compute import fold, lower
from kgreason.execution import Executor, Value, Work
from kgreason.formula import Query
from kgreason.knowledge import FactIndex
from kgreason.normal import NormalForm, Semantics, normalize
from kgreason.planning import Plan, Statistics, plan
from kgreason.predictors.base import LinkPredictor
from kgreason.truth import PRODUCT, Logic


@dataclass(frozen=True)
class Reasoner:
    """Truths of bound questions: normal form, plan, computation graph, execution.

    facts: what planning takes its statistics from. max_memory: bytes of working memory.
    """

    predictor: LinkPredictor
    facts: FactIndex
    logic: Logic = PRODUCT
    semantics: Semantics = "text"
    dtype: torch.dtype = torch.float32
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    max_memory: int = 2 << 30

    @property
    def statistics(self) -> Statistics:
        return Statistics(self.predictor.entity_count, self.facts, self.predictor.price())

    def prepare(self, query: Query[int]) -> tuple[NormalForm, Plan]:
        """Normal form and plan of one question, nothing computed."""
        form = normalize(query, self.logic, self.semantics)
        return form, plan(form.graph, self.logic, self.statistics)

    def truths(self, plans: Sequence[Plan]) -> tuple[list[Value], Work]:
        """The value of every plan, all folded into one batched computation."""
        executor = Executor(
            self.predictor,
            self.logic,
            dtype=self.dtype,
            device=self.device,
            max_memory=self.max_memory,
        )
        values = executor.execute(fold([lower(one) for one in plans]))
        return values, executor.work
