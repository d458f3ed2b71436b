"""The figures of a question, from the ranks of its hard answers: all in [0, 1].

A question's figure is the mean over its hard answers, a type's figure the mean over its questions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import NDArray

Ranks = NDArray[np.float64]

METRICS: Mapping[str, Callable[[Ranks], float]] = {
    "MRR": lambda ranks: float((1 / ranks).mean()),
    "Hits@1": lambda ranks: float((ranks <= 1).mean()),
    "Hits@3": lambda ranks: float((ranks <= 3).mean()),
    "Hits@10": lambda ranks: float((ranks <= 10).mean()),
}


def question_figures(ranks: Ranks) -> dict[str, float]:
    """Every metric of one question with at least one hard answer."""
    return {name: metric(ranks) for name, metric in METRICS.items()}
