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
_FLOPS, _LEAST_PAIRS, _MOST_PAIRS = 3e10, 48, 400

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
    facts = between_entities(graph, observed)

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
    ways: tuple[Sees, ...] = (itself, its_base)
    partial = {sees: scorer(rest, sees) for sees in ways}
    most = int(min(_MOST_PAIRS, max(_LEAST_PAIRS, _FLOPS / partial[itself].flops)))

    def scored(sees: Sees, way: int) -> list[Candidates]:
        return candidates(partial[sees], torch.from_numpy(hidden), known, most, (way,))

    # Base relations are described in the same way by both.
    inverse = {sees: scored(sees, 1) for sees in ways}
    best = max(inverse, key=lambda sees: _mean_rank(inverse[sees]))
    found = scored(best, 0) + inverse[best]
    trained = (f"ULTRA was trained on {learned}: figures on those graphs say little.",)
    notes = (_quality(found), _choice(inverse, best)) + trained * bool(learned)
    return scorer(facts, best, fitted(found, 2 * graph.relation_count), notes)


def between_entities(graph: KnowledgeGraph, observed: Iterable[str] | None) -> Longs:
    """(facts, 3) the observed facts that lead to no literal."""
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


def _quality(found: list[Candidates]) -> str:
    links = sum(int(one.truth.sum()) for one in found)
    share = links / max(1, sum(len(one.truth) for one in found))
    return (
        f"truths of ULTRA are estimates: of {links:,} facts that were hidden to learn what its "
        f"scores mean, the mean reciprocal rank is {_mean_rank(found):.2f}; of all candidates "
        f"{share:.2%} were facts."
    )


def _choice(inverse: dict[Sees, list[Candidates]], best: Sees) -> str:
    ranks = {sees: _mean_rank(found) for sees, found in inverse.items()}
    way, other = ("themselves", its_base) if best is itself else ("their base relations", itself)
    return (
        f"inverse relations are described as seen from {way}: the mean reciprocal rank of hidden "
        f"heads is {ranks[best]:.2f}, else {ranks[other]:.2f}."
    )
