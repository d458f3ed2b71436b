"""Answers as lines of a table."""

from __future__ import annotations

import numpy as np

from kgreason.cli.common.answers import answer_lines
from kgreason.engine import Engine
from tests.agreement.table import TablePredictor
from tests.small import GRAPH, entity, facts


def test_alternatives_that_add_up_are_listed_beneath_their_sum() -> None:
    table = np.array(facts())
    table[:2, entity("a"), entity("d")] = table[:2, entity("d"), entity("a")] = 0.5
    table[2:4, entity("d"), entity("b")] = table[2:4, entity("b"), entity("d")] = 0.5
    engine = Engine(GRAPH, TablePredictor(table), dtype="float64")
    lines = [line.plain for line in answer_lines(engine.ask("ask : r(a, d) | s(d, b)"), {})]
    assert lines == [
        "true  0.7500  predicted",
        "  r(a, d) ∨ s(d, b)  0.7500  2 together",
        "    r(a, d)  0.5000  predicted",
        "    s(d, b)  0.5000  predicted",
    ]
