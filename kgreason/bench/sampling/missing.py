"""How many links an answer needs that are not observed.

The fewest non-observed facts over all ways the facts make the answer true, as Gregucci et al. ("Is
Complex Query Answering Really Complex?", 2025) reduce questions. The engine itself counts: a fact
that is not observed has truth 1/2, ∧ multiplies, ∨ and ∃ take the maximum.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgreason.bench.suites.check import Progress
from kgreason.bench.suites.questions import Ids, Suite
from kgreason.bench.suites.splits import Splits
from kgreason.bench.suites.values import vector_of
from kgreason.errors import DataError
from kgreason.formula import (
    And,
    Exists,
    Formula,
    Not,
    Or,
    Query,
    conjunction,
    disjunction,
    rename_terms,
)
from kgreason.knowledge import FactIndex, KnowledgeGraph
from kgreason.predictors.protocol import LinkPredictor, RowPrice, fact_price
from kgreason.ragged import segments
from kgreason.settings import DEFAULT_MEMORY, Settings
from kgreason.topk.reasoner import Reasoner
from kgreason.truth import Law
from kgreason.truth.logic import Product
from kgreason.truth.rows import TruthRows


@dataclass(frozen=True)
class Fewest(Product):
    """T(a, b) = a·b with ∨ = max: the truth of 2⁻ⁿ means n, and the fewest links win."""

    name = "fewest"
    formula = "a·b, a ∨ b = max(a, b)"

    def disjoin(self, a: Tensor, b: Tensor) -> Tensor:
        return a.maximum(b)

    @property
    def laws(self) -> frozenset[Law]:
        return super().laws - {Law.DE_MORGAN} | {Law.AND_OVER_OR, Law.EXISTS_OVER_OR}


class HalfTruths(LinkPredictor):
    """All facts twice: relations 0 … R − 1 at 1 where observed, else 1/2; R … 2R − 1 all at 1."""

    name = "facts, those not observed at 1/2"

    def __init__(self, twice: FactIndex, observed: FactIndex) -> None:
        self._twice = twice
        self._observed = observed

    @property
    def entity_count(self) -> int:
        return self._twice.entity_count

    @property
    def relation_count(self) -> int:
        return self._twice.relation_count

    def rows(self, heads: Tensor, relations: Tensor) -> TruthRows:
        head, relation = heads.numpy(), relations.numpy()
        offsets, tails = self._twice.rows(head, relation)
        row = segments(offsets)
        each = relation[row]
        counted = each < self._observed.relation_count
        known = self._observed.contains(head[row][counted], each[counted], tails[counted])
        truths = np.ones(len(tails))
        truths[counted] = np.where(known, 1.0, 0.5)
        return TruthRows(
            torch.from_numpy(offsets),
            torch.from_numpy(np.ascontiguousarray(tails, dtype=np.int32)),
            torch.from_numpy(truths),
        )

    def domain(self, relation: int) -> Tensor:
        return torch.from_numpy(self._twice.heads(relation).astype(np.int64))

    def price(self) -> RowPrice:
        return fact_price(self._twice)


class MissingLinks:
    """Counts the missing links of answers over one pair of observed and all facts."""

    def __init__(
        self,
        facts: NDArray[np.int32],
        observed: FactIndex,
        *,
        max_memory: int = DEFAULT_MEMORY,
    ) -> None:
        """facts: (facts, 3), all of them; observed: those that are known."""
        self._bases = observed.relation_count // 2
        copy = facts + np.array([0, self._bases, 0], dtype=facts.dtype)
        twice = FactIndex.from_facts(
            np.concatenate([facts, copy]), observed.entity_count, 2 * self._bases
        )
        self._reasoner = Reasoner(
            HalfTruths(twice, observed),
            twice,
            Settings(logic=Fewest(), dtype="float64", max_memory=max_memory),
        )

    def count(self, queries: Sequence[Query[int]], answers: Sequence[Ids]) -> list[Ids]:
        """For each question the missing links of each of its answers, in their order.

        Negated parts are read on all facts and cost nothing. Every answer must follow from all
        facts; one that does not counts −1.
        """
        plans = [self._reasoner.prepare(self._counting(query))[1] for query in queries]
        found = []
        for value, asked in zip(self._reasoner.stream(plans), answers, strict=True):
            truths = vector_of(value).at(torch.from_numpy(asked)).double()
            links = torch.where(truths > 0, -torch.log2(truths), -1.0)
            found.append(links.round().long().numpy())
        return found

    def _counting(self, query: Query[int]) -> Query[int]:
        return Query(query.free, _counted(query.formula, True, self._bases))


def _counted(formula: Formula[int], positive: bool, bases: int) -> Formula[int]:
    """The formula, or its negation, with ¬ before atoms and ∃ only, those on the second copy."""
    match formula:
        case Not(body):
            return _counted(body, not positive, bases)
        case And(parts) | Or(parts):
            connect = conjunction if isinstance(formula, And) == positive else disjunction
            return connect([_counted(part, positive, bases) for part in parts])
        case Exists(bound, body) if positive:
            return Exists(bound, _counted(body, True, bases))
        case _ if positive:
            return formula
        case _:
            return Not(_copied(formula, bases))


def _copied(formula: Formula[int], bases: int) -> Formula[int]:
    return rename_terms(
        formula, lambda term: term, lambda r, _: r + bases if isinstance(r, int) else r
    )


def with_missing_links(
    suite: Suite, graph: KnowledgeGraph, splits: Splits, progress: Progress | None = None
) -> Suite:
    """The suite with the missing links of every hard answer; `progress` counts over all types.

    Raises DataError when an answer does not follow from the facts of all splits.
    """
    counter = MissingLinks(graph.facts(splits.all), graph.index(splits.observed))
    done = 0
    found = {}
    for name, asked in suite.questions.items():
        counts = counter.count([one.query for one in asked], [one.hard for one in asked])
        for one, links in zip(asked, counts, strict=True):
            if len(links) and links.min() < 0:
                raise DataError(
                    f"{suite.name}, {name}: {one.key!r} has an answer that no facts give",
                    remedy="compare the suite with its graph: kgreason bench check",
                )
        found[name] = tuple(
            replace(one, missing=links) for one, links in zip(asked, counts, strict=True)
        )
        done += len(asked)
        if progress is not None:
            progress(name, done, len(suite))
    return replace(suite, questions=found)
