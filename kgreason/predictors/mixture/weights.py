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
from kgreason.metrics.ranking import both_directions, mean_ranks, removed
from kgreason.predictors.mixture.pool import log_pool
from kgreason.predictors.protocol import LinkPredictor

MOST_FACTS = 1000
SHRINKAGE = 5.0
_BLOCK = 256
# Odds of a member against those before it, none at all and nothing but it included. Of equals the
# first is taken: what needs fewer members, then what is nearest to even.
_ODDS = torch.tensor(
    [0.0, torch.inf, *(10.0 ** (i / 4) for i in sorted(range(-8, 9), key=abs))]
).double()


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

    relations: (links,) directed. targets: (members, links). link: (rivals,) of each rival that can
    rank as high as the target, rivals: (members, rivals). unlisted: (links,) rivals that nobody
    lists.
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

    One member after another joins the mixture of those before it, where that gains more than
    chance: with the odds of the greatest Σ gain + `shrinkage` · mean gain − √(Σ gain²), gains in
    1 / rank against not joining, the sums over a relation's links, the mean over all. Relations
    without links get what is best for all; without any link all members count the same.
    held_out: (facts, 3); at most `most`, evenly spread, are used. known: facts that are no rivals.
    Deterministic. UsageError without facts.
    """
    if not len(held_out):
        raise UsageError(
            "no held-out facts to learn a mixture from", remedy="give a graph with a split valid"
        )
    if len(held_out) > most:
        held_out = held_out[np.arange(most) * len(held_out) // most]
    blocks = _gather(members, held_out, known, progress)
    count = members[0].relation_count
    if not blocks:
        even = torch.full((count, len(members)), 1 / len(members), dtype=torch.float64)
        return Weights(even[0], even, 0)
    links = torch.cat([block.relations for block in blocks])
    evident = torch.bincount(links, minlength=count) > 0
    overall = torch.ones(1, 1, dtype=torch.float64)
    relations = torch.ones(count, 1, dtype=torch.float64)
    for joining in range(1, len(members)):
        gain = torch.cat([_gain(block, relations, joining) for block in blocks])
        best = _best(gain, torch.zeros_like(links), 1, shrinkage)
        each = _best(gain, links, count, shrinkage)
        overall = _joined(overall, best)
        relations = _joined(relations, torch.where(evident, each, best))
    return Weights(overall[0], relations, len(links))


def _best(gain: Tensor, groups: Tensor, count: int, shrinkage: float) -> Tensor:
    """(links, odds) gains and each link's group -> (groups,) the best odds; see `learn_weights`."""
    sums, squares = (
        torch.zeros(count, len(_ODDS), dtype=torch.float64).index_add_(0, groups, values)
        for values in (gain, gain.square())
    )
    scores = sums + shrinkage * gain.mean(0) - squares.sqrt()
    return _ODDS[scores.round(decimals=9).argmax(1)]


def _joined(weights: Tensor, odds: Tensor) -> Tensor:
    """(groups, members) and the odds of one more -> (groups, members + 1), rows summing to 1."""
    share = (1 - 1 / (1 + odds))[:, None]
    return torch.cat((weights * (1 - share), share), 1)


def _gain(rows: _Rows, relations: Tensor, joining: int) -> Tensor:
    """(links, odds) how much 1 / rank rises when the next member joins with these odds."""
    reciprocal = torch.stack([_reciprocal(rows, relations, joining, odds) for odds in _ODDS], 1)
    return reciprocal - reciprocal[:, :1]


def _reciprocal(rows: _Rows, relations: Tensor, joining: int, odds: Tensor) -> Tensor:
    """(links,) 1 / rank when the next member joins with these odds; ties share their mean rank."""
    weights = _joined(relations, odds.expand(len(relations)))[rows.relations].T
    target = log_pool(weights, rows.targets[: joining + 1].double())
    rival = log_pool(weights[:, rows.link], rows.rivals[: joining + 1].double())
    links = len(target)
    above = torch.bincount(rows.link[rival > target[rows.link]], minlength=links)
    equal = torch.bincount(rows.link[rival == target[rows.link]], minlength=links)
    equal = equal + torch.where(target == 0, rows.unlisted, 0)
    return 1 / mean_ranks(above, equal)


def _gather(
    members: Sequence[LinkPredictor],
    facts: NDArray[np.int32],
    known: FactIndex,
    progress: Callable[[int, int], None] | None,
) -> list[_Rows]:
    heads, relations, tails = both_directions(torch.from_numpy(facts.astype(np.int64)))
    # Links that a member cannot rank tell nothing of how well it does where it can.
    inside = torch.ones(len(heads), dtype=torch.bool)
    for member in members:
        inside &= _inside(member, heads, relations, tails)
    heads, relations, tails = heads[inside], relations[inside], tails[inside]
    blocks = []
    for start in range(0, len(heads), _BLOCK):
        part = slice(start, start + _BLOCK)
        blocks.append(_block(members, heads[part], relations[part], tails[part], known))
        if progress is not None:
            progress(min(start + _BLOCK, len(heads)), len(heads))
    return blocks


def _block(
    members: Sequence[LinkPredictor],
    heads: Tensor,
    relations: Tensor,
    tails: Tensor,
    known: FactIndex,
) -> _Rows:
    others = ~removed(heads, relations, tails, known)
    at = torch.arange(len(heads)), tails
    dense = [m.rows(heads, relations).dense(m.entity_count).cpu() for m in members]
    listed = torch.stack([one > 0 for one in dense]).any(0) & others
    targets = torch.stack([one[at] for one in dense])
    # The pool rises with what each member says: whoever all rank below the target stays there.
    strong = torch.stack([one >= to[:, None] for one, to in zip(dense, targets, strict=True)])
    link, entity = torch.nonzero(listed & strong.any(0), as_tuple=True)
    return _Rows(
        relations,
        targets,
        link,
        torch.stack([one[link, entity] for one in dense]),
        (others & ~listed).sum(1),
    )


def _inside(member: LinkPredictor, heads: Tensor, relations: Tensor, tails: Tensor) -> Tensor:
    """(links,) bool: whether a link is in a member's scope."""
    found = torch.ones(len(heads), dtype=torch.bool)
    for relation in relations.unique().tolist():
        scope = member.scope(relation)
        if scope is not None:
            here = relations == relation
            found[here] = scope.cpu()[heads[here]] & scope.cpu()[tails[here]]
    return found
