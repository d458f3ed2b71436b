"""∃ over the rows that share a segment, entity by entity."""

from __future__ import annotations

from collections.abc import Iterator

import torch
from torch import Tensor

from kgreason.truth.logic import Logic, Quantifier
from kgreason.truth.operations import pruned, scale
from kgreason.truth.ragged import gather_ranges, repeated
from kgreason.truth.rows import TruthRows
from kgreason.truth.vector import DENSE, TruthVector, nonzero, pick

# Scratch elements (not bytes) that one dense block may take.
_SCRATCH = 1 << 23
# Entries gone through at a time: few enough to stay in the processor's cache.
_AT_ONCE = 1 << 18
# Gathering the entries of a row takes so many times as long as going through those in between.
_SPAN = 2.5


def exists_by_segment(
    logic: Logic, vector: TruthVector, segment: Tensor, segments: int
) -> TruthVector:
    """∃ over the rows that share a segment, entity by entity: (rows, entity) -> (segments, entity).

    segment: (rows,) int64 in [0, segments), ascending.
    """
    if not vector.is_sparse:
        return _exists_over_background(logic, vector, segment, segments)
    background = torch.zeros(segments, dtype=vector.truths.dtype, device=segment.device)
    size = vector.entity_count
    keys = vector.entities.long()
    if segments > 1:
        keys += pick(segment, vector.row).mul_(size)
    if keys.shape[0] * DENSE < segments * size:
        unique, index = keys.unique(return_inverse=True)
        gathered = _gather(logic, index, vector.truths, unique.shape[0])
        return TruthVector.from_keys(size, background, unique, gathered)
    parts = []
    for first, count, rows in _blocks(segment, segments, size):
        a, b = vector.offsets[rows.start], vector.offsets[rows.stop]
        gathered = _gather(logic, keys[a:b] - first * size, vector.truths[a:b], count * size)
        parts.append(_listed(gathered, first * size))
    return _joined(parts, size, background)


def exists_over_rows(
    logic: Logic,
    rows: TruthRows,
    chosen: Tensor,
    truths: Tensor,
    segment: Tensor,
    like: TruthVector,
) -> TruthVector:
    """The same over T(rows[chosen[i]], truths[i]).

    No copy of the rows is made. chosen: (pairs,) int64, repeats allowed; truths: (pairs,);
    segment: (pairs,) int64, ascending. like: a vector of as many rows as there are segments.
    """
    segments, size = len(like), like.entity_count
    lengths = rows.offsets[chosen + 1] - rows.offsets[chosen]
    if int(lengths.sum()) * DENSE < segments * size:
        offsets, entries = gather_ranges(rows.offsets, chosen)
        copy = TruthRows(offsets, pick(rows.entities, entries), pick(rows.truths, entries))
        own = scale(logic.conjoin, TruthVector.from_rows(copy, size), truths)
        return exists_by_segment(logic, own, segment, segments)
    parts = []
    for first, count, here in _blocks(segment, segments, size):
        if logic.quantifier is Quantifier.MAX:
            # The same in any order, and rows side by side need no gathering.
            order = torch.argsort(chosen[here]) + here.start
        else:
            order = torch.arange(here.start, here.stop, device=segment.device)
        base = (segment[order] - first) * size
        gathered = truths.new_zeros(count * size)
        for places, found in _scaled(logic, rows, chosen[order], truths[order], base):
            _add(logic, gathered, places, found)
        parts.append(_listed(_closed(logic, gathered), first * size))
    return _joined(parts, size, like.background.new_zeros(segments))


def _scaled(
    logic: Logic, rows: TruthRows, chosen: Tensor, truths: Tensor, base: Tensor
) -> Iterator[tuple[Tensor, Tensor]]:
    """T(rows[chosen[i]], truths[i]), part by part: base[i] + entity, and truth, of each entry.

    Entries of other rows with truth 0 may be among them.
    """
    several = bool(base.any())
    for part, span in _parts(rows, chosen):
        own, factors, bases = chosen[part], truths[part], base[part]
        if span is None:
            lengths = pick(rows.offsets, own + 1) - pick(rows.offsets, own)
            _, entries = gather_ranges(rows.offsets, own)
            entities, listed = pick(rows.entities, entries), pick(rows.truths, entries)
        else:
            first, last = int(own[0]), int(own[-1])
            lengths = rows.offsets[first : last + 2].diff()
            entities, listed = rows.entities[span], rows.truths[span]
            if own.shape[0] < lengths.shape[0]:
                # T(a, 0) = 0: rows in between add nothing.
                factors, bases = (
                    values.new_zeros(lengths.shape[0]).scatter_(0, own - first, values)
                    for values in (factors, bases)
                )
        total, places = entities.shape[0], entities.long()
        if several:
            places += repeated(bases, lengths, total)
        yield places, logic.conjoin(listed, repeated(factors, lengths, total))


