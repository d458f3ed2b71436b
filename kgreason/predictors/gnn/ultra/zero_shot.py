"""ULTRA over a graph that it was not trained on: truth learned from a part of the graph's facts.

A tenth of the facts is hidden, and scored from the rest. What the scores of the hidden facts are,
among those of all candidates, tells how true a score is; and which way of describing the relations
suits the graph.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from kgreason.errors import UsageError
from kgreason.predictors.gnn.odds import Candidates, candidates, fitted
from kgreason.predictors.gnn.ultra.network import Ultra
from kgreason.predictors.gnn.ultra.scorer import UltraScorer
from kgreason.ragged import Longs

if TYPE_CHECKING:
    from kgreason.knowledge import KnowledgeGraph

_HIDDEN = 0.1
_LEAST_FACTS = 20
_SEED = 0
# Floating-point operations that may go into learning what scores mean, and the fewest rows.
_FLOPS, _LEAST_PAIRS, _MOST_PAIRS = 4e10, 48, 400

Sees = Callable[[int], int]


def itself(relation: int) -> int:
    """Every directed relation is described as seen from itself."""
    return relation


def its_base(relation: int) -> int:
    """An inverse relation is described as seen from its base relation, as in the released code."""
    return relation & ~1


def over(
    model: Ultra,
    graph: KnowledgeGraph,
    observed: Iterable[str] | None = None,
    *,
    learned: str = "",
    dtype: torch.dtype = torch.float32,
    device: str | torch.device = "cpu",
) -> UltraScorer:
    """The model over the observed facts between entities. learned: what it was trained on."""
    if dtype == torch.bfloat16:
        raise UsageError("ULTRA has no scores in bfloat16", remedy="use float32 or float64")
    facts = _between_entities(graph, observed)

    def scorer(
        facts: Longs, sees: Sees, odds: Tensor | None = None, notes: tuple[str, ...] = ()
    ) -> UltraScorer:
        return UltraScorer(
            model,
            facts,
            graph.entity_count,
            graph.relation_count,
            sees=sees,
            odds=odds,
            notes=notes,
            dtype=dtype,
            device=device,
        )

    if len(facts) < _LEAST_FACTS:
        note = f"{len(facts):,} facts between entities are too few to learn from what scores mean."
        return scorer(facts, itself, notes=(note,))
    hidden, rest = _parted(facts)
    known = graph.index(observed)
    tried: dict[Sees, list[Candidates]] = {}
    for sees in (itself, its_base):
        partial = scorer(rest, sees)
        most = int(min(_MOST_PAIRS, max(_LEAST_PAIRS, _FLOPS / partial.flops)))
        tried[sees] = candidates(partial, torch.from_numpy(hidden), known, most)
    best = max(tried, key=lambda sees: _mean_rank(tried[sees]))
    odds = fitted(tried[best], 2 * graph.relation_count)
    trained = (f"ULTRA was trained on {learned}: figures on those graphs say little.",)
    return scorer(facts, best, odds, _notes(tried, best) + trained * bool(learned))


def _between_entities(graph: KnowledgeGraph, observed: Iterable[str] | None) -> Longs:
    literal = np.asarray(graph.vocabulary.literal)
    facts = graph.facts(observed).astype(np.int64)
    return facts[~(literal[facts[:, 0]] | literal[facts[:, 2]])]


def _parted(facts: Longs) -> tuple[Longs, Longs]:
    """The facts to hide, and the rest."""
    order = np.random.default_rng(_SEED).permutation(len(facts))
    count = max(1, int(_HIDDEN * len(facts)))
    return facts[np.sort(order[:count])], facts[np.sort(order[count:])]


def _mean_rank(found: list[Candidates]) -> float:
    """Mean reciprocal rank of the hidden facts."""
    ranks = [one.reciprocal_ranks for one in found]
    return float(np.concatenate(ranks).mean()) if ranks else 0.0


def _notes(tried: dict[Sees, list[Candidates]], best: Sees) -> tuple[str, ...]:
    found = tried[best]
    links = sum(int(one.truth.sum()) for one in found)
    share = links / max(1, sum(len(one.truth) for one in found))
    means = {sees: _mean_rank(own) for sees, own in tried.items()}
    way = "themselves" if best is itself else "their base relations"
    other = means[its_base if best is itself else itself]
    return (
        f"truths of ULTRA are estimates: of {links:,} facts that were hidden to learn what "
        f"its scores mean, the mean reciprocal rank is {means[best]:.2f}; of all candidates "
        f"{share:.2%} were facts.",
        f"inverse relations are described as seen from {way} (else {other:.2f}).",
    )
