"""How a witness asks the engine: for the best entity of a variable, for the truth of a whole."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from kgreason.answers.rank import truest
from kgreason.execution import BudgetExceeded, BudgetMeter, Value, lower
from kgreason.formula import Variable
from kgreason.normal import QueryGraph
from kgreason.planning import Plan, plan, plan_for
from kgreason.topk import Reasoner, TopK
from kgreason.truth import Logic


class MarginalOracle:
    """Max-marginals and truths of query graphs, many at once, all on one meter.

    Both methods raise BudgetExceeded where the meter ends the work before they are proved.
    """

    def __init__(self, reasoner: Reasoner, meter: BudgetMeter) -> None:
        self._reasoner = reasoner
        self._meter = meter

    @property
    def logic(self) -> Logic:
        """The logic whose truths these are."""
        return self._reasoner.logic

    def best(self, asked: Sequence[tuple[Variable, QueryGraph]]) -> list[int]:
        """The truest entity of one variable in each query graph, all other variables ∃."""
        one = self._reasoner
        plans = []
        for variable, graph in asked:
            self._meter.check()
            plans.append(plan_for(variable, graph, one.logic, one.statistics))
        return [truest(lower(value)) for value in self._proved(plans)]

    def truths(self, graphs: Sequence[QueryGraph]) -> list[float]:
        """Truths of query graphs without free variables."""
        one = self._reasoner
        plans = []
        for graph in graphs:
            self._meter.check()
            plans.append(plan(graph, one.logic, one.statistics))
        found = [lower(value) for value in self._proved(plans)]
        return [float(value) for value in found if isinstance(value, Tensor)]

    def _proved(self, plans: Sequence[Plan]) -> list[Value]:
        stop = TopK(1)
        values = list(self._reasoner.settle(plans, [stop] * len(plans), self._meter))
        if not all(stop.is_met(value) for value in values):
            raise BudgetExceeded
        return values
