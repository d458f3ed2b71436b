"""Candidates that are not looked at: few of many equally true ones may prove enough.

A hub has thousands of neighbours, all of them known and so of truth 1, and each one's row would
have to be scored before the first answer is certain. But a link that is not known is never truer
than the calibration allows, and where enough of those found are just as true, no other row matters.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kgreason.compute import Step
from kgreason.execution.bindings import Bindings
from kgreason.execution.execution import Execution, Frame
from kgreason.execution.fused import row_ids
from kgreason.predictors.protocol import RowBounds
from kgreason.truth import operations
from kgreason.truth.operations import scale
from kgreason.truth.ragged import gather_ranges
from kgreason.truth.rows import TruthRows
from kgreason.truth.segments import exists_by_segment
from kgreason.truth.vector import TruthVector, pick

_ROUNDING = 1e-5


@dataclass(frozen=True, slots=True)
class Unseen:
    """Bindings whose rows are not looked at, and what is known of these."""

    pairs: Bindings
    bounds: RowBounds

    def raised(self, execution: Execution, high: TruthVector) -> TruthVector:
        """Upper bounds of the truths, from their upper bounds without these pairs."""
        pairs, instances, logic = self.pairs, len(high), execution.logic
        missed = execution.zeros(instances).scatter_reduce_(0, pairs.instance, pairs.truth, "amax")
        high = operations.at_least(high, at_most(execution, missed, self.bounds.others))
        known = TruthVector.from_rows(self.bounds.known, execution.entity_count)
        # Just as a row gives them: those as true as the last answer do not exceed it.
        known = scale(logic.conjoin, known, pairs.truth)
        return operations.greater(high, exists_by_segment(logic, known, pairs.instance, instances))


def top_candidates(
    execution: Execution, step: Step, frame: Frame, every: Bindings
) -> tuple[Bindings, Unseen | None]:
    """The truest pairs of each instance, at most `max_candidates`, and those left out.

    Among equals go first those with most known links: they tend to have the truest others, too.
    """
    size, predictor = execution.max_candidates, execution.predictor
    # Rows of facts are no dearer than their bounds.
    if size is None or predictor.price().facts_only:
        return every, None
    if len(every) <= size or int(torch.bincount(every.instance).max()) <= size:
        return every, None
    bounds = predictor.bounds(*row_ids(step, frame, every))
    if bounds.is_trivial:
        return every, None
    order = torch.argsort(bounds.known.offsets.diff(), descending=True, stable=True)
    order = order[torch.argsort(every.truth[order], descending=True, stable=True)]
    order = order[torch.argsort(every.instance[order], stable=True)]
    place = torch.arange(len(every), device=order.device)
    is_kept = torch.zeros_like(place, dtype=torch.bool)
    is_kept[order] = place - torch.searchsorted(every.instance, every.instance) < size
    execution.truncated = True
    left = torch.nonzero(~is_kept).flatten()
    offsets, entries = gather_ranges(bounds.known.offsets, left)
    entities, truths = bounds.known.entities, bounds.known.truths
    truths = pick(truths, entries).to(every.truth.dtype)
    known = TruthRows(offsets, pick(entities, entries), truths)
    return every[is_kept], Unseen(every[left], RowBounds(known, bounds.others))


def at_most(execution: Execution, source: Tensor, link: float) -> Tensor:
    """Upper bound of ∃ T(s, l) over all pairs left out, from bounds of their sources and links.

    source: the greatest source that was left out, 0 where none was.
    """
    above = raised(source)
    bound = execution.logic.conjoin(above, torch.full_like(above, link))
    return operations.exists_bound(execution.logic, torch.where(source > 0, bound, 0.0))


def raised(source: Tensor) -> Tensor:
    """A little above: the rounding of some t-norms is not monotone to the last bit."""
    return (source * (1 + _ROUNDING)).clamp(max=1)
