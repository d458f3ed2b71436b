from __future__ import annotations

import re

import pytest

from kgreason.bench.sampling.redundancy import is_redundant
from kgreason.bench.suites.template import Template, question_of


def redundant(text: str) -> bool:
    """`r3` and `s5` stand for the relation and the entity of that number, `R3` for r3's inverse."""
    relations = [2 * int(m[2]) + (m[1] == "R") for m in re.finditer(r"\b([rR])(\d)", text)]
    entities = [int(m[1]) for m in re.finditer(r"\bs(\d)", text)]
    numbers = iter(range(1, 20))
    text = re.sub(r"\b[rR]\d", lambda _: f"$r{next(numbers)}", text)
    numbers = iter(range(1, 20))
    text = re.sub(r"\bs\d", lambda _: f"$s{next(numbers)}", text)
    return is_redundant(question_of(Template(text, tuple(relations), tuple(entities))))


@pytest.mark.parametrize(
    "text",
    [
        "?y : r1(s1, y) & r1(s1, y)",
        "?y : r1(s1, y) & R1(y, s1)",
        "?y : r1(s1, y) | r1(s1, y)",
        "?y : r1(s1, y) & !r2(s2, y) & !r2(s2, y)",
        "?y : exists x . r1(s1, x) & R1(x, y)",
        "?y : exists x, z . r1(s1, x) & r2(x, z) & R2(z, y)",
        "?y : exists x . (r1(s1, x) | r2(s2, x)) & R2(x, y)",
        "?y : !(exists x . r1(s1, x) & R1(x, y)) & r3(s2, y)",
        "?y : exists x . r1(s1, y) & r1(x, y)",
        "?y : exists x, z . r1(s1, x) & r2(x, y) & r1(s1, z) & r2(z, y)",
    ],
)
def test_refused(text: str) -> None:
    assert redundant(text)


@pytest.mark.parametrize(
    "text",
    [
        "?y : r1(s1, y)",
        "?y : r1(s1, y) & r1(s2, y)",
        "?y : exists x . r1(s1, x) & r1(x, y)",
        "?y : exists x . r1(s1, x) & r1(s2, x) & r2(x, y)",
        "?y : exists x . r1(s1, x) & r2(x, y) & R1(x, s2)",
        "?y : exists x . r1(s1, x) & !R1(x, y) & r3(s2, y)",
        "?y : exists x . r1(s1, y) & r2(x, y)",
        "?y : exists x . r1(s1, x) & r2(x, y) & r1(s1, y)",
        "?y : exists x, z . r1(s1, x) & r2(x, y) & r1(s2, z) & r2(z, y)",
        "?y : exists x . r1(s1, y) & r1(x, y) & !r3(s1, x)",
    ],
)
def test_kept(text: str) -> None:
    assert not redundant(text)
