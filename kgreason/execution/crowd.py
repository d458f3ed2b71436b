"""The first rows of a crowd: where many candidates are equally true, few of them may prove enough.

A hub has thousands of neighbours, all of them known and so of truth 1, and each one's row would
have to be scored before the first answer is certain. But a link that is not known is never truer
than the calibration allows, and where enough of those found are just as true, no other row matters.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from kgreason.compute import Step
from kgreason.execution.block_rows import row_ids
from kgreason.execution.context import Context, Frame
from kgreason.execution.pairs import Pairs
from kgreason.predictors.protocol import RowBounds
from kgreason.truth import operations
from kgreason.truth.operations import scale
from kgreason.truth.owners import exists_by_owner
from kgreason.truth.ragged import gather_ranges
from kgreason.truth.rows import TruthRows
from kgreason.truth.vector import TruthVector, pick

_ROUNDING = 1e-5


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Pairs whose rows are not looked at, and what is known of these."""

    pairs: Pairs
    bounds: RowBounds

    def raised(self, context: Context, high: TruthVector) -> TruthVector:
        """What the truths are at most, from what they are at most without these pairs."""
        pairs, owners = self.pairs, len(high)
        missed = context.zeros(owners).scatter_reduce_(0, pairs.owner, pairs.truth, "amax")
        high = operations.at_least(high, at_most(context, missed, self.bounds.others))
        known = TruthVector.from_rows(self.bounds.known, context.entity_count)
        # Just as a row gives them: those as true as the last answer do not exceed it.
        known = scale(context.logic.conjoin, known, pairs.truth)
        return operations.greater(high, exists_by_owner(context.logic, known, pairs.owner, owners))


def foremost(
    context: Context, step: Step, frame: Frame, every: Pairs
) -> tuple[Pairs, LeftOut | None]:
    """The truest pairs of each instance, as many as the crowd may be, and those left out.

    Among equals go first those with most known links: they tend to have the truest others, too.
    """
    size, predictor = context.crowd, context.predictor
    if size is None:
        return every, None
    if len(every) <= size or int(torch.bincount(every.owner).max()) <= size:
        return every, None
    bounds = predictor.bounds(*row_ids(step, frame, every))
    if bounds.is_trivial:
        return every, None
    order = torch.argsort(bounds.known.offsets.diff(), descending=True, stable=True)
    order = order[torch.argsort(every.truth[order], descending=True, stable=True)]
    order = order[torch.argsort(every.owner[order], stable=True)]
    place = torch.arange(len(every), device=order.device)
    is_kept = torch.zeros_like(place, dtype=torch.bool)
    is_kept[order] = place - torch.searchsorted(every.owner, every.owner) < size
    context.crowded = True
    left = torch.nonzero(~is_kept).flatten()
    offsets, entries = gather_ranges(bounds.known.offsets, left)
    entities, truths = bounds.known.entities, bounds.known.truths
    truths = pick(truths, entries).to(every.truth.dtype)
    known = TruthRows(offsets, pick(entities, entries), truths)
    return every[is_kept], LeftOut(every[left], RowBounds(known, bounds.others))


def at_most(context: Context, source: Tensor, link: float) -> Tensor:
    """What T(source, link) is at most for a source and a link that are at most this true."""
    # A little above, for the t-norms whose rounding is not monotone to the last bit.
    source = (source * (1 + _ROUNDING)).clamp(max=1)
    return context.logic.conjoin(source, torch.full_like(source, link))
