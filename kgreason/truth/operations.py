"""Fuzzy set operations on truth vectors, generic over the logic."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from kgreason.truth.logic import Logic, Quantifier
from kgreason.truth.vector import DENSE, TruthVector, nonzero, pick


def intersect(logic: Logic, a: TruthVector, b: TruthVector) -> TruthVector:
    """T(a, b) entity by entity, row by row."""
    if a.is_sparse or b.is_sparse:
        # T(0, ·) = 0: the support of a sparse side bounds the support of the result.
        sparse, other = (a, b) if a.is_sparse else (b, a)
        if a.is_sparse and b.is_sparse and b.entities.shape[0] < a.entities.shape[0]:
            sparse, other = b, a
        keys = sparse.keys
        truths = logic.conjoin(sparse.truths, other.at(keys))
        return pruned(a.entity_count, torch.zeros_like(a.background), keys, truths)
    return _merge(logic.conjoin, a, b)


def unite(logic: Logic, a: TruthVector, b: TruthVector) -> TruthVector:
    """S(a, b) entity by entity, row by row."""
    return _merge(logic.disjoin, a, b)


def complement(logic: Logic, a: TruthVector) -> TruthVector:
    """¬a entity by entity."""
    return TruthVector(
        a.entity_count,
        logic.negate(a.background),
        a.offsets,
        a.entities,
        logic.negate(a.truths),
    )


def scale(
    combine: Callable[[Tensor, Tensor], Tensor], vector: TruthVector, scalars: Tensor
) -> TruthVector:
    """Combine every truth of row i with scalars[i]; scalars: (batch,)."""
    return TruthVector(
        vector.entity_count,
        combine(vector.background, scalars),
        vector.offsets,
        vector.entities,
        combine(vector.truths, pick(scalars, vector.row)),
    )


def at_least(vector: TruthVector, least: Tensor) -> TruthVector:
    """Every truth of row i raised to least[i] where it is below; least: (batch,)."""
    keys, truths = vector.keys, vector.truths.maximum(pick(least, vector.row))
    return pruned(vector.entity_count, vector.background.maximum(least), keys, truths)


def greater(a: TruthVector, b: TruthVector) -> TruthVector:
    """The greater truth, entity by entity, row by row."""
    return _merge(torch.maximum, a, b)


def below(vector: TruthVector, floor: float) -> Tensor:
    """The greatest truth of each row among those below `floor`, 0 where there is none: (batch,)."""
    best = torch.where(vector.background < floor, vector.background, 0.0)
    low = torch.where(vector.truths < floor, vector.truths, 0.0)
    return best.scatter_reduce(0, vector.row, low, "amax")


def support(vector: TruthVector) -> TruthVector:
    """Truth 1 wherever the truth is above 0."""
    return TruthVector(
        vector.entity_count,
        (vector.background > 0).to(vector.background.dtype),
        vector.offsets,
        vector.entities,
        (vector.truths > 0).to(vector.truths.dtype),
    )


def _merge(
    combine: Callable[[Tensor, Tensor], Tensor], a: TruthVector, b: TruthVector
) -> TruthVector:
    keys = either(a, b)
    background = combine(a.background, b.background)
    return pruned(a.entity_count, background, keys, combine(a.at(keys), b.at(keys)))


def either(a: TruthVector, b: TruthVector) -> Tensor:
    """Ascending keys that either of two vectors of one shape lists."""
    first, second, places = a.keys, b.keys, len(a) * a.entity_count
    if (first.shape[0] + second.shape[0]) * DENSE < places:
        return torch.cat([first, second]).unique()  # type: ignore[no-any-return]
    listed = torch.zeros(places, dtype=torch.bool, device=first.device)
    listed[first] = listed[second] = True
    return nonzero(listed)


def pruned(entity_count: int, background: Tensor, keys: Tensor, truths: Tensor) -> TruthVector:
    """Drop the entries that say no more than the background."""
    if not bool(background.any()):
        kept = nonzero(truths)
    else:
        # Divisions of int64 are slow.
        single = background.shape[0] == 1
        kept = nonzero(truths != (background if single else pick(background, keys // entity_count)))
    if kept.shape[0] < keys.shape[0]:
        keys, truths = pick(keys, kept), pick(truths, kept)
    return TruthVector.from_keys(entity_count, background, keys, truths)


def exists(logic: Logic, vector: TruthVector) -> Tensor:
    """∃ over the entities of each row: (batch,)."""
    unlisted = vector.entity_count - vector.offsets.diff()
    if logic.quantifier is Quantifier.MAX:
        best = torch.where(unlisted > 0, vector.background, 0.0)
        return best.scatter_reduce(0, vector.row, vector.truths, "amax")
    miss = torch.where(unlisted > 0, torch.log1p(-vector.background) * unlisted, 0.0)
    miss = miss.index_add(0, vector.row, torch.log1p(-vector.truths))
    return miss.expm1().abs()


def exists_bound(logic: Logic, greatest: Tensor) -> Tensor:
    """Upper bound of ∃ over any number of instances, none of which is truer than `greatest`."""
    if logic.quantifier is Quantifier.MAX:
        return greatest
    # Many small truths may add up to any truth.
    return (greatest > 0).to(greatest.dtype)
