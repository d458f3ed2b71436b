"""The threshold algorithm: run, look at the bounds, lower the threshold until enough is proved.

As in Fagin, Lotem and Naor, "Optimal aggregation algorithms for middleware" (PODS 2001), candidates
are looked at from the truest down, and the threshold bounds whatever was not seen. Everything here
is ids; `Engine` speaks names.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cache

import torch

from kgreason.compute import ComputationGraph, fold, lower
from kgreason.execution import (
    Bounds,
    BudgetExceeded,
    BudgetMeter,
    Exact,
    Execution,
    Executor,
    Profile,
    Session,
    Setting,
    Table,
    TableBounds,
    Value,
    is_open,
)
from kgreason.execution.memory import MemoryPool
from kgreason.formula import Query
from kgreason.knowledge import FactIndex
from kgreason.normal import NormalForm, normalize
from kgreason.planning import Plan, Statistics, plan
from kgreason.predictors.protocol import LinkPredictor, RowShelf
from kgreason.settings import USUAL, Settings
from kgreason.topk.stop import AllTruths, StopCondition
from kgreason.topk.threshold import EXHAUSTIVE, INITIAL, NO_CANDIDATES, Threshold
from kgreason.truth import Quantifier
from kgreason.truth.checking import require_laws
from kgreason.truth.vector import TruthVector


class Reasoner:
    """One predictor under one logic. Threads may share it.

    facts: what planning takes its statistics from. A frontier in the settings makes it a beam
    search; without one it is exact. Rows stay between calls, so a second question is warm. shelf:
    the row cache. Raises UsageError for a logic that breaks its laws; `findings` tells of one under
    which every candidate is looked at.
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
        self.findings = require_laws(settings.logic)
        self.semantics = settings.semantics
        price = predictor.price()
        if settings.frontier is not None:
            # A beam looks at its candidates' rows and at nothing else.
            price = replace(price, head_bounds=None)
        anywhere = cache(lambda relation: predictor.domain(relation) is None)
        self.statistics = Statistics(predictor.entity_count, facts, price, anywhere)
        setting = Setting.of(predictor, settings)
        pool = MemoryPool(settings.max_memory)
        session = Session(predictor, setting.dtype, setting.device, pool, shelf)
        self._executor = Executor(setting, session)

    @property
    def max_memory(self) -> int:
        """Bytes of working memory for rows and intermediates."""
        return self._executor.session.pool.ceiling

    def check_price(self, plan: Plan) -> None:
        """LimitError for a plan whose largest intermediate cannot be held."""
        self._executor.session.pool.refuse_hopeless(plan.price.largest)

    def flush(self) -> None:
        """Write the rows that are to be kept in the row cache."""
        self._executor.session.flush()

    def prepare(self, query: Query[int]) -> tuple[NormalForm, Plan]:
        """Normal form and plan of one question, nothing computed."""
        form = normalize(query, self.logic, self.semantics)
        return form, plan(form.graph, self.logic, self.statistics)

    def computation(self, plans: Sequence[Plan]) -> ComputationGraph:
        """The batched computation of several plans."""
        return fold([lower(one) for one in plans])

    def truths(self, plans: Sequence[Plan], meter: BudgetMeter | None = None) -> list[Exact]:
        """The exact value of every plan, in order, many plans folded into each batch."""
        return list(self.stream(plans, meter))

    def stream(self, plans: Sequence[Plan], meter: BudgetMeter | None = None) -> Iterator[Exact]:
        """The same values, one batch held at a time. BudgetExceeded where the meter ends it."""
        for value in self.settle(plans, [AllTruths()] * len(plans), meter):
            if isinstance(value, Bounds | TableBounds):
                raise BudgetExceeded
            yield value

    def settle(
        self,
        plans: Sequence[Plan],
        stops: Sequence[StopCondition],
        meter: BudgetMeter | None = None,
        profile: Profile | None = None,
    ) -> Iterator[Value]:
        """The value of every plan, in order, exact or as narrow as its stop condition asks for.

        Each step looks at the candidates above a threshold; what those below could still add bounds
        each truth. The stop condition is asked after each step that leaves a value open; how deep a
        plan goes does not depend on another's bounds. Rows of one step are there for the next. A
        meter with a budget, for all plans together, may leave values wider, up to anything from 0
        to 1. profile: where the work of each step of one plan's computation is to be counted.
        """
        meter = meter or BudgetMeter()
        size = self._batch_size()
        for start in range(0, len(plans), size):
            here = slice(start, start + size)
            yield from self._settled(plans[here], stops[here], meter, profile)

    def _settled(
        self,
        plans: Sequence[Plan],
        stops: Sequence[StopCondition],
        meter: BudgetMeter,
        profile: Profile | None,
    ) -> list[Value]:
        execution = self._executor.begin(meter, profile)
        values: dict[int, Value] = {}
        pending = {i: self._first_threshold(stop, meter) for i, stop in enumerate(stops)}
        asked, graph = list(pending), self.computation(plans)
        while pending:
            threshold = min(pending.values())
            before, asked = asked, [i for i, own in pending.items() if own == threshold]
            if asked != before:
                graph = self.computation([plans[i] for i in asked])
            try:
                found = self._executor.execute(
                    execution, graph, threshold.truth, threshold.max_candidates
                )
            except BudgetExceeded:
                break
            for i, value in zip(asked, found, strict=True):
                values[i] = value
                needed = stops[i].unresolved(value) if is_open(value) else None
                if needed is None:
                    del pending[i]
                    continue
                if needed <= 0 and meter.is_limited:
                    # All truths are wanted, and the budget may not cover them: some come first.
                    needed = 1.0
                pending[i] = threshold.next(needed, execution.truncated)
        return [
            values[i] if i in values else self._unknown(one, execution)
            for i, one in enumerate(plans)
        ]

    def _first_threshold(self, stop: StopCondition, meter: BudgetMeter) -> Threshold:
        # Under a noisy-or ∃ many small truths may add up to a great one.
        is_bounded = self.logic.quantifier is Quantifier.MAX and self.findings.may_end_early
        is_bounded = is_bounded and self._executor.setting.frontier is None
        if not is_bounded:
            return EXHAUSTIVE
        if meter.is_limited:
            # The budget may not cover more than this, which bounds some truths for little.
            return NO_CANDIDATES
        return EXHAUSTIVE if isinstance(stop, AllTruths) else INITIAL

    def _unknown(self, plan: Plan, execution: Execution) -> Value:
        """The value of a plan of which nothing was computed: any truth from 0 to 1."""
        zero, one = execution.zeros(1), execution.ones(1)
        count = self.predictor.entity_count
        match len(plan.columns):
            case 0:
                return Bounds(zero, one)
            case 1:
                return Bounds(TruthVector.constant(count, zero), TruthVector.constant(count, one))
            case columns:
                none = torch.zeros((0, columns - 1), dtype=torch.int64, device=execution.device)
                table = Table(none[:, 0], none, TruthVector.constant(count, zero[:0]))
                return TableBounds(table, table, one)

    def _batch_size(self) -> int:
        """Plans of a batch: their results, were they dense, fit a quarter of the memory ceiling."""
        return self._executor.session.pool.batch(self.predictor.entity_count)
