"""Weights from and to other formats: safetensors, npz, and tensor files of torch."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor

from kgreason.errors import CheckpointError, UsageError
from kgreason.files import replacing
from kgreason.predictors.checkpoints.format import (
    WEIGHTS,
    Checkpoint,
    CheckpointInfo,
    check_fit,
    check_weights,
    read_checkpoint,
    save_checkpoint,
)
from kgreason.predictors.checkpoints.layout import (
    Layout,
    Order,
    find_tables,
    in_parts,
    with_inverses,
)
from kgreason.predictors.checkpoints.tensor_file import read_safetensors, write_safetensors
from kgreason.predictors.embedding.compositions import COMPLEX, Composition, find_composition

if TYPE_CHECKING:
    from kgreason.knowledge import Vocabulary


def import_checkpoint(
    source: str | Path,
    out: str | Path,
    *,
    vocabulary: Vocabulary,
    model: str = COMPLEX.model,
    layout: Layout | None = None,
    relation_order: Order = "interleaved",
    inverse: bool = True,
    arguments: Mapping[str, Any] | None = None,
) -> CheckpointInfo:
    """Write a checkpoint from foreign weights: .safetensors, .npz, or a tensor file of torch.

    layout: how a ComplEx row holds a complex vector, `[re | im]` halves or `re, im` interleaved;
    None: what the names of the tensors suggest. relation_order: whether the row of an inverse
    relation follows its relation or all of them. Relations without inverse rows get them: the
    conjugates (ComplEx), or the same again (DistMult). Any other `model` names a PyKEEN class:
    `source` is its state dict, `arguments` its keyword arguments, `inverse` whether it was trained
    with inverse triples.
    """
    source = Path(source)
    tensors = _read_foreign(source)
    composition = find_composition(model)
    if composition is None:
        from kgreason.predictors.embedding.pykeen import model_class

        info = CheckpointInfo(
            model=model_class(model).__name__,
            dimension=int((arguments or {}).get("embedding_dim", 0)),
            entities=vocabulary.entity_count,
            relations=vocabulary.relation_count,
            vocabulary=vocabulary.fingerprint(),
            inverse=inverse,
            arguments=dict(arguments or {}),
        )
        tensors = {WEIGHTS + name: tensor for name, tensor in tensors.items()}
    else:
        info, tensors = _native(source, tensors, composition, vocabulary, layout, relation_order)
    checkpoint = Checkpoint(info, tensors)
    check_weights(source, checkpoint)
    if composition is None:
        from kgreason.predictors.embedding.pykeen import rebuild

        rebuild(checkpoint)  # so that arguments that do not fit are refused now, not when asked
    save_checkpoint(out, info, tensors)
    return info


def export_checkpoint(path: str | Path, out: str | Path) -> None:
    """Write the bare tensors of a checkpoint as .safetensors or .npz (by the ending of `out`)."""
    out = Path(out)
    tensors = read_checkpoint(path).tensors
    if out.suffix == ".safetensors":
        write_safetensors(out, tensors, {})
        return
    if out.suffix != ".npz":
        raise UsageError(
            f"cannot tell the format of {out.name!r}", remedy="end it in .safetensors or .npz"
        )
    arrays = {
        name: (tensor.float() if tensor.dtype == torch.bfloat16 else tensor).numpy()
        for name, tensor in tensors.items()
    }
    try:
        with replacing(out) as temporary, temporary.open("wb") as file:
            np.savez(file, **arrays)  # type: ignore[arg-type]
    except OSError as error:
        raise CheckpointError(f"cannot write {out}: {error.strerror or error}") from error


def _native(
    source: Path,
    tensors: dict[str, Tensor],
    composition: Composition,
    vocabulary: Vocabulary,
    layout: Layout | None,
    order: Order,
) -> tuple[CheckpointInfo, dict[str, Tensor]]:
    found = find_tables(tensors)
    if found is None:
        raise CheckpointError(
            f"{source} holds no pair of entity and relation tables "
            f"(it has: {', '.join(sorted(tensors)[:6]) or 'nothing'})",
            remedy="name the two tensors entity and relation",
        )
    entity, relation, usual = found
    if entity.dim() != 2 or relation.dim() != 2:
        raise CheckpointError(
            f"{source}: the tables have shapes {tuple(entity.shape)} and {tuple(relation.shape)}",
            remedy=f"give two tables of rows; those of {composition.name} hold "
            f"{composition.parts} · rank numbers",
        )
    if (layout or usual) == "interleaved":
        entity, relation = (in_parts(table, composition.parts) for table in (entity, relation))
    if relation.shape[0] == vocabulary.relation_count:
        relation = with_inverses(relation, composition)
    elif order == "appended":
        relation = torch.stack(relation.chunk(2), 1).reshape(-1, relation.shape[1])
    info = CheckpointInfo(
        model=composition.model,
        dimension=entity.shape[1] // composition.parts,
        entities=entity.shape[0],
        relations=relation.shape[0] // 2,
        vocabulary=vocabulary.fingerprint(),
    )
    check_fit(source, info, vocabulary)
    return info, {"entity": entity, "relation": relation}


def _read_foreign(source: Path) -> dict[str, Tensor]:
    if source.suffix == ".safetensors":
        return read_safetensors(source)[0]
    try:
        if source.suffix == ".npz":
            with np.load(source, allow_pickle=False) as file:
                return {name: torch.from_numpy(file[name]) for name in file.files}
        loaded = torch.load(source, map_location="cpu", weights_only=True)
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no file {source}", remedy="check the path") from error
    except OSError as error:
        raise CheckpointError(f"cannot read {source}: {error.strerror or error}") from error
    except (ValueError, zipfile.BadZipFile) as error:
        raise CheckpointError(
            f"{source} is not a whole archive of plain arrays ({error})",
            remedy="save it with numpy.savez, without objects",
        ) from error
    except Exception as error:  # torch.load raises many classes for files it will not read
        raise CheckpointError(
            f"{source} is no plain tensor file; a pickled model may run any code and is not read",
            remedy="where it was made, save only the weights: torch.save(model.state_dict(), path)",
        ) from error
    if not isinstance(loaded, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in loaded.items()
    ):
        raise CheckpointError(
            f"{source} does not hold a mapping of names to tensors",
            remedy="save the state dict of the model: torch.save(model.state_dict(), path)",
        )
    return {name: value.detach() for name, value in loaded.items()}
