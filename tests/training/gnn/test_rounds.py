from __future__ import annotations

import numpy as np
import torch

from kgreason.predictors.gnn.epignn.neighbours import Neighbours
from kgreason.training.gnn.rounds import fitting_rounds


def ring(size: int) -> tuple[Neighbours, np.ndarray[tuple[int, int], np.dtype[np.int64]]]:
    """A ring, forwards by label 0 and back by label 1, and every edge as a question."""
    here = np.arange(size)
    ahead = (here + 1) % size
    source, target = np.concatenate((here, ahead)), np.concatenate((ahead, here))
    label = np.repeat([0, 1], size)
    found = Neighbours.of(source, label, target, size)
    return found, np.stack((source, label, target), 1)


def rounds(size: int) -> int:
    return fitting_rounds(*ring(size), torch.Generator().manual_seed(0))


def test_the_way_round_is_what_it_takes_without_the_edge_itself() -> None:
    assert [rounds(size) for size in (3, 4, 6, 9)] == [2, 3, 5, 8]


def test_what_lies_too_far_is_left_out() -> None:
    assert rounds(40) == 8
    neighbours, questions = ring(40)
    short = np.array([[0, 0, 2], [2, 1, 0]])  # two steps on, by an edge that is not there
    both = np.concatenate((questions, short))
    assert fitting_rounds(neighbours, both, torch.Generator().manual_seed(0)) == 2


def test_another_relation_between_the_two_is_a_way() -> None:
    found = Neighbours.of(np.array([0, 0]), np.array([0, 2]), np.array([1, 1]), 2)
    asked = np.array([[0, 0, 1]])
    assert fitting_rounds(found, asked, torch.Generator().manual_seed(0)) == 1
