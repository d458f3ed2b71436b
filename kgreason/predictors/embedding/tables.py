"""ComplEx and DistMult in checkpoints: a table of entities and one of directed relations."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgreason.errors import CheckpointError
from kgreason.predictors.checkpoints.format import (
    Checkpoint,
    CheckpointInfo,
    check_fit,
    read_checkpoint,
)
from kgreason.predictors.checkpoints.layout import (
    Foreign,
    check_tables,
    find_tables,
    in_parts,
    with_inverses,
)
from kgreason.predictors.checkpoints.numbers import as_table
from kgreason.predictors.checkpoints.tensor_file import DTYPES
from kgreason.predictors.embedding.bilinear import BilinearScorer
from kgreason.predictors.embedding.compositions import COMPOSITIONS, Composition

if TYPE_CHECKING:
    from kgreason.knowledge import Vocabulary


def table_info(
    composition: Composition,
    *,
    dimension: int,
    entities: int,
    relations: int,
    vocabulary: str,
    training: Mapping[str, Any] | None = None,
) -> CheckpointInfo:
    """What a checkpoint of such tables says about itself. relations: base relations."""
    return CheckpointInfo(
        model=composition.model,
        dimension=dimension,
        entities=entities,
        relations=relations,
        vocabulary=vocabulary,
        training=dict(training or {}),
        layout=composition.layout,
    )


def check_table_weights(path: str | Path, checkpoint: Checkpoint) -> None:
    """CheckpointError, blaming `path`, where the tables do not fit the model."""
    tensors, entities = checkpoint.tensors, checkpoint.coverage.entities
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    types = {name: DTYPES[tensor.dtype] for name, tensor in tensors.items()}
    rows = checkpoint.info.entities if entities is None else len(entities)
    composition = COMPOSITIONS[checkpoint.info.model]
    check_tables(path, shapes, types, rows, 2 * checkpoint.info.relations, composition)


def table_scorer(
    path: str | Path, checkpoint: Checkpoint, *, dtype: torch.dtype, device: str | torch.device
) -> BilinearScorer:
    """The scorer of a checkpoint whose tables fit.

    It scores from the mapped file where that has this dtype, on a CPU.
    """
    return BilinearScorer(
        COMPOSITIONS[checkpoint.info.model],
        checkpoint.tensors["entity"],
        checkpoint.tensors["relation"],
        dtype=dtype,
        device=device,
        coverage=checkpoint.coverage,
    )


def relation_weights(path: str | Path, vocabulary: Vocabulary) -> NDArray[np.complex64]:
    """(directed relations, d) diagonal operators of a ComplEx or DistMult checkpoint that fits.

    Raises CheckpointError for another model or another graph's.
    """
    checkpoint = read_checkpoint(path)
    check_fit(path, checkpoint.info, vocabulary)
    composition = COMPOSITIONS.get(checkpoint.info.model)
    if composition is None:
        raise CheckpointError(
            f"{path} holds {checkpoint.info.model}, not the weights of diagonal operators",
            remedy="give one of ComplEx or DistMult: kgreason train --model complex",
        )
    check_table_weights(path, checkpoint)
    weights: NDArray[np.complex64] = composition.numbers(checkpoint.tensors["relation"]).numpy()
    return weights


def adopt_tables(
    source: Path,
    model: str,
    tensors: dict[str, Tensor],
    vocabulary: Vocabulary | None,
    foreign: Foreign,
) -> Checkpoint:
    """Weights of elsewhere as a checkpoint; CheckpointError where they do not fit.

    Relations without inverse rows get them: the conjugates (ComplEx), or the same (DistMult).
    """
    assert vocabulary is not None
    composition = COMPOSITIONS[model]
    found = find_tables(tensors)
    if found is None:
        raise CheckpointError(
            f"{source} holds no pair of entity and relation tables "
            f"(it has: {', '.join(sorted(tensors)[:6]) or 'nothing'})",
            remedy="name the two tensors entity and relation",
        )
    entity, relation, usual = found
    shapes = tuple(entity.shape), tuple(relation.shape)
    if len(shapes[0]) != 2 or len(shapes[1]) != 2:
        raise CheckpointError(
            f"{source}: the tables have shapes {shapes[0]} and {shapes[1]}",
            remedy=f"give two tables of rows; those of {composition.name} hold "
            f"{composition.parts} · rank numbers",
        )
    interleaved = (foreign.layout or usual) == "interleaved"
    entity = _laid_out(source, "entity", entity, composition, interleaved)
    relation = _laid_out(source, "relation", relation, composition, interleaved)
    if relation.shape[0] == vocabulary.relation_count:
        relation = with_inverses(relation, composition)
    elif foreign.relation_order == "appended":
        relation = torch.stack(relation.chunk(2), 1).reshape(-1, relation.shape[1])
    info = table_info(
        composition,
        dimension=entity.shape[1] // composition.parts,
        entities=entity.shape[0],
        relations=relation.shape[0] // 2,
        vocabulary=vocabulary.fingerprint(),
    )
    check_fit(source, info, vocabulary)
    return Checkpoint(info, {"entity": entity, "relation": relation})


def _laid_out(
    source: Path, name: str, table: Tensor, composition: Composition, interleaved: bool
) -> Tensor:
    real = as_table(source, name, table, composition)
    # Complex numbers are in halves already.
    return in_parts(real, composition.parts) if interleaved and not table.is_complex() else real
