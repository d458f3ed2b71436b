"""What the bounds of its members prove about a mixture.

Let u bound what each member says. The pool (`log_pool`) rises with what members say, so the pool of
bounds bounds the pool. `level` then multiplies all links of a row that members disagree on by one
factor F, and lets none exceed the greatest truth M that a member gives one of these links.

F is the sum of the links' arithmetic means over the sum of their pooled truths, so at most the
greatest ratio of a mean to a pooled truth, whatever the row. Let f be the floor and x = t + f. With
c fixed, mean − c · pooled = (Σ w x − f) − c (Π x^w − f) is convex in x, for a geometric mean is
concave. So it is at most 0 all over the box [f, 1 + f]^n if it is at its corners, where a set of
members of weight W says 1 and the others 0: the ratio there is W / ((1 + f)^W f^(1 − W) − f). F is
at most R, the greatest of these: `most_raised`.

M is at most the greatest bound of any link of the row but those that all members know alike.
"""

from __future__ import annotations

import torch
from torch import Tensor

from kgreason.predictors.mixture.pool import FLOOR, log_pool
from kgreason.predictors.protocol import HeadBounds

# Above what rounding takes from a pool or a sum of thousands of truths, in float64 or float32.
_MARGIN = 1e-6


def most_raised(weights: Tensor) -> float:
    """R for (members,) weights, not negative.

    The ratio falls with the share of those that say 1, so it is greatest for the member of the
    least weight alone. Where others are out of their scope, its share is greater.
    """
    own = weights[weights > 0].double()
    if len(own) < 2:
        return 1.0
    share = float(own.min() / own.sum())
    return share / float((1 + FLOOR) ** share * FLOOR ** (1 - share) - FLOOR)


def pooled_bounds(weights: Tensor, inside: Tensor, bounds: Tensor, raised: float) -> Tensor:
    """(links,) bounds of a mixture's truths from those of its members' truths.

    weights, bounds: (members, links) float64, a link's weights sum to 1 or are all 0; inside: the
    same shape, bool, whose scope the link is in. raised: R of the relation's weights.
    """
    pooled = log_pool(weights, bounds) * (raised * (1 + _MARGIN))
    # Without a member that counts: the mean of those inside, else the greatest of all.
    nobody = (weights == 0).all(0)
    without = torch.where(inside.any(0), bounds.masked_fill(~inside, 0.0).amax(0), bounds.amax(0))
    return torch.where(nobody, without * (1 + _MARGIN), pooled).clamp_(max=1.0)


def spread(bounds: HeadBounds, entities: int) -> tuple[Tensor, Tensor]:
    """(tails, entities) the bound of every head's link, and whether it is exact."""
    most = bounds.rest.double().unsqueeze(1).repeat(1, entities)
    most.scatter_(1, bounds.heads, bounds.most.double())
    exact = torch.zeros_like(most, dtype=torch.bool).scatter_(1, bounds.heads, bounds.exact)
    return most, exact


def greatest(most: Tensor, exact: Tensor, count: int, dtype: torch.dtype) -> HeadBounds:
    """The `count` heads with the greatest bounds, from (tails, entities) of all heads."""
    top = most.topk(min(count + 1, most.shape[1]), 1)
    heads = top.indices[:, :count]
    left = top.values[:, count:]
    rest = left[:, 0] if left.shape[1] else most.new_zeros(most.shape[0])
    return HeadBounds(
        heads, top.values[:, :count].to(dtype), exact.gather(1, heads), rest.to(dtype)
    )
