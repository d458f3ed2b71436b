"""The facts a model is trained on and judged by, without literals, with dense ids."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgreason.errors import UsageError
from kgreason.predictors.scorer import Coverage

if TYPE_CHECKING:
    from kgreason.knowledge import KnowledgeGraph

_LEAST_HELD_OUT = 200
_SHARE_HELD_OUT = 0.05


@dataclass(frozen=True, slots=True)
class TrainingFacts:
    """Facts by dense entity ids (positions in the coverage's entities) and base relations.

    train, validation, test: (facts, 3) int64 head, relation, tail; test is the split of that name.
    notes: what was left out and why, one sentence each.
    """

    train: Tensor
    validation: Tensor
    test: Tensor
    coverage: Coverage
    entities: int
    notes: tuple[str, ...]

    def digest(self) -> str:
        """A fingerprint of the training facts."""
        return hashlib.sha256(self.train.numpy().tobytes()).hexdigest()[:16]


def choose_facts(graph: KnowledgeGraph, validation: str | float | None, seed: int) -> TrainingFacts:
    """Split, filter and renumber the facts of a graph.

    validation: a split's name; the share of facts to hold out, in [0, 1), 0 for none; or None for
    the split `valid` where there is one, else a share of 0.05 of graphs that are not tiny.
    Raises UsageError for a split without facts, or when nothing is left to train on.
    """
    kept, held, notes = _divided(graph, validation, seed)
    literal = np.asarray(graph.vocabulary.literal)
    kept, dropped = _without_literals(kept, literal)
    if dropped:
        notes.append(f"{dropped:,} facts with literals are not trained on.")
    if not len(kept):
        raise UsageError(
            f"{graph.name} has no facts between entities to train on",
            remedy="A model learns from links between entities; facts with literals do not count",
        )
    ids = np.unique(kept[:, (0, 2)])
    position = np.full(graph.entity_count, -1, dtype=np.int64)
    position[ids] = np.arange(len(ids))
    judged = {}
    for name, apart in (("validation", held), ("test", _test(graph, validation))):
        facts, _ = _without_literals(apart, literal)
        seen = (position[facts[:, 0]] >= 0) & (position[facts[:, 2]] >= 0)
        if not seen.all():
            notes.append(
                f"{(~seen).sum():,} {name} facts name entities unseen in training: left out."
            )
        judged[name] = _renumbered(facts[seen], position)
    return TrainingFacts(
        train=_renumbered(kept, position),
        validation=judged["validation"],
        test=judged["test"],
        coverage=_coverage(graph, kept, ids),
        entities=len(ids),
        notes=tuple(notes),
    )


def _test(graph: KnowledgeGraph, validation: str | float | None) -> NDArray[np.int32]:
    """The facts of the split `test`, unless they are trained on or are the validation facts."""
    apart = "train" in graph.splits and "test" in graph.splits and validation != "test"
    return graph.facts(("test",)) if apart else np.empty((0, 3), dtype=np.int32)


def _coverage(graph: KnowledgeGraph, kept: NDArray[np.int32], ids: NDArray[np.int32]) -> Coverage:
    trained = np.zeros(graph.relation_count, dtype=np.bool_)
    trained[kept[:, 1]] = True
    return Coverage(
        None if len(ids) == graph.entity_count else torch.from_numpy(ids.astype(np.int64)),
        None if trained.all() else torch.from_numpy(trained.repeat(2)),
    )


def _divided(
    graph: KnowledgeGraph, validation: str | float | None, seed: int
) -> tuple[NDArray[np.int32], NDArray[np.int32], list[str]]:
    train = graph.usual_splits
    facts = graph.facts(train)
    if validation is None and "valid" in graph.splits and len(graph.facts(("valid",))):
        validation = "valid"
    if isinstance(validation, str):
        held = graph.facts((validation,))
        if validation in train or not len(held):
            trouble = "is trained on" if validation in train else "has no facts"
            raise UsageError(
                f"the validation split {validation!r} {trouble}",
                remedy="name another split, give a share of facts to hold out, or 0 for none",
            )
        return facts, held, []
    if validation is None:
        validation = _SHARE_HELD_OUT if len(facts) >= _LEAST_HELD_OUT else 0.0
    if not 0 <= validation < 1:
        raise UsageError(
            f"share {validation:g} of facts to hold out is outside [0, 1)",
            remedy="give for example 0.05, or 0 for none",
        )
    order = np.random.default_rng(seed).permutation(len(facts))
    count = int(validation * len(facts))
    notes = [f"{count:,} of {len(facts):,} facts are held out for validation."] if count else []
    return facts[np.sort(order[count:])], facts[np.sort(order[:count])], notes


def _without_literals(
    facts: NDArray[np.int32], literal: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], int]:
    linked = ~(literal[facts[:, 0]] | literal[facts[:, 2]])
    return facts[linked], int((~linked).sum())


def _renumbered(facts: NDArray[np.int32], position: NDArray[np.int64]) -> Tensor:
    columns = (position[facts[:, 0]], facts[:, 1].astype(np.int64), position[facts[:, 2]])
    return torch.from_numpy(np.stack(columns, 1))
