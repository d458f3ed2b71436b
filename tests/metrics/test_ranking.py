from __future__ import annotations

import numpy as np
import pytest
import torch

from kgreason.errors import UsageError
from kgreason.knowledge import FactIndex
from kgreason.metrics.averages import hits, question_figures
from kgreason.metrics.ranking import (
    TIES,
    answer_ranks,
    both_directions,
    filtered_ranks,
    removed,
)
from kgreason.truth.rows import TruthRows
from kgreason.truth.vector import TruthVector


def _vector(truths: list[float], background: float = 0.0) -> TruthVector:
    """One row that lists the entities whose truth is not the background."""
    listed = [i for i, truth in enumerate(truths) if truth != background]
    return TruthVector(
        len(truths),
        torch.tensor([background]),
        torch.tensor([0, len(listed)]),
        torch.tensor(listed, dtype=torch.int32),
        torch.tensor([truths[i] for i in listed]),
    )


def _ids(*values: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.array(values, dtype=np.int64)


def test_other_answers_are_removed() -> None:
    truth = _vector([0.9, 0.8, 0.7, 0.6, 0.5, 0.0])
    # 0 is easy and 2 is hard: only entity 1 stands before 2, only 1 and 3 before 4.
    assert filtered_ranks(truth, _ids(0), _ids(2, 4)).tolist() == [2.0, 3.0]
    assert filtered_ranks(truth, _ids(), _ids(4)).tolist() == [5.0]


@pytest.mark.parametrize(
    ("ties", "expected"),
    [("expected", [2.5, 5.5]), ("optimistic", [2.0, 5.0]), ("pessimistic", [3.0, 6.0])],
)
def test_ties_listed_and_unlisted(ties: str, expected: list[float]) -> None:
    # Entities 1 and 2 tie at 0.8, the answer 2 with one other; 4, 5 tie at the background.
    truth = _vector([0.9, 0.8, 0.8, 0.5, 0.0, 0.0, 0.4])
    assert filtered_ranks(truth, _ids(), _ids(2, 5), ties).tolist() == expected


def test_an_answer_below_the_background() -> None:
    truth = _vector([1.0, 0.2, 1.0, 1.0, 0.5], background=1.0)
    assert filtered_ranks(truth, _ids(0), _ids(1, 2)).tolist() == [3.0, 1.5]
    assert filtered_ranks(truth, _ids(0), _ids(2)).tolist() == [1.5]
    assert filtered_ranks(truth, _ids(0), _ids(4), "pessimistic").tolist() == [3.0]
    assert filtered_ranks(truth, _ids(), _ids(2), "pessimistic").tolist() == [3.0]


@pytest.mark.parametrize("ties", TIES)
@pytest.mark.parametrize("background", [0.0, 0.4, 1.0])
def test_ranks_equal_those_counted_one_by_one(ties: str, background: float) -> None:
    generator = np.random.default_rng(7)
    for _ in range(30):
        truths = generator.choice([0.0, 0.2, 0.4, 1.0], 12).tolist()
        answers = generator.permutation(12)[: generator.integers(1, 8)]
        cut = int(generator.integers(0, len(answers)))
        easy, hard = answers[:cut], answers[cut:]
        expected = []
        for answer in hard:
            others = [truths[e] for e in range(12) if e not in answers]
            above = sum(t > truths[answer] for t in others)
            equal = sum(t == truths[answer] for t in others)
            expected.append(1 + above + TIES[ties] * equal)
        found = filtered_ranks(_vector(truths, background), easy, hard, ties)
        assert found.tolist() == expected


@pytest.mark.parametrize("lowest", [0.0, -torch.inf])
def test_one_answer_a_row_is_ranked_among_what_is_not_removed(lowest: float) -> None:
    known = FactIndex.from_facts(np.array([[0, 0, 1], [0, 0, 2], [3, 0, 1]], dtype=np.int32), 5, 1)
    heads, relations, tails = both_directions(torch.tensor([[0, 0, 1], [0, 0, 4]]))
    assert relations.tolist() == [0, 0, 1, 1]
    mask = removed(heads, relations, tails, known)
    # The known tails of (0, r) are 1 and 2, the known heads of (r, 1) are 0 and 3.
    assert torch.nonzero(mask[0]).view(-1).tolist() == [1, 2]
    assert torch.nonzero(mask[1]).view(-1).tolist() == [1, 2, 4]
    assert torch.nonzero(mask[2]).view(-1).tolist() == [0, 3]
    values = torch.tensor(
        [
            [0.9, 0.5, 0.9, 0.5, 0.1],
            [0.9, 0.9, 0.9, lowest, lowest],
            [0.5, 0.5, 0.5, 0.9, 0.5],
            [0.7, 0.6, 0.8, 0.9, 0.5],
        ]
    )
    before = values.clone()
    # Above, equal: (1, 1), (1, 1), (0, 3), (3, 0): what was removed is neither, whatever its value.
    assert answer_ranks(values, tails, mask).tolist() == [2.5, 2.5, 2.5, 3.0]
    assert torch.equal(values, before)


def test_dense_and_sparse_ranks_are_the_same() -> None:
    values = torch.tensor([0.0, 0.2, 0.2, 0.7, 0.0, 0.2, 0.9])
    mask = torch.tensor([[False, True, True, False, False, False, True]])
    dense = answer_ranks(values[None], torch.tensor([1]), mask)
    sparse = filtered_ranks(_vector(values.tolist()), _ids(2, 6), _ids(1))
    assert dense.tolist() == sparse.tolist() == [2.5]


def test_figures_are_means_over_answers() -> None:
    one = question_figures(np.array([1.0, 4.0]))
    assert one == {"MRR": 0.625, "Hits@1": 0.5, "Hits@3": 0.5, "Hits@10": 1.0}
    # A mean rank between two places is a hit only when it is within k itself.
    two = question_figures(np.array([1.5]))
    assert (two["Hits@1"], two["Hits@3"]) == (0.0, 1.0)
    assert hits(torch.tensor([1.0, 4.0, 2.0]), 3) == hits(np.array([1.0, 4.0, 2.0]), 3) == 2 / 3


def test_an_unknown_tie_policy_is_refused() -> None:
    truth = TruthVector.from_rows(TruthRows.from_dense(torch.ones(1, 3)), 3)
    with pytest.raises(UsageError, match="average"):
        filtered_ranks(truth, _ids(), _ids(1), "average")
