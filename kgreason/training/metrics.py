"""Filtered ranking of held-out facts, in both directions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import torch
from torch import Tensor

from kgreason.metrics.averages import hits, mean_reciprocal_rank
from kgreason.metrics.ranking import answer_ranks, both_directions, removed
from kgreason.predictors.scorer import Scorer

if TYPE_CHECKING:
    from kgreason.knowledge import FactIndex

SAMPLE = 2_000
"""Facts that judge an epoch."""
FINAL = 50_000
"""Facts that judge the finished model, at most."""
_BLOCK = 256


@dataclass(frozen=True, slots=True)
class Metrics:
    """Mean reciprocal rank and hits, over `ranked` questions (two per fact)."""

    mrr: float
    hits_at_1: float
    hits_at_3: float
    hits_at_10: float
    ranked: int

    def __str__(self) -> str:
        return (
            f"MRR {self.mrr:.3f}, Hits@1 {self.hits_at_1:.3f}, Hits@3 {self.hits_at_3:.3f}, "
            f"Hits@10 {self.hits_at_10:.3f} ({self.ranked:,} filtered ranks, both directions)"
        )

    @classmethod
    def of(cls, ranks: Tensor) -> Metrics:
        """From the ranks themselves, at least one; (ranked,) float64, 1 the best."""
        share = [hits(ranks, most) for most in (1, 3, 10)]
        return cls(mean_reciprocal_rank(ranks), share[0], share[1], share[2], len(ranks))


def sample(facts: Tensor, most: int = SAMPLE) -> Tensor:
    """At most so many facts, evenly spread."""
    return facts[torch.arange(most) * len(facts) // most] if len(facts) > most else facts


def evaluate(scorer: Scorer, facts: Tensor, known: FactIndex) -> Metrics | None:
    """Rank each fact's tail among all entities that are not known to be true; ties at mean rank.

    The head is ranked too, as the tail of the inverse relation.

    facts: (facts, 3) int64 in the scorer's entities. known: facts to filter, in the same numbering.
    None without facts.
    """
    if not len(facts):
        return None
    heads, relations, tails = both_directions(facts)
    # Questions of one head stand together: a scorer may answer them from the same work.
    order = heads.argsort(stable=True)
    heads, relations, tails = heads[order], relations[order], tails[order]
    limit = scorer.block.limit or _BLOCK
    size = max(1, limit // scorer.block.multiple) * scorer.block.multiple
    ranks = torch.cat(
        [
            _ranks(scorer, heads[part], relations[part], tails[part], known, size)
            for part in torch.arange(len(heads)).split(size)
        ]
    )
    return Metrics.of(ranks)


def _ranks(
    scorer: Scorer, heads: Tensor, relations: Tensor, tails: Tensor, known: FactIndex, size: int
) -> Tensor:
    count, device = len(heads), scorer.device
    fill = torch.arange(size).clamp(max=count - 1)
    scores = scorer.scores(heads[fill].to(device), relations[fill].to(device))[:count].contiguous()
    return answer_ranks(scores, tails, removed(heads, relations, tails, known))
