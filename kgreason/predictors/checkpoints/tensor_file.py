"""Safetensors files: written whole or not at all, read without a copy in memory."""

from __future__ import annotations

import os
from pathlib import Path

from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from kgreason.errors import CheckpointError
from kgreason.files import replacing

_CHECKED_AT_ONCE = 1 << 20


def write_safetensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file that is there whole or not at all.

    It takes the place of one that may be mapped, and leaves that as it is for those who map it.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            save_file(tensors, temporary, metadata)
            temporary.chmod(0o666 & ~_umask())  # the library makes files for the owner alone
    except OSError as error:
        raise CheckpointError(
            f"cannot write {path}: {error.strerror or error}",
            remedy="choose a path in a folder that can be written to and has room",
        ) from error


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def read_safetensors(path: Path) -> tuple[dict[str, Tensor], dict[str, str]]:
    """Tensors and metadata; CheckpointError where it is not a whole safetensors file.

    The tensors are the file mapped into memory: what changes in them does not get there.
    """
    try:
        with path.open("rb"), safe_open(path, "pt") as file:
            return {name: file.get_tensor(name) for name in file.keys()}, file.metadata() or {}  # noqa: SIM118
    except (OSError, SafetensorError) as error:
        raise unreadable(path, error) from error


def is_finite(tensor: Tensor) -> bool:
    """Whether all numbers are, told part by part: a mask of a whole table is large."""
    for part in tensor.reshape(-1).split(_CHECKED_AT_ONCE):
        # A sum is not finite if any part is not; only then is it worth looking closer.
        if not bool(part.sum().isfinite()) and not bool(part.isfinite().all()):
            return False
    return True


def unreadable(path: Path, error: Exception) -> CheckpointError:
    """What to tell about a file that could not be read."""
    if isinstance(error, FileNotFoundError):
        return CheckpointError(
            f"there is no file {path}", remedy="check the path, or make one: kgreason train"
        )
    if isinstance(error, OSError):
        return CheckpointError(f"cannot read {path}: {error.strerror or error}")
    return CheckpointError(
        f"{path} is not a whole safetensors file ({error})",
        remedy="if it was cut short, copy or train it again; "
        "weights in another format can be imported: kgreason model import",
    )
