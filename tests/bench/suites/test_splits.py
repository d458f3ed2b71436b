from __future__ import annotations

import numpy as np
import pytest

from kgreason.bench.suites.splits import Splits, fingerprint, hold_out
from kgreason.errors import UsageError
from kgreason.knowledge import KnowledgeGraph

CHAIN = [(f"e{i}", "next", f"e{(i + 1) % 30}") for i in range(30)]
SKIPS = [(f"e{i}", "skip", f"e{(i + 2) % 30}") for i in range(30)]


@pytest.fixture
def plain() -> KnowledgeGraph:
    return KnowledgeGraph.from_triples([*CHAIN, *SKIPS])


def test_splits_of_a_benchmark() -> None:
    umls = KnowledgeGraph.load("pykeen:umls")
    assert Splits.of(umls) == Splits(("train", "valid"), ("train", "valid", "test"))
    assert Splits.of(umls, ["train"]).observed == ("train",)
    for wrong in ([], ["train", "valid", "test"], ["trian"]):
        with pytest.raises(UsageError):
            Splits.of(umls, wrong)


def test_splits_of_questions_for_validation() -> None:
    umls = KnowledgeGraph.load("pykeen:umls")
    whole = ["valid", "train"]
    assert Splits.of(umls, whole=whole) == Splits(("train",), ("train", "valid"))
    assert Splits.of(umls, ["valid"], whole) == Splits(("valid",), ("train", "valid"))
    for observed in (["test"], ["train", "test"], whole):
        with pytest.raises(UsageError, match="split"):
            Splits.of(umls, observed, whole)
    for wrong in (["train"], [], ["train", "vlaid"]):
        with pytest.raises(UsageError, match="split"):
            Splits.of(umls, whole=wrong)


def test_a_graph_without_splits_says_what_is_missing(plain: KnowledgeGraph) -> None:
    with pytest.raises(UsageError, match="only the split 'train'") as raised:
        Splits.of(plain)
    assert "--hold-out" in str(raised.value)


def test_held_out_facts(plain: KnowledgeGraph) -> None:
    held = hold_out(plain, 0.25, seed=1)
    assert dict(held.fact_counts) == {"train": 45, "test": 15}
    both = np.concatenate([held.facts(["train"]), held.facts(["test"])])
    assert set(map(tuple, both.tolist())) == set(map(tuple, plain.facts().tolist()))
    train = held.facts(["train"])
    assert set(train[:, [0, 2]].ravel().tolist()) == set(range(30))
    assert set(train[:, 1].tolist()) == {0, 1}
    assert fingerprint(hold_out(plain, 0.25, seed=1)) == fingerprint(held)
    assert fingerprint(hold_out(plain, 0.25, seed=2)) != fingerprint(held)


@pytest.mark.parametrize("share", [0.0, 1.0, -1.0, 2.0])
def test_shares_that_leave_nothing(plain: KnowledgeGraph, share: float) -> None:
    with pytest.raises(UsageError, match="held out"):
        hold_out(plain, share, seed=0)


def test_nothing_to_spare() -> None:
    with pytest.raises(UsageError, match="no fact to spare"):
        hold_out(KnowledgeGraph.from_triples([("a", "r", "b")]), 0.5, seed=0)


def test_fingerprints_see_names_and_facts_but_not_their_order() -> None:
    one = KnowledgeGraph.from_triples([("a", "r", "b"), ("b", "r", "a"), ("b", "r", "a")])
    other = KnowledgeGraph.from_triples([("a", "r", "b"), ("b", "r", "a")])
    assert fingerprint(one) == fingerprint(other)
    assert fingerprint(KnowledgeGraph.from_triples([("a", "r", "b")])) != fingerprint(one)
    renamed = KnowledgeGraph.from_triples([("a", "s", "b"), ("b", "s", "a")])
    assert fingerprint(renamed) != fingerprint(one)
