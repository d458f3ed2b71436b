"""Averages of filtered ranks: all in [0, 1].

A question's figure is the mean over its hard answers, a type's figure the mean over its questions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Tensor

Ranks = NDArray[np.float64]


def mean_reciprocal_rank(ranks: Ranks | Tensor) -> float:
    """Mean of 1 / rank over one or more ranks, (ranks,) float64, 1 the best."""
    return float((1 / ranks).mean())


def hits(ranks: Ranks | Tensor, most: int) -> float:
    """Share of ranks up to `most`; (ranks,) at least one."""
    return int((ranks <= most).sum()) / len(ranks)


METRICS: Mapping[str, Callable[[Ranks | Tensor], float]] = {
    "MRR": mean_reciprocal_rank,
    "Hits@1": partial(hits, most=1),
    "Hits@3": partial(hits, most=3),
    "Hits@10": partial(hits, most=10),
}


def question_figures(ranks: Ranks) -> dict[str, float]:
    """Every metric of one question with at least one hard answer."""
    return {name: metric(ranks) for name, metric in METRICS.items()}
