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
from kgreason.predictors.checkpoints.format import CheckpointInfo, check_weights, save_checkpoint
from kgreason.predictors.checkpoints.layout import Foreign, Layout, Order
from kgreason.predictors.checkpoints.numbers import as_tensor
from kgreason.predictors.checkpoints.tensor_file import read_safetensors, write_safetensors
from kgreason.predictors.embedding.compositions import COMPLEX
from kgreason.predictors.kinds import find_model, read_model

if TYPE_CHECKING:
    from kgreason.knowledge import Vocabulary

# An archive may unpack to this many times its size, and to this many bytes in any case.
_MOST_EXPANSION, _HARMLESS = 100, 256 << 20


def import_checkpoint(
    source: str | Path,
    out: str | Path,
    *,
    vocabulary: Vocabulary | None = None,
    model: str = COMPLEX.model,
    layout: Layout | None = None,
    relation_order: Order = "interleaved",
    inverse: bool = True,
    arguments: Mapping[str, Any] | None = None,
) -> CheckpointInfo:
    """Write a checkpoint from foreign weights: .safetensors, .npz, or a tensor file of torch.

    vocabulary: of the graph that the weights belong to; None for a model that belongs to none.
    model: in any spelling. layout, relation_order, inverse, arguments: see `Foreign`. Relations
    without inverse rows get them: the conjugates (ComplEx), or the same again (DistMult). Of a
    PyKEEN class `source` is the state dict.
    """
    source = Path(source)
    tensors = _read_foreign(source)
    kind, name = find_model(model)
    if kind.adopt is None:
        raise UsageError(f"weights of {name} cannot be imported", remedy="train it: kgreason train")
    if vocabulary is None and not kind.inductive:
        raise UsageError(
            f"weights of {name} belong to the names of one graph", remedy="name it: -g GRAPH"
        )
    foreign = Foreign(layout, relation_order, inverse, arguments or {})
    checkpoint = kind.adopt(source, name, tensors, vocabulary, foreign)
    check_weights(source, checkpoint)
    kind.check(source, checkpoint)
    if kind.scorer is not None:
        # Arguments that do not fit are refused now, not when it is asked.
        kind.scorer(source, checkpoint, dtype=torch.float32, device="cpu")
    save_checkpoint(out, checkpoint.info, checkpoint.tensors)
    return checkpoint.info


def export_checkpoint(path: str | Path, out: str | Path) -> None:
    """Write the bare tensors of a checkpoint as .safetensors or .npz (by the ending of `out`)."""
    out = Path(out)
    tensors = read_model(path)[1].tensors
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
    if isinstance(loaded, Mapping) and isinstance(loaded.get("model"), Mapping):
        # A training state: the weights, and the moments of the optimizer beside them.
        loaded = loaded["model"]
    if not isinstance(loaded, Mapping) or not all(
        isinstance(name, str) and isinstance(value, Tensor) for name, value in loaded.items()
    ):
        raise CheckpointError(
            f"{source} does not hold a mapping of names to tensors",
            remedy="save the state dict of the model: torch.save(model.state_dict(), path)",
        )
    return {name: value.detach() for name, value in loaded.items()}
