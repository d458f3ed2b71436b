"""How many rounds a graph is worth: more of them reach more, and cost more."""

from __future__ import annotations

import numpy as np
import torch

from kgreason.predictors.gnn.epignn.neighbours import Neighbours
from kgreason.ragged import Longs, gather_ranges

_SAMPLED = 600
_FARTHEST = 8
_SHARE = 0.875


def fitting_rounds(neighbours: Neighbours, questions: Longs, random: torch.Generator) -> int:
    """The fewest rounds that reach seven eighths of the tails which eight rounds reach.

    questions: (questions, 3) of head, directed relation, tail; no question's own edge is taken.
    Some are drawn where there are many. Eight where nothing is reached.
    """
    drawn = torch.randperm(len(questions), generator=random)[:_SAMPLED].numpy()
    steps = np.array([_steps(neighbours, *asked) for asked in questions[drawn].tolist()])
    reached = np.sort(steps[steps <= _FARTHEST])
    if not len(reached):
        return _FARTHEST
    return int(reached[int(np.ceil(_SHARE * len(reached))) - 1])


def _steps(neighbours: Neighbours, head: int, relation: int, tail: int) -> int:
    """Steps from head to tail without the edge that says so, or one more than the most counted."""
    seen = np.zeros(neighbours.entity_count, dtype=np.bool_)
    seen[head] = True
    frontier = np.array([head])
    for step in range(1, _FARTHEST + 1):
        _, positions = gather_ranges(neighbours.offsets, frontier)
        target = neighbours.target[positions]
        if step == 1:
            target = target[(target != tail) | (neighbours.label[positions] != relation)]
        frontier = np.unique(target[~seen[target]])
        seen[frontier] = True
        if seen[tail]:
            return step
        if not len(frontier):
            break
    return _FARTHEST + 1
