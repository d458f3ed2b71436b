"""How tables of complex vectors are laid out in published weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from torch import Tensor

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


def halves(table: Tensor) -> Tensor:
    """(rows, 2d) `re, im, re, im …` -> (rows, 2d) `[re | im]`."""
    return torch.cat((table[:, 0::2], table[:, 1::2]), 1)


def with_inverses(relation: Tensor) -> Tensor:
    """(R, 2d) halves -> (2R, 2d): row 2k + 1 is the conjugate of row 2k.

    Re⟨t, conj(r), conj(h)⟩ = Re⟨h, r, conj(t)⟩, so the conjugate scores the inverse link.
    """
    real, imaginary = relation.chunk(2, 1)
    conjugate = torch.cat((real, -imaginary), 1)
    return torch.stack((relation, conjugate), 1).reshape(-1, relation.shape[1])
