"""ComplEx by full softmax over all tails, with the N3 penalty (Lacroix et al., ICML 2018).

PyKEEN's ComplEx lays out (batch, entities, rank) complex numbers for every step; here a step is
three matrix products, which is what makes training feasible on a CPU.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.nn.functional import cross_entropy, embedding

from kgreason.predictors.checkpoint import COMPLEX, Checkpoint, CheckpointInfo
from kgreason.predictors.scorers import ComplEx, Coverage, Scorer
from kgreason.training.options import Options
from kgreason.training.state import pack_optimizer, unpack_optimizer

_INITIAL_SCALE = 1e-3


class ComplExTrainer:
    """Cross-entropy of the tail, for every fact in both directions, by Adagrad."""

    def __init__(self, facts: Tensor, entities: int, relations: int, options: Options) -> None:
        """facts: (facts, 3) int64 head, base relation, tail."""
        self._options = options
        device = torch.device(options.device)
        self._random = torch.Generator().manual_seed(options.seed)
        head, relation, tail = facts.unbind(1)
        forward = torch.stack((head, 2 * relation, tail), 1)
        backward = torch.stack((tail, 2 * relation + 1, head), 1)
        self._facts = torch.cat((forward, backward))
        width = 2 * options.dimension
        self._entity, self._relation = (
            (torch.randn(rows, width, generator=self._random) * _INITIAL_SCALE)
            .to(device)
            .requires_grad_()
            for rows in (entities, 2 * relations)
        )
        self._optimizer = torch.optim.Adagrad(
            [self._entity, self._relation], lr=options.learning_rate
        )

    def epoch(self) -> float:
        """One pass over all facts; the mean loss."""
        order = torch.randperm(len(self._facts), generator=self._random)
        size = self._options.batch_size
        total = 0.0
        for start in range(0, len(order), size):
            batch = self._facts[order[start : start + size]].to(self._entity.device)
            loss = self._loss(batch)
            self._optimizer.zero_grad()
            loss.backward()
            self._optimizer.step()
            total += float(loss.detach()) * len(batch)
        return total / len(order)

    def _loss(self, batch: Tensor) -> Tensor:
        head, relation, tail = batch.unbind(1)
        # embedding(), not indexing: its gradient is summed in a fixed order, so runs repeat.
        h, t = embedding(head, self._entity), embedding(tail, self._entity)
        r = embedding(relation, self._relation)
        (h_re, h_im), (r_re, r_im) = h.chunk(2, 1), r.chunk(2, 1)
        query = torch.cat((h_re * r_re - h_im * r_im, h_re * r_im + h_im * r_re), 1)
        loss = cross_entropy(query @ self._entity.T, tail)
        weight = self._options.regularization
        if weight:
            loss = loss + weight * sum(_cubed(x) for x in (h, r, t)) / len(batch)
        return loss

    def state(self) -> dict[str, Tensor]:
        """Everything the next epoch depends on."""
        return {
            "entity": self._entity.detach(),
            "relation": self._relation.detach(),
            "random": self._random.get_state(),
            **pack_optimizer(self._optimizer),
        }

    def restore(self, state: dict[str, Tensor], epochs: int) -> None:
        """Continue from `state()` after `epochs` epochs."""
        with torch.no_grad():
            self._entity.copy_(state["entity"])
            self._relation.copy_(state["relation"])
        self._random.set_state(state["random"])
        unpack_optimizer(self._optimizer, state)

    def scorer(self) -> Scorer:
        """The model as it stands."""
        entity, relation = self._entity.detach(), self._relation.detach()
        return ComplEx(entity, relation, device=self._options.device)

    def checkpoint(
        self, vocabulary: Any, coverage: Coverage, training: dict[str, Any]
    ) -> Checkpoint:
        """The model as it stands, to be written."""
        info = CheckpointInfo(
            model=COMPLEX,
            dimension=self._options.dimension,
            entities=vocabulary.entity_count,
            relations=vocabulary.relation_count,
            vocabulary=vocabulary.fingerprint(),
            training=training,
        )
        tensors = {"entity": self._entity.detach(), "relation": self._relation.detach()}
        return Checkpoint(info, tensors).covering(coverage)


def _cubed(rows: Tensor) -> Tensor:
    """Σ |x|³ over complex numbers."""
    real, imaginary = rows.chunk(2, 1)
    # The tiny constant keeps the gradient of the root finite at 0.
    squared = real * real + imaginary * imaginary + 1e-30
    return (squared * squared.sqrt()).sum()
