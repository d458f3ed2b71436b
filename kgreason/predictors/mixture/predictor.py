"""Several link predictors as one: their truths pooled, with weights for each relation.

The pool keeps what all agree on, so known facts stay true. A member counts only where it can
predict at all: between other entities the rest share its weight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from kgreason.errors import UsageError
from kgreason.predictors.mixture.pool import level, log_pool
from kgreason.predictors.protocol import LinkPredictor, Path, RowBounds, RowPrice
from kgreason.truth.ragged import offsets_of
from kgreason.truth.rows import TruthRows


class MixturePredictor(LinkPredictor):
    """Truth of a link: `log_pool` of the members in whose scope both of its ends are.

    What they disagree on is scaled to the sum of its weighted arithmetic means in each row
    (`level`). members: two or more predictors over the same graph. weights: (directed relations,
    members), not negative, a row's sum positive; they are exponents, in proportion. Where only
    members of weight 0 can predict, a truth is the mean of theirs. Links in nobody's scope have the
    greatest truth that a member gives them: known facts, that is.

    A mixture bounds rows, not heads: how much `level` raises a link depends on the rest of its row,
    and without it the bound is too wide to be of use (see there).
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
        return " · ".join(f"({one.name})^{weight:.2f}" for weight, one in parts)

    @property
    def notes(self) -> tuple[str, ...]:
        """Where the weights are from, and the notes of the members, each once."""
        own = () if self._note is None else (self._note,)
        return tuple(dict.fromkeys((*own, *(note for one in self.members for note in one.notes))))

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
        found = [one.scope(relation) for one in self.members]
        some = [entities for entities in found if entities is not None]
        return torch.stack(some).any(0) if len(some) == len(found) else None

    def paths(self, head: int, relation: int, tail: int, most: int) -> tuple[Path, ...]:
        """The paths of the members that count for the link, the weightiest first."""
        ends = torch.tensor([head, tail])
        scopes = [one.scope(relation) for one in self.members]
        inside = torch.tensor([scope is None or bool(scope[ends].all()) for scope in scopes])
        weights = self.weights[relation].cpu() * inside
        counting = weights > 0 if bool((weights > 0).any()) else inside
        order = weights.argsort(descending=True, stable=True)
        members = (self.members[i] for i in order[counting[order]].tolist())
        every = (one.paths(head, relation, tail, most) for one in members)
        return tuple(dict.fromkeys(path for paths in every for path in paths))[:most]

    def price(self) -> RowPrice:
        """The members' prices added up; rows are prefetched as suits the dearest member."""
        prices = [one.price() for one in self.members]
        return RowPrice(
            sum(price.flops for price in prices),
            sum(price.entries for price in prices),
            all(price.facts_only for price in prices),
            rows_per_pass=max(prices, key=lambda price: price.flops).rows_per_pass,
        )

    def rows(self, heads: Tensor, relations: Tensor) -> TruthRows:
        """heads, relations: (rows,) int64 -> truths; a row's bits do not depend on its company."""
        heads, relations = heads.to(torch.int64), relations.to(torch.int64)
        asked = self._asked(relations)
        parts = [
            one.rows(heads[rows], relations[rows])
            for one, rows in zip(self.members, asked, strict=True)
        ]
        said = self._gathered(parts, asked, heads, relations)
        truths = said.pooled(len(heads)).to(parts[0].truths.dtype)
        # What members of no weight alone list, or one that counts finds too unlikely, is left out.
        return said.rows(truths, truths > 0, len(heads))

    def bounds(self, heads: Tensor, relations: Tensor) -> RowBounds:
        """The links that all members know alike; an upper bound of what they say of any other.

        A link known alike has the truth that all say. No pool, no mean and no row's scale (`level`)
        is above the greatest truth that a member gives a link that is not known alike.
        """
        heads, relations = heads.to(torch.int64), relations.to(torch.int64)
        asked = self._asked(relations)
        parts = [
            one.bounds(heads[rows], relations[rows])
            for one, rows in zip(self.members, asked, strict=True)
        ]
        said = self._gathered([part.known for part in parts], asked, heads, relations)
        speakers = torch.bincount(torch.cat(asked), minlength=len(heads)).to(said.row.device)
        alike = said.alike(speakers[said.row])
        dtype = parts[0].known.truths.dtype
        others = [part.others for part, rows in zip(parts, asked, strict=True) if len(rows)]
        unlike = said.truths[:, ~alike]
        most = max([0.0, *others, float(unlike.max()) if unlike.numel() else 0.0])
        # Truths are rounded to the dtype of the first member.
        most = max(most, torch.tensor(most, dtype=dtype).item())
        known = said.rows(said.pooled(len(heads)).to(dtype), alike, len(heads))
        return RowBounds(known, most)

    def _gathered(
        self, parts: Sequence[TruthRows], asked: Sequence[Tensor], heads: Tensor, relations: Tensor
    ) -> _Said:
        """What rows of each member, those of the pairs that it is asked for, say together."""
        device, width = parts[0].truths.device, max(1, self.entity_count)
        heads, relations = heads.to(device), relations.to(device)
        keys = [
            rows.to(device)[part.row] * width + part.entities.long()
            for part, rows in zip(parts, asked, strict=True)
        ]
        every, place = torch.unique(torch.cat(keys), return_inverse=True)
        row, tail = every // width, every % width
        said = torch.zeros((len(parts), len(every)), dtype=torch.float64, device=device)
        inside = torch.zeros(said.shape, dtype=torch.bool, device=device)
        places = place.split([len(one) for one in keys])
        for i, (part, at) in enumerate(zip(parts, places, strict=True)):
            said[i, at] = part.truths.double()
            inside[i] = self._in_scope(i, heads, relations, row, tail)
        weights = self.weights.to(device).T[:, relations[row]]
        return _Said(row, tail, weights, inside, said)

    def _asked(self, relations: Tensor) -> list[Tensor]:
        """For each member which of the rows it is asked for."""
        members = range(len(self.members))
        return [torch.nonzero(self._is_asked(i, relations)).view(-1) for i in members]

    def _is_asked(self, member: int, relations: Tensor) -> Tensor:
        """(rows,) bool: whether a member can matter, for it counts or others may be silent."""
        found = torch.ones(relations.shape[0], dtype=torch.bool, device=relations.device)
        for relation in relations.unique().tolist():
            weights = self.weights[relation].tolist()
            if weights[member] == 0 and any(
                weight > 0 and one.scope(relation) is None
                for weight, one in zip(weights, self.members, strict=True)
            ):
                found[relations == relation] = False
        return found

    def _in_scope(
        self, member: int, heads: Tensor, relations: Tensor, row: Tensor, tail: Tensor
    ) -> Tensor:
        """(entries,) bool: whether both ends of each link are in a member's scope."""
        found = torch.ones(row.shape[0], dtype=torch.bool, device=row.device)
        for relation in relations.unique().tolist():
            scope = self.members[member].scope(relation)
            if scope is None:
                continue
            scope = scope.to(row.device)
            here = torch.nonzero(relations[row] == relation).view(-1)
            found[here] = scope[heads[row[here]]] & scope[tail[here]]
        return found


