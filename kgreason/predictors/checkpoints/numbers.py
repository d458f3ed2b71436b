"""Foreign numbers as floating-point ones: nothing is lost on the way, or they are refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgreason.errors import CheckpointError
from kgreason.predictors.checkpoints.tensor_file import DTYPES
from kgreason.predictors.embedding.compositions import Composition

# float32 holds every whole number up to this.
_MOST_WHOLE = 1 << 24
_AS_FLOAT = "save the weights as float32, or as float16, bfloat16 or float64"
# Each holds every number of the narrower type.
_WIDER = {
    torch.float8_e4m3fn: torch.float16,
    torch.float8_e4m3fnuz: torch.float16,
    torch.float8_e5m2: torch.float16,
    torch.float8_e5m2fnuz: torch.float16,
    torch.float8_e8m0fnu: torch.float32,
}


def as_table(source: Path, name: str, table: Tensor, composition: Composition) -> Tensor:
    """Real floating-point numbers, complex ones as `[real | imaginary]` rows.

    Narrow floats, whole numbers and booleans become floats that hold them exactly. CheckpointError
    for numbers that these cannot hold, and for complex ones where the model has real ones.
    """
    table = _strided(source, name, table)
    if table.is_complex():
        if composition.parts != 2:
            raise CheckpointError(
                f"{source}: tensor {name!r} holds complex numbers ({_kind(table)}), "
                f"{composition.name} has real ones",
                remedy="import it as the model it was trained as, for example --model complex",
            )
        return torch.cat((table.real, table.imag), -1)
    table = widened(source, name, table)
    return table if table.is_floating_point() else _whole(source, name, table)


def widened(source: Path, name: str, tensor: Tensor) -> Tensor:
    """Narrow floats as ones that hold them exactly, other numbers as they are."""
    tensor = _strided(source, name, tensor)
    if tensor.dtype in _WIDER:
        return tensor.to(_WIDER[tensor.dtype])
    if tensor.is_complex() or (tensor.is_floating_point() and tensor.dtype not in DTYPES):
        raise CheckpointError(
            f"{source}: tensor {name!r} holds numbers of type {_kind(tensor)}, which cannot be "
            "imported for this model",
            remedy=_AS_FLOAT,
        )
    return tensor


def as_tensor(source: Path, name: str, array: NDArray[np.generic]) -> Tensor:
    """A tensor of the same numbers; CheckpointError for what is not an array of numbers."""
    try:
        return torch.from_numpy(array.astype(array.dtype.newbyteorder("="), copy=False))
    except (TypeError, ValueError) as error:
        raise CheckpointError(
            f"{source}: array {name!r} holds {array.dtype}, which cannot be imported",
            remedy=_AS_FLOAT,
        ) from error


def _strided(source: Path, name: str, tensor: Tensor) -> Tensor:
    if tensor.layout != torch.strided or tensor.is_quantized or tensor.is_meta:
        what = "quantized" if tensor.is_quantized else f"of layout {tensor.layout}"
        raise CheckpointError(
            f"{source}: tensor {name!r} is {'without content' if tensor.is_meta else what}",
            remedy="save it as a dense tensor of float32",
        )
    return tensor


def _whole(source: Path, name: str, table: Tensor) -> Tensor:
    values = table.numpy()
    if values.size and (values.min() < -_MOST_WHOLE or values.max() > _MOST_WHOLE):
        raise CheckpointError(
            f"{source}: tensor {name!r} holds numbers of type {_kind(table)} up to "
            f"{max(-int(values.min()), int(values.max())):,}, which float32 does not hold exactly",
            remedy=_AS_FLOAT,
        )
    return torch.from_numpy(values.astype(np.float32))


def _kind(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")
