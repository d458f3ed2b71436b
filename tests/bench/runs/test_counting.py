from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from kgreason.bench.runs.counting import (
    count_reliability,
    count_taken,
    entailed_below,
    has_negation,
    non_answers,
)
from kgreason.bench.suites.questions import BenchmarkQuestion, Ids
from kgreason.execution import Bounds
from kgreason.syntax import from_nested_tuple
from kgreason.truth.vector import TruthVector

PLAIN = from_nested_tuple(None, (0, (0,)))
NEGATED = from_nested_tuple(None, ((0, (0,)), (1, (2, -2))))


def _vector(values: list[float], background: float = 0.0) -> TruthVector:
    truths = torch.tensor([values])
    kept = torch.nonzero(truths[0] != background).flatten()
    return TruthVector.from_keys(len(values), torch.tensor([background]), kept, truths[0][kept])


def _ids(*values: int) -> Ids:
    return np.array(values, dtype=np.int64)


def _question(easy: Ids, hard: Ids) -> BenchmarkQuestion:
    return BenchmarkQuestion(PLAIN, easy, hard, "a question")


def test_non_answers_are_random_but_no_answers() -> None:
    question = _question(_ids(0, 4, 5), _ids(1, 9))
    seen = set()
    for seed in range(40):
        drawn = non_answers(question, 10, seed)
        assert len(set(drawn.tolist())) == 2
        assert not set(drawn.tolist()) & {0, 1, 4, 5, 9}
        assert drawn.tolist() == non_answers(question, 10, seed).tolist()
        seen |= set(drawn.tolist())
    assert seen == {2, 3, 6, 7, 8}
    other = replace(question, key="another question")
    assert any(
        non_answers(question, 10, seed).tolist() != non_answers(other, 10, seed).tolist()
        for seed in range(5)
    )


def test_few_entities_give_few_non_answers() -> None:
    assert non_answers(_question(_ids(0), _ids(1, 2)), 4, 0).tolist() == [3]
    assert len(non_answers(_question(_ids(), _ids(0, 1)), 2, 0)) == 0


def test_truths_fall_into_tenths() -> None:
    truth = _vector([1.0, 0.05, 0.55, 0.3], background=0.3)
    # Hard: 0 and 1; the non-answers are all others, 2 and 3.
    found = count_reliability(truth, _question(_ids(), _ids(0, 1)), seed=3)
    assert {name: counts[:2] for name, counts in found.items()} == {
        "bin 0": [1, 1],
        "bin 3": [1, 0],
        "bin 5": [1, 0],
        "bin 9": [1, 1],
    }
    assert found["bin 5"][2] == pytest.approx(0.55)


@pytest.mark.parametrize("background", [0.0, 0.5, 0.7])
def test_taken_is_everything_from_the_threshold_on_but_easy_answers(background: float) -> None:
    generator = np.random.default_rng(1)
    for _ in range(20):
        values = generator.choice([0.0, 0.5, 0.7, 1.0], 12).tolist()
        order = generator.permutation(12)
        easy, hard = np.sort(order[:3]), np.sort(order[3:6])
        found = count_taken(_vector(values, background), _question(easy, hard), 0.5)
        taken = [e for e in range(12) if values[e] >= 0.5 and e not in easy]
        assert found == {"taken": [sum(e in hard for e in taken), len(taken), 3]}


def test_entailed_answers_below_any_other_are_counted() -> None:
    truth = _vector([1.0, 0.9, 0.95, 0.0, 0.9])
    assert entailed_below(truth, _ids(0, 1)) == (1, 1)
    # Equal truth is no violation.
    assert entailed_below(truth, _ids(0, 2)) == (0, 0)
    assert entailed_below(truth, _ids(0, 1, 2, 3, 4)) == (0, 0)


def test_an_unlisted_entity_may_stand_above() -> None:
    assert entailed_below(_vector([0.2, 0.5, 0.5], background=0.5), _ids(0)) == (1, 1)
    assert entailed_below(_vector([0.2], background=0.5), _ids(0)) == (0, 0)


def test_bounds_say_at_least_and_at_most() -> None:
    bounds = Bounds(_vector([1.0, 0.4, 0.2, 0.1]), _vector([1.0, 0.8, 0.3, 0.6]))
    assert entailed_below(bounds, _ids(0)) == (0, 0)
    # 1 is between 0.4 and 0.8, its best rival 3 between 0.1 and 0.6; 2 is surely below 1.
    assert entailed_below(bounds, _ids(0, 1)) == (0, 1)
    assert entailed_below(bounds, _ids(0, 2)) == (1, 1)


def test_negations_are_seen() -> None:
    question = _question(_ids(), _ids(0))
    assert not has_negation(question)
    assert has_negation(replace(question, query=NEGATED))
