"""Learning how much each member of a mixture counts, from facts that none of them was shown."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgreason.errors import UsageError
from kgreason.knowledge.index import FactIndex
from kgreason.predictors.base import LinkPredictor, scope_of

MOST_FACTS = 1000
SHRINKAGE = 20.0
_BLOCK = 256
# Odds of a member against those before it, which may be all or nothing; scales of truth differ by
# orders of magnitude.
_ODDS = torch.tensor([0.0, *(10.0 ** (i / 2) for i in range(-8, 9)), torch.inf]).double()


@dataclass(frozen=True, slots=True)
class Weights:
    """What each member counts.

    overall: (members,) what a relation without evidence gets. relations: (directed relations,
    members). Rows sum to 1. links: how many held-out links they were learned from.
    """

    overall: Tensor
    relations: Tensor
    links: int


@dataclass(frozen=True, slots=True)
class _Rows:
    """What members say about held-out links (in either direction) and their rivals.

    relations: (links,) directed. targets: (links, members). link: (rivals,) of each rival that any
    member lists, rivals: (rivals, members). unlisted: (links,) rivals that nobody lists.
    """

    relations: Tensor
    targets: Tensor
    link: Tensor
    rivals: Tensor
    unlisted: Tensor


def learn_weights(
    members: Sequence[LinkPredictor],
    held_out: NDArray[np.int32],
    known: FactIndex,
    *,
    most: int = MOST_FACTS,
    shrinkage: float = SHRINKAGE,
    progress: Callable[[int, int], None] | None = None,
) -> Weights:
    """Weights that rank held-out facts best, by filtered reciprocal rank in both directions.

    One member after another joins the mixture of those before it, with the odds that give the
    greatest Σ 1 / rank over a relation's links plus `shrinkage` times the mean over all links: a
    relation of few links gets what is best for all. held_out: (facts, 3); at most `most`, evenly
    spread, are used. known: facts that are no rivals. Deterministic. UsageError without facts.
    """
    if not len(held_out):
        raise UsageError(
            "no held-out facts to learn a mixture from", remedy="give a graph with a split valid"
        )
    if len(held_out) > most:
        held_out = held_out[np.arange(most) * len(held_out) // most]
    rows = _gather(members, held_out, known, progress)
    count = members[0].relation_count
    overall = torch.ones(1, dtype=torch.float64)
    relations = torch.ones(count, 1, dtype=torch.float64)
    for joining in range(1, len(members)):
        reciprocal = torch.stack([_reciprocal(rows, relations, joining, odds) for odds in _ODDS], 1)
        mean = reciprocal.mean(0) if len(reciprocal) else torch.zeros(len(_ODDS))
        # The first of equals counts, from the middle outwards: no evidence means no preference.
        sums = torch.zeros(count, len(_ODDS), dtype=torch.float64)
        sums.index_add_(0, rows.relations, reciprocal)
        overall = _joined(overall[None], _best(mean[None]))[0]
        relations = _joined(relations, _best(sums + shrinkage * mean))
    return Weights(overall, relations, len(rows.relations))


def _best(scores: Tensor) -> Tensor:
    """(groups, odds) -> (groups,) the best odds; of equals those nearest to even."""
    order = _ODDS.log().abs().argsort(stable=True)
    return _ODDS[order[scores[:, order].round(decimals=9).argmax(1)]]


def _joined(weights: Tensor, odds: Tensor) -> Tensor:
    """(groups, members) and the odds of one more -> (groups, members + 1), rows summing to 1."""
    share = (1 - 1 / (1 + odds))[:, None]
    return torch.cat((weights * (1 - share), share), 1)


def _reciprocal(rows: _Rows, relations: Tensor, joining: int, odds: Tensor) -> Tensor:
    """(links,) 1 / rank when the next member joins with these odds; ties share their mean rank."""
    weights = _joined(relations, odds.expand(len(relations)))[rows.relations]
    target = (weights * rows.targets[:, : joining + 1]).sum(1)
    rival = (weights[rows.link] * rows.rivals[:, : joining + 1]).sum(1)
    links = len(target)
    above = torch.bincount(rows.link[rival > target[rows.link]], minlength=links)
    equal = torch.bincount(rows.link[rival == target[rows.link]], minlength=links)
    equal = equal + torch.where(target == 0, rows.unlisted, 0)
    return 1 / (1 + above.double() + equal.double() / 2)


def _gather(
    members: Sequence[LinkPredictor],
    facts: NDArray[np.int32],
    known: FactIndex,
    progress: Callable[[int, int], None] | None,
) -> _Rows:
    head, relation, tail = torch.from_numpy(facts.astype(np.int64)).unbind(1)
    heads, tails = torch.cat((head, tail)), torch.cat((tail, head))
    relations = torch.cat((2 * relation, 2 * relation + 1))
    # Links that a member cannot rank tell nothing of how well it does where it can.
    inside = torch.ones(len(heads), dtype=torch.bool)
    for member in members:
        inside &= _inside(member, heads, relations, tails)
    heads, relations, tails = heads[inside], relations[inside], tails[inside]
    parts = []
    for part in torch.arange(len(heads)).split(_BLOCK):
        parts.append(_block(members, heads[part], relations[part], tails[part], known))
        if progress is not None:
            progress(int(part[-1]) + 1, len(heads))
    link = [part.link + i * _BLOCK for i, part in enumerate(parts)]
    none = torch.zeros(0, len(members), dtype=torch.float64)
    empty = torch.zeros(0, dtype=torch.int64)
    return _Rows(
        relations,
        torch.cat([none, *(part.targets for part in parts)]),
        torch.cat([empty, *link]),
        torch.cat([none, *(part.rivals for part in parts)]),
        torch.cat([empty, *(part.unlisted for part in parts)]),
    )


def _block(
    members: Sequence[LinkPredictor],
    heads: Tensor,
    relations: Tensor,
    tails: Tensor,
    known: FactIndex,
) -> _Rows:
    starts, entities = known.rows(heads.numpy(), relations.numpy())
    row = torch.from_numpy(np.repeat(np.arange(len(heads)), np.diff(starts)))
    others = torch.ones(len(heads), known.entity_count, dtype=torch.bool)
    others[row, torch.from_numpy(entities.astype(np.int64))] = False
    at = torch.arange(len(heads)), tails
    others[at] = False
    dense = [m.rows(heads, relations).dense(m.entity_count).double().cpu() for m in members]
    listed = torch.stack([one > 0 for one in dense]).any(0) & others
    link, entity = torch.nonzero(listed, as_tuple=True)
    return _Rows(
        relations,
        torch.stack([one[at] for one in dense], 1),
        link,
        torch.stack([one[link, entity] for one in dense], 1),
        (others & ~listed).sum(1),
    )


def _inside(member: LinkPredictor, heads: Tensor, relations: Tensor, tails: Tensor) -> Tensor:
    """(links,) bool: whether a link is in a member's scope."""
    found = torch.ones(len(heads), dtype=torch.bool)
    for relation in relations.unique().tolist():
        scope = scope_of(member, relation)
        if scope is not None:
            here = relations == relation
            found[here] = scope.cpu()[heads[here]] & scope.cpu()[tails[here]]
    return found
