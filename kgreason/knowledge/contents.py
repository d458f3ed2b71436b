"""Where the parts of a knowledge graph come from: memory, or a store that is read on first use."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from kgreason.knowledge.vocabulary import Vocabulary

Ints = NDArray[np.int32]


class Contents(Protocol):
    """The parts of a knowledge graph."""

    @property
    def name(self) -> str:
        """What the graph is called."""
        ...

    @property
    def entity_count(self) -> int:
        """Number of entities."""
        ...

    @property
    def relation_count(self) -> int:
        """Number of base relations."""
        ...

    @property
    def fact_counts(self) -> Mapping[str, int]:
        """Facts per split, in the order of the splits."""
        ...

    def vocabulary(self) -> Vocabulary:
        """All names."""
        ...

    def facts(self, split: str) -> Ints:
        """(facts, 3) rows of head, base relation, tail."""
        ...


class Loaded:
    """Contents in memory."""

    def __init__(self, name: str, vocabulary: Vocabulary, facts: Mapping[str, Ints]) -> None:
        self.name = name
        self.entity_count = vocabulary.entity_count
        self.relation_count = vocabulary.relation_count
        self.fact_counts = {split: len(rows) for split, rows in facts.items()}
        self._vocabulary = vocabulary
        self._facts = facts

    def vocabulary(self) -> Vocabulary:
        """All names."""
        return self._vocabulary

    def facts(self, split: str) -> Ints:
        """(facts, 3) rows of head, base relation, tail."""
        return self._facts[split]
