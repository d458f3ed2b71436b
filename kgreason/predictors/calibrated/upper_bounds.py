"""Bounds of the truths of all links to a tail, for the cost of one row instead of all of them."""

from __future__ import annotations

import dataclasses
from collections import OrderedDict
from threading import Lock
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from kgreason.predictors.calibrated.calibration import Calibration, RowStatistics
from kgreason.predictors.calibrated.frequencies import Frequencies
from kgreason.predictors.calibrated.log_sums import LogSums
from kgreason.predictors.protocol import HeadBounds
from kgreason.predictors.scorer import DotProductScorer
from kgreason.ragged import segments

if TYPE_CHECKING:
    from kgreason.knowledge import FactIndex

# Added to every score: products of another shape round differently, and a bound has to hold.
_MARGIN = 1e-3
_STATISTICS_BYTES = 256 * 2**20
_BYTES_PER_HEAD = 24
_LINKS = 1 << 16


class UpperBounds:
    """Upper bounds of calibrated truths over the links that a scorer can predict.

    observed_truth: of known facts, None as scored. columns: (scored,) int64 vocabulary ids of the
    scorer's columns; position: (entities,) int64 column of each entity, −1 where no link may be
    predicted. trained: (directed relations,) bool. block_bytes: size of one block of scores.
    frequencies: what is added to the scores, if anything.
    """

    def __init__(
        self,
        scorer: DotProductScorer,
        calibration: Calibration,
        observed: FactIndex,
        observed_truth: float | None,
        columns: Tensor,
        position: Tensor,
        trained: Tensor,
        block_bytes: int,
        frequencies: Frequencies | None = None,
    ) -> None:
        self._scorer = scorer
        self._calibration = calibration
        self._observed = observed
        self._observed_truth = observed_truth
        self._columns = columns
        self._position = position
        self._trained = trained
        self._frequencies = frequencies
        self._dtype = scorer.embeddings.dtype
        self._visible = position[columns] >= 0
        self._sums = LogSums(scorer, torch.nonzero(self._visible).view(-1))
        # Engines of several threads may share one model.
        self._lock = Lock()
        self._statistics: OrderedDict[int, RowStatistics] = OrderedDict()
        self._kept = max(1, _STATISTICS_BYTES // (_BYTES_PER_HEAD * max(1, columns.shape[0])))
        self._tails_at_once = max(1, block_bytes // (8 * max(1, position.shape[0])))

    def top_heads(self, relation: int, tails: Tensor, count: int) -> HeadBounds:
        """See `LinkPredictor.top_heads`."""
        parts = [
            self._top_heads(relation, part, count) for part in tails.split(self._tails_at_once)
        ]
        fields = (field.name for field in dataclasses.fields(HeadBounds))
        return HeadBounds(*(torch.cat([getattr(part, name) for part in parts]) for name in fields))

    def _top_heads(self, relation: int, tails: Tensor, count: int) -> HeadBounds:
        most, exact = self._bounds(relation, tails)
        size = most.shape[1]
        top = most.topk(min(count + 1, size), 1)
        heads = top.indices[:, :count]
        rest = top.values[:, -1] if size > count else most.new_zeros(tails.shape[0])
        return HeadBounds(heads, top.values[:, :count], exact.gather(1, heads), rest)

    def _bounds(self, relation: int, tails: Tensor) -> tuple[Tensor, Tensor]:
        """(tails, entities): an upper bound of each head's link, and whether it is exact."""
        column = self._position[tails]
        whole = torch.zeros(
            (tails.shape[0], self._position.shape[0]), dtype=self._dtype, device=tails.device
        )
        trained = bool(self._trained[relation])
        if trained:
            at = column.clamp(min=0)
            scores = self._scorer.columns(relation, at).add_(_MARGIN)
            scores.add_(self._added(relation)[at])
            most = self._calibration.upper_bounds(scores, self._of_rows(relation))
            most[:, column < 0] = 0.0
            most[~self._visible] = 0.0
            whole[:, self._columns] = most.T
        row, head = self._known(relation, tails)
        truth = self._observed_truth
        if truth is None:
            # Known links are as scored; without a score they are true.
            scored = (self._position[head] >= 0) & (column[row] >= 0)
            row, head = (ids[~scored] if trained else ids for ids in (row, head))
            truth = 1.0
        whole[row, head] = truth
        exact = torch.zeros_like(whole, dtype=torch.bool)
        exact[row, head] = True
        return whole, exact

    def _known(self, relation: int, tails: Tensor) -> tuple[Tensor, Tensor]:
        """Known links to the tails: (facts,) place of the tail and (facts,) head."""
        starts, heads = self._observed.rows(tails.cpu().numpy(), np.array([relation ^ 1]))
        row = torch.from_numpy(segments(starts))
        return row.to(tails.device), torch.from_numpy(heads.astype(np.int64)).to(tails.device)

    def _of_rows(self, relation: int) -> RowStatistics:
        with self._lock:
            found = self._statistics.pop(relation, None)
            found = self._make_statistics(relation) if found is None else found
            self._statistics[relation] = found
            while len(self._statistics) > self._kept:
                self._statistics.popitem(last=False)
            return found

    def _make_statistics(self, relation: int) -> RowStatistics:
        device = self._columns.device
        ids = self._columns.cpu().numpy()
        starts, tail = self._observed.rows(ids, np.array([relation]))
        degrees = torch.from_numpy(np.diff(starts)).to(device)
        head = torch.from_numpy(segments(starts)).to(device)
        column = self._position[torch.from_numpy(tail.astype(np.int64)).to(device)]
        head, column = head[column >= 0], column[column >= 0]
        scores = [
            self._scorer.links(heads, relation, tails)
            for heads, tails in zip(head.split(_LINKS), column.split(_LINKS), strict=True)
        ]
        added = self._added(relation)
        known = _log_sums_by(head, torch.cat(scores) + added[column], len(ids))
        frequency = torch.bincount(column, minlength=len(ids))
        tails = torch.nonzero(frequency).view(-1)
        frequent = tails[frequency[tails].argsort(descending=True, stable=True)]
        return RowStatistics(
            degrees,
            torch.bincount(head, minlength=len(ids)),
            known,
            self._sums.at_least(relation, frequent, added[frequent]),
        )

    def _added(self, relation: int) -> Tensor:
        """(columns,) what is added to the score of each tail."""
        count = self._columns.shape[0]
        if self._frequencies is None:
            return torch.zeros(count, dtype=self._dtype, device=self._columns.device)
        return self._frequencies.dense(relation, count).to(self._dtype)


def _log_sums_by(owner: Tensor, scores: Tensor, count: int) -> Tensor:
    """(links,) owners and scores -> (count,) log Σ e^score of each owner's, −inf without any."""
    high = scores.new_full((count,), -torch.inf).scatter_reduce_(0, owner, scores, "amax")
    shifted = (scores - high[owner]).exp()
    return high + scores.new_zeros(count).index_add_(0, owner, shifted).log()
