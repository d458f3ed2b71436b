"""Joins, figures and mining, against loops over triples and weights made for the purpose."""

from __future__ import annotations

import random
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from kgreason.errors import CheckpointError, UsageError
from kgreason.knowledge.index import FactIndex
from kgreason.rules import (
    Figures,
    Measurer,
    MiningOptions,
    Rule,
    joins,
    measured,
    mine_exhaustively,
    mine_rules,
    reach,
)
from kgreason.rules.candidates import Types, find_candidates
from kgreason.rules.rule import is_circular

ENTITIES, RELATIONS = 12, 4
Pairs = set[tuple[int, int]]


def facts(seed: int) -> list[tuple[int, int, int]]:
    choose = random.Random(seed)
    return sorted(
        {
            (choose.randrange(ENTITIES), choose.randrange(RELATIONS), choose.randrange(ENTITIES))
            for _ in range(90)
        }
    )


def index_of(triples: list[tuple[int, int, int]]) -> FactIndex:
    return FactIndex.from_facts(np.array(triples, dtype=np.int32), ENTITIES, RELATIONS)


def links(triples: list[tuple[int, int, int]], relation: int) -> Pairs:
    one = {(h, t) for h, r, t in triples if r == relation // 2}
    return {(t, h) for h, t in one} if relation % 2 else one


def walked(triples: list[tuple[int, int, int]], body: tuple[int, ...]) -> Pairs:
    """Pairs that a body connects, step by step; no step stays or comes back to the first."""
    found = {(a, a) for a in range(ENTITIES)}
    for relation in body:
        step = links(triples, relation)
        found = {(a, c) for a, b in found for b2, c in step if b == b2 and c not in (a, b)}
    return found


@pytest.mark.parametrize("body", [(0,), (3,), (0, 2), (1, 6), (5, 2, 7)])
@pytest.mark.parametrize("sparse", [1, 10**9])
def test_reach_and_figures_equal_loops(
    body: tuple[int, ...], sparse: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(joins, "_SPARSE", sparse)
    monkeypatch.setattr(joins, "_BLOCK_PAIRS", 3 * ENTITIES)
    for seed in range(5):
        triples = facts(seed)
        index = index_of(triples)
        expected = walked(triples, body)
        heads = np.array([7, 0, 3])
        pairs = [divmod(flat, ENTITIES) for flat in reach(index, heads, body).tolist()]
        assert pairs == [
            (i, c) for i, h in enumerate(heads) for c in sorted(c for a, c in expected if a == h)
        ]
        figures = Measurer(index).measure(body)
        assert figures.pairs == len(expected)
        for head in range(2 * RELATIONS):
            known = links(triples, head)
            assert figures.support[head] == len(expected & known)
            sides: tuple[set[int], set[int]] = ({a for a, _ in known}, {c for _, c in known})
            forwards = len(sides[0]) > len(sides[1]) or (
                len(sides[0]) == len(sides[1]) and head % 2 == 0
            )
            counted = {p for p in expected if p[1 - forwards] in sides[1 - forwards]}
            if figures.support[head]:
                assert figures.known[head] == len(counted)


def test_a_rule_has_the_same_figures_read_either_way() -> None:
    measurer = Measurer(index_of(facts(1)))
    for body, head in product([(0,), (0, 2), (6, 1)], range(2 * RELATIONS)):
        rule = Rule(body, head)
        assert measured(rule, measurer).figures == measured(rule.reversed(), measurer).figures


def test_types_are_those_of_the_facts() -> None:
    triples = facts(2)[:30]
    types = Types(index_of(triples))
    for left, right in product(range(2 * RELATIONS), repeat=2):
        one, two = links(triples, left), links(triples, right)
        assert types.follows[left, right] == bool({b for _, b in one} & {b for b, _ in two})
        assert types.shares_heads[left, right] == bool({a for a, _ in one} & {a for a, _ in two})
        assert types.shares_tails[left, right] == bool({b for _, b in one} & {b for _, b in two})


def family(seed: int = 0) -> tuple[FactIndex, NDArray[np.complex64]]:
    """bornIn, cityIn and nationality = bornIn ∘ cityIn; weights that say so, and noise."""
    random_ = np.random.default_rng(seed)
    city, country = random_.integers(20, 30, 20), random_.integers(30, 33, 10)
    triples = [(i, 0, int(city[i])) for i in range(20)]
    triples += [(20 + i, 1, int(country[i])) for i in range(10)]
    triples += [(i, 2, int(country[city[i] - 20])) for i in range(16)]
    triples += [(i, 3, (i + 1) % 20) for i in range(20)]
    index = FactIndex.from_facts(np.array(triples, dtype=np.int32), 33, 4)
    vectors = np.exp(2j * np.pi * random_.random((4, 16)))
    vectors[2] = vectors[0] * vectors[1]
    both = np.stack((vectors, vectors.conj()), 1).reshape(8, 16)
    return index, both.astype(np.complex64)


def test_the_composed_rule_is_mined_first() -> None:
    index, weights = family()
    options = MiningOptions(length=3, candidates=3, support=5)
    found = mine_rules(weights, index, options)
    assert found.rules[0] == Rule((0, 2), 4, Figures(16, 16 / 20, 1.0))
    assert found.rules == mine_rules(weights, index, options).rules
    everything = mine_exhaustively(index, MiningOptions(length=2, support=5))
    assert found.rules[0] in everything.rules
    assert everything.bodies > found.bodies / 3
    assert all(rule.head % 2 == 0 for rule in (*found.rules, *everything.rules))


def test_candidates_are_the_most_alike_of_all() -> None:
    index, vectors = family()
    types = Types(index)
    few, all_ = (find_candidates(vectors, types, 2, count) for count in (2, 1000))
    for head in np.unique(all_.heads):
        likeness = np.sort(all_.similarity[all_.heads == head])[::-1]
        assert np.allclose(np.sort(few.similarity[few.heads == head])[::-1], likeness[:2])
    assert (np.abs(all_.similarity) < 1 + 1e-5).all()


def test_rules_that_say_what_they_conclude_are_left_out() -> None:
    assert is_circular((4,), 4)
    assert not is_circular((4, 4), 4)
    assert is_circular((4, 0, 1), 4)
    assert is_circular((0, 5, 2), 4)
    assert not is_circular((0, 2, 6), 4)


def test_wrong_settings_and_weights_are_refused() -> None:
    index, weights = family()
    for wrong in ({"length": 4}, {"length": 0}, {"candidates": 0}, {"pca": 1.5}):
        with pytest.raises(UsageError):
            MiningOptions(**wrong)
    with pytest.raises(CheckpointError, match="directed relations"):
        mine_rules(weights[:4], index)
