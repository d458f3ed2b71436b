"""Which facts of a knowledge graph are observed, and which are held out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from random import Random

import numpy as np

from kgreason.choose import require
from kgreason.errors import UsageError
from kgreason.knowledge import KnowledgeGraph
from kgreason.knowledge.contents import Loaded

TRAIN, TEST = "train", "test"


@dataclass(frozen=True, slots=True)
class Splits:
    """Names of the splits whose facts are observed, and of all that count as true."""

    observed: tuple[str, ...]
    all: tuple[str, ...]

    @classmethod
    def of(
        cls,
        graph: KnowledgeGraph,
        observed: Iterable[str] | None = None,
        whole: Iterable[str] | None = None,
    ) -> Splits:
        """By default all splits are true, and of those all but the last observed, as in BetaE.

        whole: `train` and `valid` make questions for validation, which see nothing of the test.
        Raises UsageError when nothing would be left to predict, or a split does not exist.
        """
        if len(graph.splits) < 2:
            raise UsageError(
                f"{graph.name} has only the split {graph.splits[0]!r}: no answer is missing",
                remedy="give a graph with train and test facts, or hold some out: --hold-out 0.1",
            )
        every = _named(graph, whole)
        chosen = every[:-1] if observed is None else _named(graph, observed)
        if not chosen or not set(chosen) < set(every):
            told = ["nothing" if not names else ", ".join(names) for names in (chosen, every)]
            raise UsageError(
                f"the observed splits are {told[0]}, those whose facts are true {told[1]}",
                remedy="name at least two true splits, and observe some but not all of them",
            )
        return cls(chosen, every)


def _named(graph: KnowledgeGraph, names: Iterable[str] | None) -> tuple[str, ...]:
    """The named splits in the graph's order, None for all."""
    wanted = graph.splits if names is None else tuple(names)
    for split in wanted:
        require("split", split, graph.splits, owner=graph.name)
    return tuple(split for split in graph.splits if split in wanted)


def hold_out(graph: KnowledgeGraph, share: float, seed: int) -> KnowledgeGraph:
    """The same graph with a share of its distinct facts as the split `test`, the rest as `train`.

    Every entity and relation of a held-out fact keeps another fact in train, so a graph whose
    entities have few facts gives less than the share.
    Raises UsageError for a share outside (0, 1), or when no fact can be spared.
    """
    if not 0 < share < 1:
        raise UsageError(f"a share of {share:g} is held out", remedy="give a number like 0.1")
    facts = np.unique(graph.facts(), axis=0)
    entities = np.bincount(facts[:, [0, 2]].ravel(), minlength=graph.entity_count)
    relations = np.bincount(facts[:, 1], minlength=graph.relation_count)
    wanted = round(share * len(facts))
    held: list[int] = []
    order = Random(f"{seed}/hold-out").sample(range(len(facts)), len(facts))  # noqa: S311
    for row in order:
        if len(held) == wanted:
            break
        head, relation, tail = facts[row]
        needed = 2 + (head == tail)
        if min(entities[head], entities[tail]) >= needed and relations[relation] >= 2:
            held.append(row)
            entities[head] -= 1
            entities[tail] -= 1
            relations[relation] -= 1
    if not held:
        raise UsageError(
            f"{graph.name} has no fact to spare", remedy="hold out more, or use a larger graph"
        )
    mask = np.zeros(len(facts), dtype=np.bool_)
    mask[held] = True
    parts = {TRAIN: facts[~mask], TEST: facts[mask]}
    return KnowledgeGraph(Loaded(graph.name, graph.vocabulary, parts))


def fingerprint(graph: KnowledgeGraph) -> str:
    """SHA-256 over all names and, split by split, the set of facts, as hexadecimal digits."""
    digest = hashlib.sha256(graph.vocabulary.fingerprint().encode())
    for split in graph.splits:
        rows = np.asarray(graph.facts([split])).astype("<i4")
        rows = rows[np.lexsort(rows.T)]
        fresh = np.ones(len(rows), dtype=np.bool_)
        fresh[1:] = (np.diff(rows, axis=0) != 0).any(1)
        digest.update(f"{split} {int(fresh.sum())} ".encode())
        digest.update(np.ascontiguousarray(rows[fresh]).tobytes())
    return digest.hexdigest()
