"""How tables of vectors of complex or real numbers are laid out in published weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

from kgreason.predictors.embedding.compositions import Composition

Layout = Literal["halves", "interleaved"]
Order = Literal["interleaved", "appended"]
Names = tuple[tuple[str, ...], tuple[str, ...]]

# PyKEEN renamed its tables once; both names are in use.
_PYKEEN: Names = (
    (
        "entity_representations.0._embeddings.weight",
        "entity_representations.0._embedding.weight",
    ),
    (
        "relation_representations.0._embeddings.weight",
        "relation_representations.0._embedding.weight",
    ),
)

# Names under which weights hold the two tables, and the layout that goes with them.
TABLES: tuple[tuple[Names, Layout], ...] = (
    ((("entity",), ("relation",)), "halves"),
    (_PYKEEN, "interleaved"),
    ((("embeddings.0.weight",), ("embeddings.1.weight",)), "halves"),
    ((("entity_embedding",), ("relation_embedding",)), "halves"),
)


def find_tables(tensors: Mapping[str, Tensor]) -> tuple[Tensor, Tensor, Layout] | None:
    """The entity table, the relation table and their usual layout; None without such names."""
    for (entity_names, relation_names), layout in TABLES:
        entity = next((tensors[name] for name in entity_names if name in tensors), None)
        relation = next((tensors[name] for name in relation_names if name in tensors), None)
        if entity is not None and relation is not None:
            return entity, relation, layout
    return None


def in_parts(table: Tensor, parts: int) -> Tensor:
    """(rows, parts · d) `re, im, re, im …` -> `[re | im]`; of one part, as it is."""
    return torch.cat([table[:, part::parts] for part in range(parts)], 1)


def with_inverses(relation: Tensor, composition: Composition) -> Tensor:
    """(R, width) in parts -> (2R, width): row 2k + 1 scores the inverse links of row 2k."""
    both = torch.stack((relation, composition.inverse(relation)), 1)
    return both.reshape(-1, relation.shape[1])
