"""How well rules hold on known facts: support, standard confidence and PCA confidence.

The partial-completeness assumption (Galárraga et al., AMIE, WWW 2013) counts as wrong only pairs
of whose subject (or object, where the relation is more functional that way) something is known.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgreason.knowledge.index import FactIndex
from kgreason.ragged import Longs, gather_ranges, segments
from kgreason.rules.joins import blocks, reach


@dataclass(frozen=True, slots=True)
class BodyFigures:
    """Counts of one body against every directed relation as its head.

    pairs: distinct (first, last) pairs that the body leads to. support: (directed relations,) how
    many of them are facts. known: (directed relations,) how many of them the partial-completeness
    assumption counts.
    """

    pairs: int
    support: Longs
    known: Longs


class Measurer:
    """Measures bodies on the facts of one index."""

    def __init__(self, index: FactIndex) -> None:
        self.index = index
        width = index.entity_count
        heads = [index.heads(r).astype(np.int64) for r in range(index.relation_count)]
        fact_pairs, fact_relations = [], []
        for relation, some in enumerate(heads):
            offsets, tails = index.rows(some, relation)
            fact_pairs.append(some[segments(offsets)] * width + tails)
            fact_relations.append(np.full(len(tails), relation, dtype=np.int32))
        pairs = np.concatenate(fact_pairs)
        order = np.argsort(pairs, kind="stable")
        self._relations = np.concatenate(fact_relations)[order]
        self._pairs, starts = np.unique(pairs[order], return_index=True)
        self._starts = np.append(starts, len(pairs))
        self._heads = heads
        # More functional read forwards: fewer tails per head than heads per tail.
        forwards = index.head_counts[::2] >= index.head_counts[1::2]
        self._forwards = np.stack((forwards, ~forwards), 1).reshape(-1)

    def measure(self, body: Sequence[int]) -> BodyFigures:
        """Counts of the distinct pairs that a path of directed relations connects."""
        index, width = self.index, self.index.entity_count
        per_head = np.zeros(width, dtype=np.int64)
        per_tail = np.zeros(width, dtype=np.int64)
        support = np.zeros(index.relation_count, dtype=np.int64)
        for heads in blocks(index, self._heads[body[0]]):
            found = reach(index, heads, body)
            row, tail = found // width, found % width
            per_head[heads] += np.bincount(row, minlength=len(heads))
            per_tail += np.bincount(tail, minlength=width)
            support += self._supports(heads[row] * width + tail)
        known = np.zeros(index.relation_count, dtype=np.int64)
        for relation in np.flatnonzero(support).tolist():
            if self._forwards[relation]:
                known[relation] = per_head[self._heads[relation]].sum()
            else:
                known[relation] = per_tail[self._heads[relation ^ 1]].sum()
        return BodyFigures(int(per_head.sum()), support, known)

    def _supports(self, pairs: Longs) -> Longs:
        """(directed relations,) facts among pairs that are ascending and distinct."""
        place = np.minimum(np.searchsorted(self._pairs, pairs), len(self._pairs) - 1)
        place = place[self._pairs[place] == pairs]
        _, facts = gather_ranges(self._starts, place)
        relations: NDArray[np.int32] = self._relations[facts]
        return np.bincount(relations, minlength=self.index.relation_count).astype(np.int64)
