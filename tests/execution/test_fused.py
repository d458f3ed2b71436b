"""Several links between the same two variables: computed once for each entity, then kept."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from kgreason.compute import lower
from kgreason.execution import bindings, fused
from kgreason.execution.bindings import Chunk
from kgreason.formula import And, Atom, Constant, Exists, Or, Query, Variable
from kgreason.normal import normalize
from kgreason.planning import plan
from kgreason.settings import Settings
from kgreason.topk.reasoner import Reasoner
from kgreason.truth import PRODUCT
from kgreason.truth.rows import TruthRows
from tests.agreement.table import TablePredictor, answers, reasoner
from tests.small import GRAPH, STATISTICS, bound, entity, facts

BOTH = "?y : exists x . r({}, x) & s(x, y) & t(x, y)"
BUT = "?y : exists x . r({}, x) & s(x, y) & !t(x, y)"
EITHER = "?y : exists x . r({}, x) & (s(x, y) | t(x, y))"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (BOTH.format("a"), True),
        (BUT.format("a"), True),
        (EITHER.format("a"), True),
        ("?y : exists x . r(a, x) & s(x, y)", True),
        ("?y : exists x . r(a, x) & s(x, y) & !(s(x, y) & t(x, y))", True),
        ("?y : exists x . r(a, x) & s(x, y) & t(y, x)", True),
        # What a block takes in from outside, or binds itself, is not its entity's alone.
        ("?y : exists x . r(a, x) & s(x, y) & (t(x, y) | r(b, y))", False),
        ("?y : exists x z . r(a, x) & s(x, y) & t(x, z) & r(z, y)", False),
        # Where it is not sparse, it is no row.
        ("?y : r(b, y) & (exists x . r(a, x) & !s(x, y))", False),
    ],
)
def test_which_blocks_are_rows(text: str, expected: bool) -> None:
    question = plan(normalize(bound(text), PRODUCT, "text").graph, PRODUCT, STATISTICS)
    steps = [node.step for node in lower(question).nodes if node.step.block is not None]
    assert [fused.is_made_of_rows(step) for step in steps][-1] == expected


@pytest.fixture
def computed(monkeypatch: pytest.MonkeyPatch) -> list[list[int]]:
    """The entities for which blocks were computed, a list for each time."""
    found: list[list[int]] = []
    compute = bindings.computed

    def noting(*arguments: Any) -> Iterator[Chunk]:
        found.append(sorted(arguments[-1].entity.tolist()))
        return compute(*arguments)

    monkeypatch.setattr(fused, "computed", noting)
    return found


def test_they_are_computed_once_for_each_entity(computed: list[list[int]]) -> None:
    table = np.random.default_rng(0).random((6, GRAPH.entity_count, GRAPH.entity_count))
    table[0] *= table[0] > 0.4
    engine = reasoner(TablePredictor(table), PRODUCT)
    first = answers(engine, [bound(BOTH.format("a"))])
    again = answers(engine, [bound(BOTH.format("a"))])
    np.testing.assert_array_equal(first[0], again[0])
    assert computed == [np.flatnonzero(table[0, entity("a")]).tolist()]
    answers(engine, [bound(BOTH.format("b"))])
    either = np.flatnonzero(table[0, entity("a")] + table[0, entity("b")])
    assert sorted(chain(*computed)) == either.tolist()


@pytest.mark.parametrize("memory", [220_000, 300_000, 360_000])
def test_those_held_stay_while_others_are_computed(memory: int) -> None:
    table = np.random.default_rng(0).random((6, 120, 120))
    table[0] *= table[0] > 0.6
    questions = [_two_links_from(0), _two_links_from(0, 1)]
    expected = answers(reasoner(TablePredictor(table), PRODUCT), questions)
    # The rows that the second question's are made of want the place of those of the first.
    tight = reasoner(TablePredictor(table), PRODUCT, max_memory=memory)
    for question, wanted in zip(questions, expected, strict=True):
        np.testing.assert_array_equal(answers(tight, [question])[0], wanted)


def _two_links_from(*anchors: int) -> Query[int]:
    x, y = Variable("x"), Variable("y")
    starts = tuple(Atom(0, Constant(anchor), x) for anchor in anchors)
    start = Or(starts) if len(starts) > 1 else starts[0]
    return Query((y,), Exists((x,), And((start, Atom(1, x, y), Atom(2, x, y)))))


def test_other_links_are_others(computed: list[list[int]]) -> None:
    engine = reasoner(TablePredictor(facts(), crisp=True), PRODUCT)
    texts = [one.format("a") for one in (BOTH, BUT, EITHER)]
    apart = [answers(engine, [bound(text)])[0] for text in texts]
    assert len(computed) == 3
    engine = reasoner(TablePredictor(facts(), crisp=True), PRODUCT)
    together = answers(engine, [bound(text) for text in texts])
    for one, other in zip(apart, together, strict=True):
        np.testing.assert_array_equal(one, other)


class Shelf:
    """A shelf that remembers what it was asked and given."""

    def __init__(self) -> None:
        self.keys: list[int] = []

    def find(self, keys: Tensor) -> tuple[Tensor, TruthRows]:
        self.keys += keys.tolist()
        none = torch.zeros(0)
        return torch.zeros_like(keys).bool(), TruthRows(torch.zeros(1).long(), none.int(), none)

    def add(self, keys: Tensor, rows: TruthRows) -> None:
        self.keys += keys.tolist()

    def flush(self) -> None:
        pass


def test_they_are_not_kept_for_good() -> None:
    shelf = Shelf()
    predictor = TablePredictor(facts(), crisp=True)
    engine = Reasoner(predictor, GRAPH.index(), Settings(dtype="float64"), shelf)
    answers(engine, [bound(BUT.format("a"))])
    assert shelf.keys
    assert max(shelf.keys) < predictor.relation_count * predictor.entity_count
