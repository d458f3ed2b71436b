"""A scorer, a calibration and the known facts make a link predictor."""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from kgreason.errors import PredictorError, UsageError
from kgreason.predictors.calibrated.calibration import Calibration, Observed
from kgreason.predictors.calibrated.frequencies import Frequencies
from kgreason.predictors.calibrated.streaming import NotFiniteError, streaming
from kgreason.predictors.calibrated.upper_bounds import UpperBounds
from kgreason.predictors.csr import compress, fact_rows, listed, stack, take
from kgreason.predictors.protocol import (
    HeadBounds,
    LinkPredictor,
    Path,
    RowBounds,
    RowPrice,
    nothing_known,
)
from kgreason.predictors.scorer import Scorer
from kgreason.ragged import segments
from kgreason.truth.rows import TruthRows

if TYPE_CHECKING:
    from kgreason.knowledge import FactIndex

DEFAULT_BLOCK_BYTES = 16 * 2**20
_SAMPLE = 64
# Operations that the sample may cost.
_SAMPLE_FLOPS = 2e10


class CalibratedPredictor(LinkPredictor):
    """Truth of links from a scorer's scores, with known facts laid on top.

    observed: facts known to be true; their truth is `observed_truth` in (0, 1], or what the scorer
    makes of it when that is None (1 for facts whose tail has no score).
    rankable: (entities,) bool, False for entities no link may be predicted to or from (literals);
    None for all. Known facts keep them.
    block_bytes: size of one block of scores; a block holds at least the scorer's smallest shape,
    and `block_rows` rows.
    """

    def __init__(
        self,
        scorer: Scorer,
        calibration: Calibration,
        observed: FactIndex,
        *,
        observed_truth: float | None = 1.0,
        rankable: Tensor | None = None,
        block_bytes: int = DEFAULT_BLOCK_BYTES,
    ) -> None:
        if observed_truth is not None and not 0 < observed_truth <= 1:
            raise UsageError(
                f"observed truth {observed_truth:g} is outside (0, 1]",
                remedy="give a value in (0, 1], or none to leave known facts as scored",
            )
        self.scorer = scorer
        self.calibration = calibration
        self._observed = observed
        self._observed_truth = observed_truth
        self._device = scorer.device
        self._columns = _column_ids(scorer, observed.entity_count)
        self._ids = self._columns.to(self._device)
        allowed = torch.ones(observed.entity_count, dtype=torch.bool)
        allowed = allowed if rankable is None else rankable.cpu()
        self._hidden = (~allowed[self._columns]).to(self._device)
        # Entity -> column of the scorer, −1 where no link may be predicted.
        position = torch.full((observed.entity_count,), -1, dtype=torch.int64)
        position[self._columns] = torch.arange(self._columns.shape[0])
        self._position = torch.where(allowed, position, -1).to(self._device)
        self._frequencies = None
        if calibration.frequency > 0:
            self._frequencies = Frequencies(observed, self._position, calibration.frequency)
        self._whole = scorer.coverage.entities is None and not bool(self._hidden.any())
        known = scorer.coverage.relations
        self._relations = (
            torch.ones(scorer.relation_count, dtype=torch.bool) if known is None else known
        ).to(self._device)
        self._streaming = streaming(scorer, calibration, self._hidden, self._frequencies)
        width = observed.entity_count if self._streaming is None else self._streaming.width
        row_bytes = 2 * width * (8 if self._is_double else 4)
        self.block_rows = _block_rows(scorer, block_bytes, row_bytes)
        self._block_bytes = block_bytes

    @property
    def name(self) -> str:
        known = {None: "as scored", 1.0: "true"}.get(
            self._observed_truth, f"{self._observed_truth}"
        )
        return (
            f"{self.scorer.name}, {self.calibration.name}, "
            f"{self._observed.fact_count:,} observed facts {known}"
        )

    @property
    def notes(self) -> tuple[str, ...]:
        """What the scorer cannot say anything about, one sentence each."""
        found = [*self.scorer.notes]
        missing = int((self._position < 0).sum())
        if missing:
            found.append(
                f"{missing:,} of {self.entity_count:,} entities (literals, or unseen in training) "
                "take part in known facts only."
            )
        untrained = int((~self._relations).sum()) // 2
        if untrained:
            found.append(
                f"{untrained:,} of {self.relation_count // 2:,} relations are unknown to the "
                "model: known facts only."
            )
        return tuple(found)

    @property
    def entity_count(self) -> int:
        return self._observed.entity_count

    @property
    def relation_count(self) -> int:
        return self._observed.relation_count

    def domain(self, relation: int) -> Tensor | None:
        trained = bool(self._relations[relation])
        if trained and self._whole:
            return None
        heads = np.asarray(self._observed.heads(relation), dtype=np.int64)
        with_facts = torch.from_numpy(heads).to(self._device)
        if not trained:
            return with_facts
        scored = torch.nonzero(self._position >= 0).view(-1)
        return torch.cat((scored, with_facts)).unique(sorted=True)  # type: ignore[no-any-return]

    def scope(self, relation: int) -> Tensor | None:
        """(entities,) bool: between which entities links can be predicted; None for all."""
        if not bool(self._relations[relation]):
            return torch.zeros(self.entity_count, dtype=torch.bool, device=self._device)
        return None if self._whole else self._position >= 0

    def paths(self, head: int, relation: int, tail: int, most: int) -> tuple[Path, ...]:
        """Paths of facts that support a link, where the scorer reasons along paths."""
        ends = self._position[[head, tail]].tolist()
        if min(ends) < 0 or not bool(self._relations[relation]):
            return ()
        return tuple(
            tuple((int(self._columns[s]), r, int(self._columns[t])) for s, r, t in path)
            for path in self.scorer.paths(ends[0], relation, ends[1], most)
        )

    def price(self) -> RowPrice:
        return RowPrice(
            flops=self.scorer.flops + 10.0 * self.scorer.entity_count,
            entries=self._mean_entries,
            head_bounds=None if self._upper_bounds is None else self.scorer.flops,
            rows_per_pass=self.scorer.block.multiple,
        )

    def bounds(self, heads: Tensor, relations: Tensor) -> RowBounds:
        """The observed facts; other links have at most the calibration's highest truth."""
        heads, relations = heads.to(self._device), relations.to(self._device)
        if self._observed_truth is None:
            return nothing_known(heads)
        # Rounded as truths are.
        others = torch.tensor(self.calibration.highest, dtype=self.scorer.dtype).item()
        return RowBounds(self._facts_only(heads, relations), others)

    def top_heads(self, relation: int, tails: Tensor, count: int) -> HeadBounds | None:
        """From the columns of a scorer whose scores are dot products, else None."""
        if self._upper_bounds is None:
            return None
        return self._upper_bounds.top_heads(relation, tails.to(self._device), count)

    @cached_property
    def _upper_bounds(self) -> UpperBounds | None:
        products = self.scorer.dot_products
        if products is None or not self.calibration.is_bounded:
            return None
        if products.embeddings.dtype not in (torch.float32, torch.float64):
            # Shorter numbers round too coarsely for a bound.
            return None
        return UpperBounds(
            products,
            self.calibration,
            self._observed,
            self._observed_truth,
            self._ids,
            self._position,
            self._relations,
            self._block_bytes,
            self._frequencies,
        )

    def rows(self, heads: Tensor, relations: Tensor) -> TruthRows:
        """heads, relations: (rows,) int64 -> truths; PredictorError for a score that is no number.

        A row has the same bits in any batch: the scorer is asked in block shapes that keep them.
        """
        heads = heads.to(self._device, torch.int64)
        relations = relations.to(self._device, torch.int64)
        scored = (self._position[heads] >= 0) & self._relations[relations]
        if bool(scored.all()):
            return self._scored(heads, relations)
        with_score, without = (torch.nonzero(m).view(-1) for m in (scored, ~scored))
        parts = [self._facts_only(heads[without], relations[without])]
        if with_score.shape[0]:
            parts.append(self._scored(heads[with_score], relations[with_score]))
        return take(stack(parts), torch.cat((without, with_score)).argsort())

    def _facts_only(self, heads: Tensor, relations: Tensor) -> TruthRows:
        truth = 1.0 if self._observed_truth is None else self._observed_truth
        dtype = torch.float64 if self._is_double else torch.float32
        return fact_rows(self._observed, heads, relations, truth, dtype, self._device)

    def _scored(self, heads: Tensor, relations: Tensor) -> TruthRows:
        if not heads.shape[0]:
            return self._facts_only(heads, relations)
        size = self.block_rows
        return stack(
            [
                self._block(heads[start : start + size], relations[start : start + size])
                for start in range(0, heads.shape[0], size)
            ]
        )

    def _block(self, heads: Tensor, relations: Tensor) -> TruthRows:
        count = heads.shape[0]
        multiple = self.scorer.block.multiple
        # The last pair fills the block up to a shape that keeps the bits of every row.
        fill = torch.arange(-(-count // multiple) * multiple, device=self._device)
        fill.clamp_(max=count - 1)
        columns, relations = self._position[heads[fill]], relations[fill]
        row, tail = self._known(heads, relations[:count])
        column = self._position[tail]
        has_score = column >= 0
        observed = Observed(
            degrees=torch.bincount(row, minlength=count),
            lengths=torch.bincount(row[has_score], minlength=count),
            rows=row[has_score],
            columns=column[has_score],
        )
        if self._observed_truth is None and not self._whole:
            row, tail = row[~has_score], tail[~has_score]
        elif self._observed_truth is None:
            row, tail = row[:0], tail[:0]
        truth = 1.0 if self._observed_truth is None else self._observed_truth
        if self._streaming is None:
            truths = self._dense(columns, relations, observed)
            truths[row, tail] = truth
            return compress(truths)
        try:
            found = self._streaming.truths(columns, relations, observed)
        except NotFiniteError:
            self._check(self.scorer.scores(columns, relations)[:count], heads, relations)
            raise
        return listed(
            torch.cat((found.rows, row)),
            torch.cat((self._ids[found.columns], tail)),
            torch.cat((found.truths, found.truths.new_full(row.shape, truth))),
            count,
            self.entity_count,
        )

    def _dense(self, columns: Tensor, relations: Tensor, observed: Observed) -> Tensor:
        """(rows, entities) truths, known facts as scored."""
        count = observed.degrees.shape[0]
        scores = self.scorer.scores(columns, relations)[:count].contiguous()
        relations = relations[:count]
        self._check(scores, self._ids[columns], relations)
        if self._frequencies is not None:
            self._frequencies.add_to(scores, relations)
        if bool(self._hidden.any()):
            scores.masked_fill_(self._hidden, -torch.inf)
        return self._widen(self.calibration.truths(scores, observed))

    def _known(self, heads: Tensor, relations: Tensor) -> tuple[Tensor, Tensor]:
        """Known facts of a block: (facts,) row and (facts,) tail, row by row."""
        starts, tails = self._observed.rows(heads.cpu().numpy(), relations.cpu().numpy())
        row = segments(starts)
        tail = torch.from_numpy(np.asarray(tails, dtype=np.int64))
        return torch.from_numpy(row).to(self._device), tail.to(self._device)

    def _widen(self, truths: Tensor) -> Tensor:
        """(rows, scored entities) -> (rows, entities)."""
        if self.scorer.coverage.entities is None:
            return truths
        wide = truths.new_zeros((truths.shape[0], self.entity_count))
        return wide.index_copy_(1, self._ids, truths)

    def _check(self, scores: Tensor, heads: Tensor, relations: Tensor) -> None:
        # A sum is not finite if any part is not; only then is it worth looking closer.
        if bool(scores.sum(1).isfinite().all()):
            return
        bad = torch.nonzero(~scores.isfinite().all(1)).view(-1)
        if bad.shape[0]:
            row = int(bad[0])
            raise PredictorError(
                f"{self.scorer.name} gives a score that is not a finite number for head "
                f"{int(heads[row])} under directed relation {int(relations[row])}",
                remedy="the checkpoint is damaged or its training diverged: train again, "
                "with a lower learning rate",
            )

    @property
    def _is_double(self) -> bool:
        return self.scorer.dtype == torch.float64

    @cached_property
    def _mean_entries(self) -> float:
        """Mean listed entities over a fixed, evenly spread sample of pairs."""
        heads = self._columns[~self._hidden.cpu()]
        trained = torch.nonzero(self._relations).view(-1).cpu()
        if not len(heads) or not len(trained):
            return self._observed.fact_count / max(1, self.entity_count)
        count = int(max(2, min(_SAMPLE, _SAMPLE_FLOPS / max(1.0, self.scorer.flops))))
        step = torch.arange(count)
        sample = self._scored(
            heads[step * len(heads) // count].to(self._device),
            trained[step * 7 % len(trained)].to(self._device),
        )
        return sample.entities.shape[0] / count


def _column_ids(scorer: Scorer, entity_count: int) -> Tensor:
    """Vocabulary ids of the scorer's columns; PredictorError when they do not fit."""
    ids = scorer.coverage.entities
    ids = torch.arange(scorer.entity_count) if ids is None else ids.cpu()
    covers_all = scorer.coverage.entities is not None or scorer.entity_count == entity_count
    if not covers_all or (len(ids) and int(ids[-1]) >= entity_count):
        raise PredictorError(
            f"{scorer.name} covers {scorer.entity_count:,} entities, "
            f"the knowledge graph has {entity_count:,}",
            remedy="use the checkpoint with the graph it was trained on, or train a new one",
        )
    return ids


def _block_rows(scorer: Scorer, block_bytes: int, row_bytes: int) -> int:
    shape = scorer.block
    rows = max(1, block_bytes // max(1, row_bytes) // shape.multiple) * shape.multiple
    return rows if shape.limit is None else min(rows, shape.limit)
