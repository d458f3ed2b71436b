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
from kgreason.predictors.checkpoints.numbers import as_table, as_tensor, widened
from kgreason.predictors.checkpoints.tensor_file import read_safetensors, write_safetensors
from kgreason.predictors.embedding.compositions import COMPLEX, Composition, find_composition

if TYPE_CHECKING:
    from kgreason.knowledge import Vocabulary

# An archive may unpack to this many times its size, and to this many bytes in any case.
_MOST_EXPANSION, _HARMLESS = 100, 256 << 20


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
        tensors = {
            WEIGHTS + name: widened(source, name, tensor) for name, tensor in tensors.items()
        }
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
    shapes = tuple(entity.shape), tuple(relation.shape)
    if len(shapes[0]) != 2 or len(shapes[1]) != 2:
        raise CheckpointError(
            f"{source}: the tables have shapes {shapes[0]} and {shapes[1]}",
            remedy=f"give two tables of rows; those of {composition.name} hold "
            f"{composition.parts} · rank numbers",
        )
    interleaved = (layout or usual) == "interleaved"
    entity = _laid_out(source, "entity", entity, composition, interleaved)
    relation = _laid_out(source, "relation", relation, composition, interleaved)
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


def _laid_out(
    source: Path, name: str, table: Tensor, composition: Composition, interleaved: bool
) -> Tensor:
    real = as_table(source, name, table, composition)
    # Complex numbers are in halves already.
    return in_parts(real, composition.parts) if interleaved and not table.is_complex() else real


def _read_foreign(source: Path) -> dict[str, Tensor]:
    if source.suffix == ".safetensors":
        return read_safetensors(source)[0]
    try:
        return _read_arrays(source) if source.suffix == ".npz" else _read_tensors(source)
    except FileNotFoundError as error:
        raise CheckpointError(f"there is no file {source}", remedy="check the path") from error
    except OSError as error:
        raise CheckpointError(
            f"cannot read {source}: {error.strerror or error}", remedy="check the path"
        ) from error


def _read_arrays(source: Path) -> dict[str, Tensor]:
    try:
        with np.load(source, allow_pickle=False) as file:
            _require_expansion(source, file.zip)
            arrays = {name: np.asarray(file[name]) for name in file.files}
    except (CheckpointError, OSError):
        raise
    except Exception as error:  # damaged bytes raise many classes in the readers of zip and npy
        raise CheckpointError(
            f"{source} is not a whole archive of plain arrays ({error})",
            remedy="save it with numpy.savez, without objects",
        ) from error
    return {name: as_tensor(source, name, array) for name, array in arrays.items()}


def _require_expansion(source: Path, archive: zipfile.ZipFile) -> None:
    packed, plain = source.stat().st_size, sum(info.file_size for info in archive.infolist())
    if plain > max(_HARMLESS, _MOST_EXPANSION * packed):
        raise CheckpointError(
            f"{source} unpacks from {packed:,} to {plain:,} bytes, more than {_MOST_EXPANSION} "
            "times its size",
            remedy="save it uncompressed if you trust it: numpy.savez",
        )


def _read_tensors(source: Path) -> dict[str, Tensor]:
    try:
        loaded = torch.load(source, map_location="cpu", weights_only=True)
    except OSError:
        raise
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
