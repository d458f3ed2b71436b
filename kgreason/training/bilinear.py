"""ComplEx and DistMult with the N3 penalty and reciprocal relations, by Adagrad.

After Lacroix et al., ICML 2018.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kgreason.knowledge import FactIndex
from kgreason.predictors.checkpoints.format import Checkpoint
from kgreason.predictors.embedding.bilinear import BilinearScorer
from kgreason.predictors.embedding.compositions import COMPOSITIONS
from kgreason.predictors.embedding.precision import fastest_dtype
from kgreason.predictors.embedding.tables import table_info
from kgreason.predictors.scorer import DTYPES, Coverage, Scorer
from kgreason.ragged import segments
from kgreason.training.facts import TrainingFacts
from kgreason.training.options import AUTO, Options
from kgreason.training.softmax import PairBatch, softmax_loss
from kgreason.training.state import pack_optimizer, unpack_optimizer

_INITIAL_SCALE = 1e-3


class BilinearTrainer:
    """Cross-entropy of the tail, for every fact in both directions.

    An epoch visits every distinct (head, directed relation) pair once, with all of its tails; a
    batch is a number of pairs. Every fact has the same weight, in the softmax and in the penalty.
    """

    def __init__(self, facts: TrainingFacts, relations: int, options: Options) -> None:
        """options: of one of `COMPOSITIONS`."""
        self._options = options
        self._composition = COMPOSITIONS[options.model]
        self._device = torch.device(options.device)
        self._random = torch.Generator().manual_seed(options.seed)
        triples = facts.train.numpy().astype(np.int32)
        self._index = FactIndex.from_facts(triples, facts.entities, relations)
        self._pairs = _distinct_pairs(facts.train)
        self._facts = 2 * len(facts.train)
        width = self._composition.parts * options.dimension
        self._entity, self._relation = (
            (torch.randn(rows, width, generator=self._random) * _INITIAL_SCALE).to(self._device)
            for rows in (facts.entities, 2 * relations)
        )
        self._optimizer = torch.optim.Adagrad(
            [self._entity, self._relation],
            lr=options.learning_rate,
            fused=self._device.type == "cpu",
        )
        chosen = options.precision
        self._dtype = fastest_dtype(self._device) if chosen == AUTO else DTYPES[chosen]

    def epoch(self, show: Callable[[float], None]) -> float:
        """One pass over all facts; the mean loss. `show` is told the share done after each step."""
        order = torch.randperm(len(self._pairs), generator=self._random)
        total = torch.zeros((), dtype=torch.float64, device=self._device)
        done = 0
        for chosen in order.split(self._options.batch_size):
            total += self._step(self._batch(self._pairs[chosen]))
            done += len(chosen)
            show(done / len(order))
        return float(total) / self._facts

    def _batch(self, pairs: Tensor) -> PairBatch:
        heads, relations = pairs.unbind(1)
        starts, tails = self._index.rows(heads.numpy(), relations.numpy())
        counts = torch.from_numpy(np.diff(starts))
        rows = torch.from_numpy(segments(starts))
        found = (heads, relations, counts, rows, torch.from_numpy(tails.astype(np.int64)))
        return PairBatch(*(tensor.to(self._device) for tensor in found))

    def _step(self, batch: PairBatch) -> Tensor:
        """Change the weights by one batch; its summed cross-entropy, without the penalty."""
        h, r, t = (
            rows.requires_grad_()
            for rows in (
                self._entity[batch.heads],
                self._relation[batch.relations],
                self._entity[batch.tails],
            )
        )
        queries = self._composition.compose(h, r)
        loss = softmax_loss(queries.detach(), self._entity, batch, self._dtype)
        rest = (queries * loss.queries).sum()
        if self._options.regularization:
            cubed = self._composition.cubed
            penalty = ((cubed(h) + cubed(r)) * batch.counts).sum() + cubed(t).sum()
            rest = rest + self._options.regularization * penalty
        of_h, of_r, of_t = torch.autograd.grad(rest, (h, r, t), allow_unused=True)
        of_relation = torch.zeros_like(self._relation)
        _add_rows(loss.entity, batch.heads, of_h)
        _add_rows(of_relation, batch.relations, of_r)
        if of_t is not None:
            _add_rows(loss.entity, batch.tails, of_t)
        # A constant, not the facts of this batch: each fact weighs the same wherever it falls.
        share = len(self._pairs) / (self._facts * self._options.batch_size)
        self._entity.grad, self._relation.grad = loss.entity.mul_(share), of_relation.mul_(share)
        self._optimizer.step()
        return loss.value

    def weights(self) -> dict[str, Tensor]:
        """The model as it stands; the tensors change with training."""
        return {"entity": self._entity, "relation": self._relation}

    def adopt(self, weights: dict[str, Tensor]) -> None:
        """Take over what `weights` once gave."""
        self._entity.copy_(weights["entity"])
        self._relation.copy_(weights["relation"])

    def state(self) -> dict[str, Tensor]:
        """Everything the next epoch depends on."""
        return {
            **self.weights(),
            "random": self._random.get_state(),
            "bfloat16": torch.tensor(self._dtype == torch.bfloat16),
            **pack_optimizer(self._optimizer),
        }

    def restore(self, state: dict[str, Tensor], epochs: int) -> None:
        """Continue from `state()` after `epochs` epochs."""
        self.adopt(state)
        self._random.set_state(state["random"])
        self._dtype = torch.bfloat16 if state["bfloat16"] else torch.float32
        unpack_optimizer(self._optimizer, state)

    def scorer(self) -> Scorer:
        """The model as it stands."""
        return BilinearScorer(self._composition, self._entity, self._relation, device=self._device)

    def checkpoint(
        self, vocabulary: Any, coverage: Coverage, training: dict[str, Any]
    ) -> Checkpoint:
        """The model as it stands, to be written."""
        info = table_info(
            self._composition,
            dimension=self._options.dimension,
            entities=vocabulary.entity_count,
            relations=vocabulary.relation_count,
            vocabulary=vocabulary.fingerprint(),
            training={**training, "precision": str(self._dtype).removeprefix("torch.")},
        )
        return Checkpoint(info, self.weights()).covering(coverage)


def _distinct_pairs(facts: Tensor) -> Tensor:
    """(pairs, 2) int64: head and directed relation of every fact and of its inverse, once each."""
    head, relation, tail = facts.unbind(1)
    forward, backward = (head, 2 * relation), (tail, 2 * relation + 1)
    pairs = torch.cat((torch.stack(forward, 1), torch.stack(backward, 1)))
    distinct: Tensor = torch.unique(pairs, dim=0)
    return distinct


def _add_rows(target: Tensor, rows: Tensor, values: Tensor) -> None:
    """Add values to rows in a fixed order, so that runs repeat."""
    if target.device.type == "cpu":
        target.index_add_(0, rows, values)
    else:
        target.index_put_((rows,), values, accumulate=True)
