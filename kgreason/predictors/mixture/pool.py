"""The logarithmic opinion pool: what several predictors together say about links.

Genest & Zidek (1986), Combining probability distributions: a critique and an annotated
bibliography. A weighted geometric mean: one member that finds a link next to impossible counts
against another that finds it likely, where the linear pool keeps half of what either says.
"""

from __future__ import annotations

import torch
from torch import Tensor

FLOOR = 0.0002
"""Below what calibrations list: a member that is silent about a link says this, not never."""


def log_pool(weights: Tensor, truths: Tensor) -> Tensor:
    """Π (tᵢ + f)^wᵢ − f over the members i with weight, f the floor; 0 for what is not listed.

    weights, truths: (members, links) float64; a link's weights sum to 1, or are all 0; a truth of 0
    is that of a link not listed. What all members say stays as it is. Not listed is what falls
    below the floor where a member with weight does not list it.
    """
    logs = torch.zeros(truths.shape[1], dtype=torch.float64, device=truths.device)
    unlisted = torch.zeros_like(logs, dtype=torch.bool)
    # One member after another: sums over the members would round by the links' number.
    for weight, truth in zip(weights, truths, strict=True):
        logs += weight * (truth / FLOOR).log1p()
        unlisted |= (weight > 0) & (truth == 0)
    pooled = logs.expm1() * FLOOR
    pooled.masked_fill_(unlisted & (pooled < FLOOR), 0.0)
    least, most = _extremes(weights, truths)
    return torch.where(least == most, most, torch.minimum(pooled, most))


def level(weights: Tensor, truths: Tensor, pooled: Tensor, lengths: Tensor) -> Tensor:
    """Pooled truths of rows, on the scale of the weighted arithmetic means of what is said.

    weights, truths: as for `log_pool`; pooled: (links,) what it gives; lengths: (rows,) the links
    of each row, row by row. Geometric means are the smaller the more members disagree, which would
    set relations apart: those links of a row that members disagree on get one factor, which gives
    them the sum of their arithmetic means. None of them exceeds the greatest truth that a member
    gives one of them: a bound for each link would set the order anew, by the boldest member.

    The factor is at most the greatest ratio of a mean to a pooled truth. For x = t + f and any c,
    mean − c · pooled = (Σ w x − f) − c (Π x^w − f) is convex in x, for a geometric mean is concave.
    So it is at most 0 over the box [f, 1 + f]^n if it is at the corners, where members of weight W
    say 1 and the others 0: the ratio there is W / ((1 + f)^W f^(1 − W) − f), greatest for the least
    weight. That is 36 for two members that count the same and 390 at 9 to 91: as good as no bound.
    """
    means = torch.zeros_like(pooled)
    for weight, truth in zip(weights, truths, strict=True):
        means += weight * truth
    least, most = _extremes(weights, truths)
    scaled = (least < most) & (pooled > 0)
    # Summed by segments: the order is the same in every batch and on every device. Unsafe means
    # that the lengths are not checked, which fails where there are none.
    whole, part, bound = (
        torch.segment_reduce(torch.where(scaled, one, 0.0), kind, lengths=lengths, unsafe=True)
        for one, kind in ((means, "sum"), (pooled, "sum"), (most, "max"))
    )
    factor = torch.where(part > 0, whole / part, 1.0)
    factors, bounds = (torch.repeat_interleave(one, lengths) for one in (factor, bound))
    return torch.where(scaled, torch.minimum(pooled * factors, bounds), pooled)


def _extremes(weights: Tensor, truths: Tensor) -> tuple[Tensor, Tensor]:
    """(links,) the least and the greatest truth that members with weight give; 0 without any."""
    counts = weights > 0
    least = truths.masked_fill(~counts, torch.inf).amin(0)
    most = truths.masked_fill(~counts, 0.0).amax(0)
    return torch.minimum(least, most), most
