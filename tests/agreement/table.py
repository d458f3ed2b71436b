"""A predictor that is a table: every row is given, so that a judge can see all the engine sees."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgreason.execution import BudgetMeter, Table
from kgreason.formula import Query
from kgreason.knowledge import FactIndex
from kgreason.predictors.protocol import HeadBounds, LinkPredictor, RowBounds, RowPrice
from kgreason.settings import Settings
from kgreason.topk.reasoner import Reasoner
from kgreason.truth import Logic
from kgreason.truth.rows import TruthRows
from kgreason.truth.vector import TruthVector


@dataclass
class TablePredictor(LinkPredictor):
    """truth: (directed relations, entities, entities). Notes every row it is asked for.

    head_bounds: whether it bounds links to a tail, always somewhat above what they are.
    """

    truth: NDArray[np.float64]
    crisp: bool = False
    head_bounds: bool = False
    asked: list[tuple[int, int]] = field(default_factory=list)

    name = "table"

    @property
    def entity_count(self) -> int:
        return int(self.truth.shape[1])

    @property
    def relation_count(self) -> int:
        return int(self.truth.shape[0])

    def rows(self, heads: Tensor, relations: Tensor) -> TruthRows:
        self.asked += list(zip(heads.tolist(), relations.tolist(), strict=True))
        return TruthRows.from_dense(torch.from_numpy(self.truth[relations.numpy(), heads.numpy()]))

    def domain(self, relation: int) -> Tensor | None:
        return torch.from_numpy(np.flatnonzero(self.truth[relation].any(1)))

    def price(self) -> RowPrice:
        return RowPrice(
            1.0, 3.0, facts_only=self.crisp, head_bounds=0.1 if self.head_bounds else None
        )

    def top_heads(self, relation: int, tails: Tensor, count: int) -> HeadBounds | None:
        if not self.head_bounds:
            return None
        truth = torch.from_numpy(self.truth[relation][:, tails.numpy()].T.copy())
        loose = 1 + torch.rand(truth.shape, generator=torch.Generator().manual_seed(relation))
        most = torch.where((truth > 0) & (truth < 1), truth * loose, truth).clamp(max=1)
        ordered, heads = most.sort(1, descending=True)
        rest = ordered[:, count] if count < ordered.shape[1] else torch.zeros(len(tails))
        exact = (truth == 1).gather(1, heads)
        return HeadBounds(heads[:, :count], ordered[:, :count], exact[:, :count], rest)


class BoundedTable(TablePredictor):
    """A table that knows its certain links at once, and what none of the others exceeds."""

    def bounds(self, heads: Tensor, relations: Tensor) -> RowBounds:
        truth = torch.from_numpy(self.truth[relations.numpy(), heads.numpy()])
        is_known = truth == 1
        others = self.truth[self.truth < 1].max(initial=0.0)
        return RowBounds(TruthRows.from_dense(truth * is_known), float(others))


def reasoner(
    predictor: TablePredictor, logic: Logic, semantics: str = "text", max_memory: int = 1 << 24
) -> Reasoner:
    """A float64 reasoner whose planning statistics come from the table's certain links."""
    certain = np.argwhere(predictor.truth[0::2] == 1)[:, [1, 0, 2]]
    facts = FactIndex.from_facts(
        certain.astype(np.int32), predictor.entity_count, predictor.relation_count // 2
    )
    return Reasoner(
        predictor,
        facts,
        Settings.of(logic=logic, semantics=semantics, dtype="float64", max_memory=max_memory),
    )


def answers(
    engine: Reasoner, queries: list[Query[int]], meter: BudgetMeter | None = None
) -> list[NDArray[np.float64]]:
    """Dense truths of each question, (entities,) * answer variables, all in one batch."""
    plans = [engine.prepare(query)[1] for query in queries]
    values = engine.truths(plans, meter)
    count = engine.predictor.entity_count
    found = []
    for query, plan, value in zip(queries, plans, values, strict=True):
        if isinstance(value, TruthVector):
            found.append(value.dense()[0].numpy())
        elif isinstance(value, Table):
            dense = np.zeros((count,) * len(query.free))
            rows = value.vector.row
            columns = torch.cat([value.columns[rows], value.vector.entities.long()[:, None]], 1)
            order = [plan.columns.index(variable) for variable in query.free]
            dense[tuple(columns[:, i].numpy() for i in order)] = value.vector.truths.numpy()
            found.append(dense)
        else:
            found.append(value[0].numpy())
    return found