def _parts(rows: TruthRows, chosen: Tensor) -> Iterator[tuple[slice, slice | None]]:
    """Slices of the rows chosen that have few enough entries to go through at a time.

    With each the entries from its first row to its last, where it pays to go through all of them;
    None where it does not, or where the rows do not ascend.
    """
    starts, stops = pick(rows.offsets, chosen), pick(rows.offsets, chosen + 1)
    ends = (stops - starts).cumsum(0)
    falls = torch.cat([chosen.new_zeros(1), (chosen.diff() <= 0).cumsum(0)])
    start = before = 0
    while start < chosen.shape[0]:
        end = max(start + 1, int(torch.searchsorted(ends, before + _AT_ONCE, right=True)))
        after = int(ends[end - 1])
        span = slice(int(starts[start]), int(stops[end - 1]))
        pays = span.stop - span.start <= _SPAN * (after - before)
        ascends = int(falls[start]) == int(falls[end - 1])
        yield slice(start, end), span if pays and ascends else None
        start, before = end, after


def _blocks(segment: Tensor, segments: int, size: int) -> Iterator[tuple[int, int, slice]]:
    """(first segment, segments, rows) of blocks whose scratch is bounded; `segment` ascends."""
    step = max(1, _SCRATCH // size)
    firsts = torch.arange(0, segments + step, step, device=segment.device).clamp(max=segments)
    rows = torch.searchsorted(segment, firsts).tolist()
    for i, first in enumerate(firsts[:-1].tolist()):
        yield first, min(step, segments - first), slice(rows[i], rows[i + 1])


def _listed(gathered: Tensor, base: int) -> tuple[Tensor, Tensor]:
    """Keys from `base` on of the truths above 0, and these."""
    found = nonzero(gathered)
    return found + base, pick(gathered, found)


def _joined(parts: list[tuple[Tensor, Tensor]], size: int, background: Tensor) -> TruthVector:
    keys = torch.cat([keys for keys, _ in parts])
    truths = torch.cat([truths for _, truths in parts])
    return TruthVector.from_keys(size, background, keys, truths)


def _gather(logic: Logic, index: Tensor, truths: Tensor, groups: int) -> Tensor:
    """∃ over the truths of each group; 0 for an empty one."""
    gathered = truths.new_zeros(groups)
    _add(logic, gathered, index, truths)
    return _closed(logic, gathered)


def _add(logic: Logic, gathered: Tensor, index: Tensor, truths: Tensor) -> None:
    """Take more truths into what was gathered of each group, from zeros on."""
    if logic.quantifier is Quantifier.MAX:
        gathered.scatter_reduce_(0, index, truths, "amax")
    else:
        gathered.index_add_(0, index, torch.log1p(-truths))


def _closed(logic: Logic, gathered: Tensor) -> Tensor:
    """The truth of each group when all was gathered."""
    return gathered if logic.quantifier is Quantifier.MAX else gathered.expm1().abs()


def _exists_over_background(
    logic: Logic, vector: TruthVector, segment: Tensor, segments: int
) -> TruthVector:
    """The general case, where rows may have a positive background.

    For entity e of a segment the instances are the rows that list e and the backgrounds of those
    that do not. Under max only the best background among the non-listing rows matters: with an
    segment's rows ranked by descending background, that is the row at the first rank missing from
    e's list, and in an ascending list of distinct ranks the prefix rank = position has that length.
    """
    if logic.quantifier is Quantifier.NOISY_OR:
        return _noisy_or_over_background(vector, segment, segments)
    order = torch.argsort(vector.background, descending=True, stable=True)
    order = order[torch.argsort(segment[order], stable=True)]
    starts = torch.searchsorted(segment, torch.arange(segments + 1, device=segment.device))
    position = torch.arange(len(vector), device=segment.device)
    rank = torch.empty_like(order).scatter_(0, order, position - starts[segment[order]])
    ranked_background = torch.cat([vector.background[order], vector.background.new_zeros(1)])

    keys = segment[vector.row] * vector.entity_count + vector.entities
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
    background = vector.background.new_zeros(segments).scatter_reduce_(
        0, segment, vector.background, "amax"
    )
    return pruned(vector.entity_count, background, unique, truths)


def _noisy_or_over_background(vector: TruthVector, segment: Tensor, segments: int) -> TruthVector:
    """1 − Π(1 − a): each row's background counts for every entity, less where the row lists it."""
    # A background of exactly 1 has log-miss −∞, which cannot be taken off again, and sums of
    # logarithms leave dust where all of them are taken off: both kinds of rows are counted apart.
    certain = vector.background >= 1
    row_miss = torch.where(certain, 0.0, torch.log1p(-vector.background))
    parts = torch.stack([row_miss, certain.to(row_miss), (vector.background > 0).to(row_miss)], 1)
    total = parts.new_zeros(segments, 3).index_add_(0, segment, parts)
    keys, index = (segment[vector.row] * vector.entity_count + vector.entities).unique(
        return_inverse=True
    )
    left = total[keys // vector.entity_count].index_add(0, index, -parts[vector.row])
    others = torch.where(left[:, 2] > 0, left[:, 0].clamp(max=0), 0.0)
    miss = others.index_add(0, index, torch.log1p(-vector.truths))
    truths = torch.where(left[:, 1] > 0, 1.0, miss.expm1().abs())
    background = torch.where(total[:, 1] > 0, 1.0, total[:, 0].expm1().abs())
    return pruned(vector.entity_count, background, keys, truths)
