"""How tables of vectors of complex or real numbers are laid out in published weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import torch
from torch import Tensor

from kgreason.errors import CheckpointError
from kgreason.predictors.embedding.compositions import Composition

Layout = Literal["halves", "interleaved"]
Order = Literal["interleaved", "appended"]
_AGAIN = "train or import it again"
Names = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Foreign:
    """How weights of elsewhere are to be read.

    layout: how a row holds a vector of complex numbers, `[re | im]` halves or `re, im` interleaved;
    None: what the names of the tensors suggest. relation_order: whether the row of an inverse
    relation follows its relation or all of them. inverse, arguments: of a PyKEEN model, whether it
    was trained with inverse triples, and its keyword arguments.
    """

    layout: Layout | None = None
    relation_order: Order = "interleaved"
    inverse: bool = True
    arguments: Mapping[str, Any] = field(default_factory=dict)


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


def check_tables(
    path: str | Path,
    shapes: Mapping[str, tuple[int, ...]],
    types: Mapping[str, str],
    entities: int,
    relations: int,
    composition: Composition,
) -> None:
    """CheckpointError, blaming `path`, unless the tables hold so many rows of the composition.

    shapes, types: of the tensors by name, types as safetensors calls them. relations: directed.
    """
    parts = composition.parts
    for name, rows in (("entity", entities), ("relation", relations)):
        shape = shapes.get(name)
        if shape is None:
            raise CheckpointError(f"{path} lacks the tensor {name!r}", remedy=_AGAIN)
        if types[name] not in ("F64", "F32", "F16", "BF16"):
            raise CheckpointError(
                f"{path}: tensor {name!r} holds numbers of type {types[name]}, expected F64, F32, "
                "F16 or BF16",
                remedy="turn it into a checkpoint: kgreason model import",
            )
        if len(shape) != 2 or shape[0] != rows or shape[1] % parts or not shape[1]:
            raise CheckpointError(
                f"{path}: tensor {name!r} has shape {shape}, "
                f"expected ({rows}, {parts} · rank) of {composition.name}",
                remedy=_AGAIN,
            )
    if shapes["entity"][1] != shapes["relation"][1]:
        raise CheckpointError(
            f"{path}: entity rows hold {shapes['entity'][1]} numbers, "
            f"relation rows {shapes['relation'][1]}",
            remedy=_AGAIN,
        )
