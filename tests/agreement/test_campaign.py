"""A sample of the random questions that `benchmarks/random_questions.py` asks by the thousand."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.agreement.campaign import Scope, run


@pytest.mark.parametrize("part", range(4))
def test_random_questions_are_answered_as_the_judge_does(part: int) -> None:
    tally: Counter[str] = Counter()
    found = [one for number in range(25) for one in run(f"sample{part}", number, Scope(), tally)]
    assert not found, "\n".join(map(str, found))
    assert min(tally[kind] for kind in ("questions", "with witnesses")) >= 5