@dataclass(frozen=True, slots=True)
class _Said:
    """What each member says of links.

    row, tail: (links,) the row of each, ascending, and its tail. weights, truths: (members, links)
    float64, a truth of 0 is that of a link not listed. inside: the same shape, bool, whose scope
    the link is in.
    """

    row: Tensor
    tail: Tensor
    weights: Tensor
    inside: Tensor
    truths: Tensor

    def shares(self) -> Tensor:
        """(members, links) weights of the members inside, summing to 1, or all 0."""
        total = torch.zeros_like(self.truths[0])
        weights = self.weights * self.inside
        # One member after another: sums over the members would round by the links' number.
        for weight in weights:
            total += weight
        return weights / torch.where(total > 0, total, 1.0)

    def pooled(self, rows: int) -> Tensor:
        """(links,) truths of the links of so many rows.

        Of the members inside whose scope a link is: the pool of those with weight, else the plain
        mean of all, else, where there is none, the greatest truth that any member gives.
        """
        shares, lengths = self.shares(), torch.bincount(self.row, minlength=rows)
        spare, others = torch.zeros_like(self.truths[0]), torch.zeros_like(self.truths[0])
        for is_inside, truths in zip(self.inside, self.truths, strict=True):
            spare += is_inside
            others += is_inside * truths
        pooled = level(shares, self.truths, log_pool(shares, self.truths), lengths)
        most = self.truths.amax(0)
        # Rounded, a mean may be above all of its numbers.
        without = torch.where(spare > 0, torch.minimum(others / spare, most), most)
        return torch.where((shares > 0).any(0), pooled, without)

    def alike(self, speakers: Tensor) -> Tensor:
        """(links,) bool: whether so many members list a link, and all with the same truth."""
        is_listed = self.truths > 0
        least = self.truths.masked_fill(~is_listed, torch.inf).amin(0)
        return (is_listed.sum(0) == speakers) & (least == self.truths.amax(0))

    def rows(self, truths: Tensor, kept: Tensor, count: int) -> TruthRows:
        """`count` rows of these truths, (links,), of the links that are kept."""
        counts = torch.bincount(self.row[kept], minlength=count)
        return TruthRows(offsets_of(counts), self.tail[kept].to(torch.int32), truths[kept])
