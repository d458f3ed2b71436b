"""Order and ties of a ranking."""

from __future__ import annotations

import numpy as np
import torch

from kgreason.answers import rank
from kgreason.execution import Table
from kgreason.formula import Variable
from kgreason.truth.vector import TruthVector
from tests.truth.vectors import vector

X, Y, Z = Variable("x"), Variable("y"), Variable("z")


def row(*truths: float) -> TruthVector:
    dense = np.array([truths])
    return vector(np.zeros(1), dense, dense > 0)


def test_truest_first_and_ties_in_the_order_of_the_entities() -> None:
    found = rank(row(0.5, 0.0, 1.0, 0.5, 0.2, 1.0), (Y,), (Y,))
    assert found.entities.flatten().tolist() == [2, 5, 0, 3, 4]
    assert found.truths.tolist() == [1.0, 1.0, 0.5, 0.5, 0.2]


def test_an_entity_with_truth_zero_is_no_answer() -> None:
    listed = vector(np.zeros(1), np.array([[0.0, 0.3]]), np.array([[True, True]]))
    assert rank(listed, (Y,), (Y,)).entities.tolist() == [[1]]
    assert rank(row(0.0, 0.0), (Y,), (Y,)).truths.shape == (0,)


def test_a_background_above_zero_ranks_every_entity() -> None:
    lifted = vector(np.array([0.4]), np.array([[0.4, 0.9, 0.4]]), np.array([[False, True, False]]))
    assert rank(lifted, (Y,), (Y,)).entities.flatten().tolist() == [1, 0, 2]


def test_tuples_are_put_in_the_order_of_the_answer_variables() -> None:
    """The plan binds z, then x, then y; the question asks for x, y, z."""
    dense = np.array([[0.5, 0.0], [0.5, 0.9]])
    table = Table(
        torch.zeros(2, dtype=torch.int64),
        torch.tensor([[0, 1], [1, 0]]),
        vector(np.zeros(2), dense, dense > 0),
    )
    found = rank(table, (Z, X, Y), (X, Y, Z))
    assert found.entities.tolist() == [[0, 1, 1], [0, 0, 1], [1, 0, 0]]
    assert found.truths.tolist() == [0.9, 0.5, 0.5]


def test_a_yes_or_no_question_has_the_empty_tuple() -> None:
    yes, no = (rank(torch.tensor([truth]), (), ()) for truth in (0.7, 0.0))
    assert yes.entities.shape == (1, 0)
    assert yes.truths.tolist() == torch.tensor([0.7]).tolist()
    assert no.entities.shape == (0, 0)
