"""Which bodies may conclude which relation, told from relation embeddings alone.

A relation of ComplEx (or DistMult, whose vectors are real) is a diagonal operator, so a path of
relations is the product of theirs; rules are sought where it points the way of another relation
(Yang et al., ICLR 2015, section 5).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from kgreason.errors import CheckpointError
from kgreason.knowledge.index import FactIndex
from kgreason.rules.joins import path_counts, shared_heads

Vectors = NDArray[np.complex64]
Bodies = NDArray[np.int64]

_BLOCK_BODIES = 8192
# Long bodies are many; a quarter of the coordinates tells the near ones well enough.
_LONG_STEP = 4


@dataclass(frozen=True, slots=True)
class Candidates:
    """Bodies that may conclude a relation.

    bodies: (candidates, length) directed relations. heads: (candidates,) base relations as directed
    ids. similarity: (candidates,) cosine in [-1, 1].
    """

    bodies: Bodies
    heads: NDArray[np.int64]
    similarity: NDArray[np.float32]


class Types:
    """Which relations may follow one another, and which bodies may have which head, by facts."""

    def __init__(self, index: FactIndex) -> None:
        inverse = np.arange(index.relation_count) ^ 1
        self.follows = path_counts(index) > 0
        self.shares_heads: NDArray[np.bool_] = shared_heads(index) > 0
        self.shares_tails = self.shares_heads[inverse][:, inverse]

    def bodies(self, length: int) -> Iterator[Bodies]:
        """All paths of relations that entities could walk, in blocks; (bodies, length)."""
        firsts = np.flatnonzero(self.follows.any(1) | (length == 1))
        for first in firsts.tolist():
            found = np.array([[first]], dtype=np.int64)
            for _ in range(length - 1):
                row, after = np.nonzero(self.follows[found[:, -1]])
                # A step and the way back adds nothing to a longer path.
                kept = (found[row, -1] != after ^ 1) | (length == 2)
                found = np.column_stack((found[row[kept]], after[kept]))
            for start in range(0, len(found), _BLOCK_BODIES):
                yield found[start : start + _BLOCK_BODIES]


def check_vectors(vectors: Vectors, index: FactIndex) -> None:
    """CheckpointError unless there is a vector for every directed relation of the index."""
    if vectors.ndim != 2 or len(vectors) != index.relation_count:
        raise CheckpointError(
            f"relation weights of shape {vectors.shape} for {index.relation_count} directed "
            "relations",
            remedy="mine rules from the checkpoint that was trained on this graph",
        )


def find_candidates(
    vectors: Vectors,
    types: Types,
    length: int,
    per_head: int,
    progress: Callable[[int], None] | None = None,
) -> Candidates:
    """The bodies of one length most like each base relation, at most `per_head` for each.

    Circular rules are left out. progress: told the number of bodies compared.
    """
    step = _LONG_STEP if length > 2 else 1
    vectors = vectors[:, ::step]
    heads = np.arange(0, len(vectors), 2)
    directions = _unit(vectors[heads])
    best = np.full((len(heads), per_head), -np.inf, dtype=np.float32)
    bodies = np.zeros((len(heads), per_head, length), dtype=np.int64)
    compared = 0
    for block in types.bodies(length):
        likeness = directions @ _unit(vectors[block].prod(1)).T
        fits = (
            types.shares_heads[heads][:, block[:, 0]] & types.shares_tails[heads][:, block[:, -1]]
        )
        if length == 1:
            fits &= block[:, 0] != heads[:, None]
        likeness[~fits] = -np.inf
        better = np.flatnonzero((likeness > best.min(1, keepdims=True)).any(0))
        pool = np.concatenate((best, likeness[:, better]), 1)
        kept = np.argsort(-pool, axis=1, kind="stable")[:, :per_head]
        best = np.take_along_axis(pool, kept, 1)
        old = np.take_along_axis(bodies, np.minimum(kept, per_head - 1)[:, :, None], 1)
        if len(better):
            new = block[better[np.maximum(kept - per_head, 0)]]
            bodies = np.where((kept < per_head)[:, :, None], old, new)
        compared += len(block)
        if progress is not None:
            progress(compared)
    column, rank = np.nonzero(np.isfinite(best))
    return Candidates(bodies[column, rank], heads[column], best[column, rank])


def _unit(vectors: Vectors) -> NDArray[np.float32]:
    """(rows, d) complex -> (rows, 2d) real of length 1: dot products are cosines."""
    flat = np.concatenate((vectors.real, vectors.imag), 1)
    norm = np.linalg.norm(flat, axis=1, keepdims=True)
    found: NDArray[np.float32] = flat / np.maximum(norm, np.finfo(np.float32).tiny)
    return found
