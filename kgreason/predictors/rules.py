"""Rules as a link predictor: what the bodies that hold conclude, joined by a t-conorm."""

from __future__ import annotations

from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgreason.errors import UsageError
from kgreason.predictors.csr import compress, fact_rows, stack, take
from kgreason.predictors.protocol import LinkPredictor, Path, RowBounds, RowPrice, nothing_known
from kgreason.ragged import segments
from kgreason.rules import Measurer, Rule, RuleSet, blocks, first_path, measured, reach
from kgreason.truth.rows import TruthRows

if TYPE_CHECKING:
    from kgreason.knowledge import FactIndex

_CEILING = 0.999
"""What a rule concludes is never as true as what is known."""
_SAMPLE = 64


class RulePredictor(LinkPredictor):
    """Truth of a link: the t-conorm of the weights of the rules whose bodies the facts satisfy.

    A body is a conjunctive query over the observed facts; its truth there is 0 or 1. Rules without
    figures are measured on these facts. observed_truth: truth of a known fact, None to leave it as
    concluded. rankable: (entities,) bool, False where no link may be predicted; None for all.
    """

    def __init__(
        self,
        rules: RuleSet,
        observed: FactIndex,
        *,
        observed_truth: float | None = 1.0,
        rankable: NDArray[np.bool_] | None = None,
        device: str | torch.device = "cpu",
        dtype: torch.dtype = torch.float32,
    ) -> None:
        if observed_truth is not None and not 0 < observed_truth <= 1:
            raise UsageError(
                f"observed truth {observed_truth:g} is outside (0, 1]",
                remedy="give a value in (0, 1], or none to leave known facts as concluded",
            )
        self.rules = rules
        self._index = observed
        self._observed_truth = observed_truth
        self._hidden = None if rankable is None or rankable.all() else ~rankable
        self._device = torch.device(device)
        self._dtype = dtype
        self._of = self._by_relation(rules)

    @property
    def name(self) -> str:
        return (
            f"{len(self.rules):,} rules ({self.rules.combine} by {self.rules.weight}), "
            f"{self._index.fact_count:,} observed facts"
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What no rule says anything about."""
        without = sum(not of for of in self._of[::2])
        if not without:
            return ()
        return (f"{without:,} of {len(self._of) // 2:,} relations have no rule: known facts only.",)

    @property
    def entity_count(self) -> int:
        return self._index.entity_count

    @property
    def relation_count(self) -> int:
        return self._index.relation_count

    def domain(self, relation: int) -> Tensor:
        bodies = [self._index.heads(body[0]) for body, _ in self._of[relation]]
        heads = np.unique(np.concatenate([self._index.heads(relation), *bodies]))
        return torch.from_numpy(heads.astype(np.int64)).to(self._device)

    def scope(self, relation: int) -> Tensor | None:
        """Entities between which links can be predicted: all, or none without a rule."""
        none = torch.zeros(self.entity_count, dtype=torch.bool, device=self._device)
        return None if self._of[relation] else none

    def bounds(self, heads: Tensor, relations: Tensor) -> RowBounds:
        """The observed facts; what rules conclude is less true."""
        if self._observed_truth is None:
            return nothing_known(heads)
        others = torch.tensor(_CEILING, dtype=self._dtype).item()
        truth, device = self._observed_truth, self._device
        known = fact_rows(self._index, heads, relations, truth, self._dtype, device)
        return RowBounds(known, others)

    def paths(self, head: int, relation: int, tail: int, most: int) -> tuple[Path, ...]:
        """One path of facts for each rule that concludes the link, the best rules first."""
        bodies = (body for body, _ in reversed(self._of[relation]))
        every = (first_path(self._index, head, body, tail) for body in bodies)
        return tuple(islice(dict.fromkeys(path for path in every if path), most))

    def price(self) -> RowPrice:
        return RowPrice(flops=10.0 * self.entity_count, entries=self._mean_entries)

    def rows(self, heads: Tensor, relations: Tensor) -> TruthRows:
        asked = heads.cpu().numpy().astype(np.int64)
        under = relations.cpu().numpy().astype(np.int64)
        parts, order = [], []
        for relation in np.unique(under).tolist():
            place = np.flatnonzero(under == relation)
            for some in blocks(self._index, place):
                parts.append(self._block(asked[some], relation))
                order.append(some)
        if not parts:
            return self._block(asked, 0)
        return take(
            stack(parts), torch.from_numpy(np.concatenate(order).argsort()).to(self._device)
        )

    def _block(self, heads: NDArray[np.int64], relation: int) -> TruthRows:
        """Rows of one relation. Weights come in one order, so a row's bits know no company."""
        shape = (len(heads), self.entity_count)
        missed = np.ones(shape)
        flat = missed.reshape(-1)
        for body, weight in self._of[relation]:
            reached = reach(self._index, heads, body)
            if self.rules.combine == "max":
                flat[reached] = 1 - weight
            else:
                flat[reached] *= 1 - weight
        truths = np.minimum(1 - missed, _CEILING)
        if self._hidden is not None:
            truths[:, self._hidden] = 0.0
            truths[self._hidden[heads]] = 0.0
        starts, tails = self._index.rows(heads, relation)
        row = segments(starts)
        if self._observed_truth is not None:
            truths[row, tails] = self._observed_truth
        elif self._hidden is not None:
            literal = self._hidden[tails] | self._hidden[heads[row]]
            truths[row[literal], tails[literal]] = 1.0
        return compress(torch.from_numpy(truths).to(self._dtype).to(self._device))

    def _by_relation(self, rules: RuleSet) -> list[list[tuple[tuple[int, ...], float]]]:
        """Bodies and weights per directed relation, weights ascending: the last to write is max."""
        found: list[list[tuple[tuple[int, ...], float]]] = [
            [] for _ in range(self._index.relation_count)
        ]
        measurer: Measurer | None = None
        for rule in rules.rules:
            if rule.figures is None:
                measurer = measurer or Measurer(self._index)
                rule = measured(rule, measurer)  # noqa: PLW2901
            for one in (rule, rule.reversed()):
                found[one.head].append((one.body, _weight(one, rules.weight)))
        for of in found:
            of.sort(key=lambda pair: (pair[1], pair[0]))
        return found

    @cached_property
    def _mean_entries(self) -> float:
        """Mean listed entities over a fixed, evenly spread sample of pairs."""
        step = torch.arange(_SAMPLE)
        heads = step * self.entity_count // _SAMPLE
        sample = self.rows(heads, step * 7 % self.relation_count)
        return max(sample.entities.shape[0] / _SAMPLE, 1 / _SAMPLE)


def _weight(rule: Rule, figure: str) -> float:
    assert rule.figures is not None
    return rule.figures.pca if figure == "pca" else rule.figures.confidence
