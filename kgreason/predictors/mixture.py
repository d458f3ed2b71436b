"""Several link predictors as one: a weighted mean of their truths, weights for each relation.

The linear opinion pool keeps what all agree on, so known facts stay true. A member counts only
where it can predict at all: between other entities the rest share its weight.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from kgreason.errors import UsageError
from kgreason.predictors.base import LinkPredictor, RowPrice, scope_of
from kgreason.predictors.csr import offsets
from kgreason.truth.rows import TruthRows


class MixturePredictor:
    """Truth of a link: Σ wᵢ pᵢ / Σ wᵢ over the members i in whose scope both of its ends are.

    members: two or more predictors over the same graph. weights: (directed relations, members),
    not negative, a row's sum positive. Links in nobody's scope have the greatest truth that a
    member gives them: known facts, that is.
    """

    def __init__(
        self, members: Sequence[LinkPredictor], weights: Tensor, *, note: str | None = None
    ) -> None:
        sizes = {(one.entity_count, one.relation_count) for one in members}
        if len(sizes) != 1:
            raise UsageError(
                "the models of a mixture are of different graphs"
                if sizes
                else "a mixture without models",
                remedy="give models that were trained on the same graph",
            )
        if tuple(weights.shape) != (members[0].relation_count, len(members)) or not bool(
            (weights.isfinite() & (weights >= 0)).all() & (weights.sum(1) > 0).all()
        ):
            raise UsageError(
                "the weights of a mixture do not fit its models and the graph's relations",
                remedy="learn them again: kgreason model mix",
            )
        self.members = tuple(members)
        self.weights = weights.double()
        self._note = note

    @property
    def name(self) -> str:
        share = self.weights / self.weights.sum(1, keepdim=True)
        parts = zip(share.mean(0).tolist(), self.members, strict=True)
        return " + ".join(f"{weight:.2f} × ({one.name})" for weight, one in parts)

    @property
    def notes(self) -> tuple[str, ...]:
        """Where the weights are from."""
        return () if self._note is None else (self._note,)

    @property
    def entity_count(self) -> int:
        return self.members[0].entity_count

    @property
    def relation_count(self) -> int:
        return self.members[0].relation_count

    def domain(self, relation: int) -> Tensor | None:
        found = [one.domain(relation) for one in self.members]
        some = [heads for heads in found if heads is not None]
        return torch.cat(some).unique(sorted=True) if len(some) == len(found) else None

    def scope(self, relation: int) -> Tensor | None:
        """Entities in the scope of any member."""
        found = [scope_of(one, relation) for one in self.members]
        some = [entities for entities in found if entities is not None]
        return torch.stack(some).any(0) if len(some) == len(found) else None

    def price(self) -> RowPrice:
        prices = [one.price() for one in self.members]
        return RowPrice(
            sum(price.flops for price in prices),
            sum(price.entries for price in prices),
            all(price.facts_only for price in prices),
        )

    def rows(self, heads: Tensor, relations: Tensor) -> TruthRows:
        """heads, relations: (rows,) int64 -> truths; a row's bits do not depend on its company."""
        parts = [one.rows(heads, relations) for one in self.members]
        device, width = parts[0].truths.device, self.entity_count
        heads, relations = heads.to(device, torch.int64), relations.to(device, torch.int64)
        keys = [_row_of(part) * width + part.entities.long() for part in parts]
        every, place = torch.unique(torch.cat(keys), return_inverse=True)
        places = place.split([len(one) for one in keys])
        row = every // max(1, width)
        counted = torch.zeros(every.shape[0], dtype=torch.float64, device=device)
        weight, most = counted.clone(), counted.clone()
        for i, (part, at) in enumerate(zip(parts, places, strict=True)):
            share = self.weights[:, i].to(device)[relations][row]
            share = share * self._in_scope(i, heads, relations, row, every % max(1, width))
            truths = part.truths.double()
            weight += share
            counted[at] += share[at] * truths
            most[at] = torch.maximum(most[at], truths)
        truths = torch.where(weight > 0, counted / weight, most).to(parts[0].truths.dtype)
        # What only members of no weight list is not listed.
        kept = truths > 0
        counts = torch.bincount(row[kept], minlength=len(heads))
        return TruthRows(
            offsets(counts), (every % max(1, width))[kept].to(torch.int32), truths[kept]
        )

    def _in_scope(
        self, member: int, heads: Tensor, relations: Tensor, row: Tensor, tail: Tensor
    ) -> Tensor:
        """(entries,) bool: whether both ends of each link are in a member's scope."""
        found = torch.ones(row.shape[0], dtype=torch.bool, device=row.device)
        for relation in relations.unique().tolist():
            scope = scope_of(self.members[member], relation)
            if scope is None:
                continue
            scope = scope.to(row.device)
            here = torch.nonzero(relations[row] == relation).view(-1)
            found[here] = scope[heads[row[here]]] & scope[tail[here]]
        return found


def _row_of(rows: TruthRows) -> Tensor:
    """(entries,) the row each entry belongs to."""
    place = torch.arange(len(rows), device=rows.offsets.device)
    return torch.repeat_interleave(place, rows.offsets.diff())
