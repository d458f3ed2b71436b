"""Fuzzy set operations on truth vectors, generic over the logic."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from kgreason.truth.logic import Logic, Quantifier
from kgreason.truth.vector import TruthVector

# Scratch elements (not bytes) that one dense block of a segmented ∃ may take.
_SCRATCH = 1 << 23


def intersect(logic: Logic, a: TruthVector, b: TruthVector) -> TruthVector:
    """T(a, b) entity by entity, row by row."""
    if a.is_sparse or b.is_sparse:
        # T(0, ·) = 0: the support of a sparse side bounds the support of the result.
        sparse, other = (a, b) if a.is_sparse else (b, a)
        if a.is_sparse and b.is_sparse and b.entities.shape[0] < a.entities.shape[0]:
            sparse, other = b, a
        keys = sparse.keys
        truths = logic.conjoin(sparse.truths, other.at(keys))
        return _pruned(a.entity_count, torch.zeros_like(a.background), keys, truths)
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
        combine(vector.truths, scalars[vector.row]),
    )


def at_least(vector: TruthVector, least: Tensor) -> TruthVector:
    """Every truth of row i raised to least[i] where it is below; least: (batch,)."""
    keys, truths = vector.keys, vector.truths.maximum(least[vector.row])
    return _pruned(vector.entity_count, vector.background.maximum(least), keys, truths)


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
    keys = torch.cat([a.keys, b.keys]).unique()
    background = combine(a.background, b.background)
    return _pruned(a.entity_count, background, keys, combine(a.at(keys), b.at(keys)))


def _pruned(entity_count: int, background: Tensor, keys: Tensor, truths: Tensor) -> TruthVector:
    """Drop the entries that say no more than the background."""
    keep = truths != background[keys // entity_count]
    if not bool(keep.all()):
        keys, truths = keys[keep], truths[keep]
    return TruthVector.from_keys(entity_count, background, keys, truths)


def exists(logic: Logic, vector: TruthVector) -> Tensor:
    """∃ over the entities of each row: (batch,)."""
    unlisted = vector.entity_count - vector.offsets.diff()
    if logic.quantifier is Quantifier.MAX:
        best = torch.where(unlisted > 0, vector.background, 0.0)
        return best.scatter_reduce(0, vector.row, vector.truths, "amax")
    miss = torch.where(unlisted > 0, torch.log1p(-vector.background) * unlisted, 0.0)
    miss = miss.index_add(0, vector.row, torch.log1p(-vector.truths))
    return 1 - miss.exp()


def exists_by_owner(logic: Logic, vector: TruthVector, owner: Tensor, owners: int) -> TruthVector:
    """∃ over the rows that share an owner, entity by entity: (rows, entity) -> (owners, entity).

    owner: (rows,) int64 in [0, owners), ascending.
    """
    if not vector.is_sparse:
        return _exists_over_background(logic, vector, owner, owners)
    background = torch.zeros(owners, dtype=vector.truths.dtype, device=owner.device)
    size = vector.entity_count
    keys = owner[vector.row] * size + vector.entities
    if keys.shape[0] * 8 < owners * size:
        unique, index = keys.unique(return_inverse=True)
        gathered = _gather(logic, index, vector.truths, unique.shape[0])
        return TruthVector.from_keys(size, background, unique, gathered)
    found = [
        _dense_group(logic, keys[a:b], vector.truths[a:b], first * size, count * size)
        for first, count, a, b in _blocks(owner, vector.offsets, owners, max(1, _SCRATCH // size))
    ]
    unique = torch.cat([keys for keys, _ in found])
    return TruthVector.from_keys(size, background, unique, torch.cat([t for _, t in found]))


def _blocks(
    owner: Tensor, offsets: Tensor, owners: int, block: int
) -> list[tuple[int, int, int, int]]:
    """(first owner, owners, first entry, end entry) of blocks of consecutive owners."""
    starts = torch.arange(0, owners + block, block, device=owner.device).clamp(max=owners)
    entries = offsets[torch.searchsorted(owner, starts)].tolist()
    firsts = starts.tolist()
    return [
        (firsts[i], firsts[i + 1] - firsts[i], entries[i], entries[i + 1])
        for i in range(len(firsts) - 1)
    ]


def _dense_group(
    logic: Logic, keys: Tensor, truths: Tensor, base: int, space: int
) -> tuple[Tensor, Tensor]:
    """∃ over entries of equal key in [base, base + space): sorted unique keys, their truths."""
    gathered = _gather(logic, keys - base, truths, space)
    found = torch.nonzero(gathered).flatten()
    return found + base, gathered[found]


def _gather(logic: Logic, index: Tensor, truths: Tensor, groups: int) -> Tensor:
    """∃ over the truths of each group; 0 for an empty one."""
    if logic.quantifier is Quantifier.MAX:
        return truths.new_zeros(groups).scatter_reduce_(0, index, truths, "amax")
    misses = truths.new_zeros(groups).index_add_(0, index, torch.log1p(-truths))
    return 1 - misses.exp()


def _exists_over_background(
    logic: Logic, vector: TruthVector, owner: Tensor, owners: int
) -> TruthVector:
    """The general case, where rows may have a positive background.

    For entity e of an owner the instances are the rows that list e and the backgrounds of those
    that do not. Under max only the best background among the non-listing rows matters: with an
    owner's rows ranked by descending background, that is the row at the first rank missing from
    e's list, and in an ascending list of distinct ranks the prefix rank = position has that length.
    """
    if logic.quantifier is Quantifier.NOISY_OR:
        return _noisy_or_over_background(vector, owner, owners)
    order = torch.argsort(vector.background, descending=True, stable=True)
    order = order[torch.argsort(owner[order], stable=True)]
    starts = torch.searchsorted(owner, torch.arange(owners + 1, device=owner.device))
    position = torch.arange(len(vector), device=owner.device)
    rank = torch.empty_like(order).scatter_(0, order, position - starts[owner[order]])
    ranked_background = torch.cat([vector.background[order], vector.background.new_zeros(1)])

    keys = owner[vector.row] * vector.entity_count + vector.entities
    entry_order = torch.argsort(rank[vector.row], stable=True)
    entry_order = entry_order[torch.argsort(keys[entry_order], stable=True)]
    unique, index, counts = keys[entry_order].unique_consecutive(
        return_inverse=True, return_counts=True
    )
    first = counts.cumsum(0) - counts
    in_group = torch.arange(keys.shape[0], device=keys.device) - first[index]
    in_prefix = (rank[vector.row][entry_order] == in_group).long()
    missing = torch.zeros_like(unique).index_add_(0, index, in_prefix)
    unique_owner = unique // vector.entity_count
    beyond = starts[unique_owner] + missing
    last = torch.full_like(beyond, ranked_background.shape[0] - 1)
    best = ranked_background[torch.where(beyond < starts[unique_owner + 1], beyond, last)]
    truths = best.scatter_reduce(0, index, vector.truths[entry_order], "amax")
    background = vector.background.new_zeros(owners).scatter_reduce_(
        0, owner, vector.background, "amax"
    )
    return _pruned(vector.entity_count, background, unique, truths)


def _noisy_or_over_background(vector: TruthVector, owner: Tensor, owners: int) -> TruthVector:
    """1 − Π(1 − a): each row's background counts for every entity, less where the row lists it."""
    # A background of exactly 1 has log-miss −∞, which cannot be taken off again, and sums of
    # logarithms leave dust where all of them are taken off: both kinds of rows are counted apart.
    certain = vector.background >= 1
    row_miss = torch.where(certain, 0.0, torch.log1p(-vector.background.clamp(max=1 - 1e-7)))
    parts = torch.stack([row_miss, certain.to(row_miss), (vector.background > 0).to(row_miss)], 1)
    total = parts.new_zeros(owners, 3).index_add_(0, owner, parts)
    keys, index = (owner[vector.row] * vector.entity_count + vector.entities).unique(
        return_inverse=True
    )
    left = total[keys // vector.entity_count].index_add(0, index, -parts[vector.row])
    others = torch.where(left[:, 2] > 0, left[:, 0].clamp(max=0), 0.0)
    miss = others.index_add(0, index, torch.log1p(-vector.truths))
    truths = torch.where(left[:, 1] > 0, 1.0, 1 - miss.exp())
    background = torch.where(total[:, 1] > 0, 1.0, 1 - total[:, 0].exp())
    return _pruned(vector.entity_count, background, keys, truths)
