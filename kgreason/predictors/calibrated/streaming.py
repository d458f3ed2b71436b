"""Rows over more entities than a cache holds: scores go by in stripes, few of them stay.

A softmax needs the sum over a whole row before any truth. But the sum so far tells already which
scores end below the calibration's cut: they are not kept. So the entities are gone over once, and
no block of scores over all of them is ever made.
"""

from __future__ import annotations

from dataclasses import dataclass
from threading import Lock

import torch
from torch import Tensor

from kgreason.predictors.calibrated.calibration import Calibration, Observed, RowStatistics
from kgreason.predictors.calibrated.frequencies import Frequencies
from kgreason.predictors.csr import above
from kgreason.predictors.embedding.parallel import side_by_side
from kgreason.predictors.scorer import DotProductScorer, Scorer

# Taken off what a score has to reach, and as much of it: sums and logarithms are rounded.
_MARGIN = 1e-3
_AT_ONCE = 1 << 20


@dataclass(frozen=True, slots=True)
class Entries:
    """Positive truths of a block, in no order: (entries,) row, column and truth."""

    rows: Tensor
    columns: Tensor
    truths: Tensor


class NotFiniteError(Exception):
    """Some score of the block is no finite number."""


def streaming(
    scorer: Scorer, calibration: Calibration, hidden: Tensor, frequencies: Frequencies | None
) -> Streaming | None:
    """What makes the rows where entities are many and scorer and calibration allow it."""
    products = scorer.dot_products
    if products is None or products.stripe >= scorer.entity_count or not calibration.is_prunable:
        return None
    return Streaming(products, calibration, hidden, frequencies)


class Streaming:
    """Truths of blocks of rows from a pass over the entities.

    hidden: (columns,) bool, what no link may be predicted to. frequencies: what is added to the
    scores, if anything. width: entities gone over at a time.
    """

    def __init__(
        self,
        scorer: DotProductScorer,
        calibration: Calibration,
        hidden: Tensor,
        frequencies: Frequencies | None,
    ) -> None:
        self._scorer = scorer
        self._calibration = calibration
        self._hidden = hidden if bool(hidden.any()) else None
        self._frequencies = frequencies
        self.width = scorer.stripe

    def truths(self, heads: Tensor, relations: Tensor, observed: Observed) -> Entries:
        """Truths of links from heads (as columns) by relations, (rows,) int64: a block's.

        observed: of the first rows of the block; the others fill it up and have no entries.
        Raises NotFiniteError where a score is not finite.
        """
        queries = self._scorer.queries(heads, relations)
        width, step = self._scorer.embeddings.shape[0], self.width
        count = observed.degrees.shape[0]
        sums = _Sums(heads.shape[0], -(-width // step), queries.device)
        known = _Known(observed, width, step)

        def sift(place: int) -> tuple[Tensor, Tensor, Tensor]:
            start = place * step
            scores = self._scores(queries, relations, start, min(start + step, width))
            sums.add(place, scores)
            known.note(place, scores)
            so_far = sums.so_far[:count]
            least = self._calibration.min_score(observed.degrees, observed.lengths, so_far)
            least -= _MARGIN * least.abs().clamp(min=1)
            rows, columns, kept = _kept(scores[:count], least)
            return rows, columns + start, kept

        parts = side_by_side(sift, range(sums.places), queries.device)
        found = Entries(*(torch.cat(part) for part in zip(*parts, strict=True)))
        log_sum = sums.log[:count]
        statistics = RowStatistics(observed.degrees, observed.lengths, known.log, log_sum)
        return self._calibrated(found, statistics)

    def _scores(self, queries: Tensor, relations: Tensor, start: int, stop: int) -> Tensor:
        scores = self._scorer.among(queries, start, stop)
        # A sum is not finite if any part is not; only then is it worth looking closer.
        if not bool(scores.sum(1).isfinite().all()) and not bool(scores.isfinite().all()):
            raise NotFiniteError
        if self._frequencies is not None:
            self._frequencies.add_to(scores, relations, start)
        if self._hidden is not None:
            scores.masked_fill_(self._hidden[start:stop], -torch.inf)
        return scores

    def _calibrated(self, scored: Entries, rows: RowStatistics) -> Entries:
        """The truths of scored entries, without those that are 0."""
        fields = rows.degrees, rows.lengths, rows.known, rows.whole
        truths = []
        # For each entry in float64: few may be many in a row with as many known tails.
        for row, scores in zip(
            scored.rows.split(_AT_ONCE), scored.truths.split(_AT_ONCE), strict=True
        ):
            own = RowStatistics(*(field[row] for field in fields))
            exact = self._calibration.upper_bounds(scores.double().unsqueeze(1), own)
            truths.append(exact.squeeze(1).to(scores.dtype))
        made = torch.cat(truths)
        kept = torch.nonzero(made > 0).view(-1)
        return Entries(scored.rows[kept], scored.columns[kept], made[kept])


class _Sums:
    """log Σ e^score of each row, place by place in any order."""

    def __init__(self, rows: int, places: int, device: torch.device) -> None:
        self.places = places
        self._logs = torch.zeros((rows, places), dtype=torch.float64, device=device)
        self._lock = Lock()
        self.so_far = torch.full((rows,), -torch.inf, dtype=torch.float64, device=device)

    def add(self, place: int, scores: Tensor) -> None:
        """scores: (rows, columns), −inf for what does not count."""
        high = scores.amax(1).clamp_(min=torch.finfo(scores.dtype).min)
        log = (scores - high.unsqueeze(1)).exp_().sum(1).double().log_().add_(high)
        self._logs[:, place] = log
        with self._lock:
            self.so_far = torch.logaddexp(self.so_far, log)

    @property
    def log(self) -> Tensor:
        """(rows,) float64 over all places, −inf for nothing: the same in whatever order."""
        return torch.logsumexp(self._logs, 1)


class _Known:
    """log Σ e^score over the known tails of each row, noted as their columns go by."""

    def __init__(self, observed: Observed, width: int, step: int) -> None:
        self._observed = observed
        columns, self._order = observed.columns.sort(stable=True)
        self._step = step
        starts = torch.arange(0, width + step, step, device=columns.device)
        self._bounds = torch.searchsorted(columns, starts).tolist()
        self._scores = torch.zeros(columns.shape, dtype=torch.float64, device=columns.device)

    def note(self, place: int, scores: Tensor) -> None:
        """scores: (rows, columns) of this place."""
        first, last = self._bounds[place : place + 2]
        if first < last:
            at = self._order[first:last]
            here = self._observed.columns[at] - place * self._step
            self._scores[at] = scores[self._observed.rows[at], here].double()

    @property
    def log(self) -> Tensor:
        """(rows,) float64, −inf without any."""
        rows, lengths = self._observed.rows, self._observed.lengths
        high = torch.full(lengths.shape, -torch.inf, dtype=torch.float64, device=lengths.device)
        high.scatter_reduce_(0, rows, self._scores, "amax")
        # Summed by segments: the order is the same in every batch and on every device.
        shifted = (self._scores - high[rows]).exp_()
        return high + torch.segment_reduce(shifted, "sum", lengths=lengths).log()


def _kept(scores: Tensor, least: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Row, column and score of the scores above their row's least."""
    least = least.clamp(min=torch.finfo(scores.dtype).min).to(scores.dtype)
    flat = above(scores, least.unsqueeze(1))
    rows = flat // scores.shape[1]
    return rows, flat - rows * scores.shape[1], scores.reshape(-1)[flat]
