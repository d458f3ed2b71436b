"""Safetensors files: written whole or not at all, checked, read without a copy in memory.

A file carries two checksums in its metadata: a SHA-256 of the header (the other entries; names,
types and shapes of the tensors) and a CRC-32 of each tensor's numbers. The header is compared
whenever it is read; tensors are compared once per process while the file does not change, but not
unasked in a file of more than 1 GiB, of which a process may need only parts.
"""

from __future__ import annotations

import hashlib
import json
import os
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor

from kgreason.errors import CheckpointError
from kgreason.files import replacing
from kgreason.files.checksums import Stamp, stamp

LARGE = 1 << 30
"""Bytes of a file above which its tensors are compared with their checksums only on request."""

DTYPES = {
    torch.float64: "F64",
    torch.float32: "F32",
    torch.float16: "F16",
    torch.bfloat16: "BF16",
    torch.int64: "I64",
    torch.int32: "I32",
    torch.int16: "I16",
    torch.int8: "I8",
    torch.uint8: "U8",
    torch.bool: "BOOL",
}
"""The types of numbers that checkpoints hold, and what the format calls them."""

_SEAL, _SUMS = "kgreason sha256", "kgreason crc32"
_CHECKED_AT_ONCE = 1 << 20
_AGAIN = "get an undamaged copy, or make it again: kgreason train or kgreason model import"

_compared: set[Stamp] = set()


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says before its tensors: metadata, and each tensor's type and shape.

    sealed: whether it has checksums; the header's was right, else there would be an error.
    """

    metadata: dict[str, str]
    dtypes: dict[str, str]
    shapes: dict[str, tuple[int, ...]]

    @property
    def sealed(self) -> bool:
        return _SEAL in self.metadata


def write_safetensors(path: Path, tensors: dict[str, Tensor], metadata: dict[str, str]) -> None:
    """Write a safetensors file with checksums that is there whole or not at all.

    It takes the place of one that may be mapped, and leaves that as it is for those who map it.
    CheckpointError for types of numbers that checkpoints do not hold, and where it cannot be
    written.
    """
    for name, tensor in tensors.items():
        require_plain(path, name, tensor)
    sums = {name: _checksum(tensor) for name, tensor in tensors.items()}
    entries = {**metadata, _SUMS: json.dumps(sums, sort_keys=True)}
    shapes = {name: tuple(tensor.shape) for name, tensor in tensors.items()}
    header = Header(entries, {name: DTYPES[t.dtype] for name, t in tensors.items()}, shapes)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with replacing(path) as temporary:
            save_file(tensors, temporary, {**entries, _SEAL: _seal(header)})
            temporary.chmod(0o666 & ~_umask())  # the library makes files for the owner alone
    except (OSError, SafetensorError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise CheckpointError(
            f"cannot write {path}: {reason}",
            remedy="choose a path in a folder that can be written to and has room",
        ) from error


def read_header(path: Path) -> Header:
    """The header alone; CheckpointError for what is not a safetensors file or damaged."""
    with _opened(path) as file:
        return _header(path, file)


def read_safetensors(path: Path, *, verify: bool | None = None) -> tuple[dict[str, Tensor], Header]:
    """Tensors and header; CheckpointError where it is not a whole, undamaged safetensors file.

    The tensors are the file mapped into memory: what changes in them does not get there.
    verify: whether to compare them with their checksums, where the file has any. None: unless this
    was done before or the file is larger than `LARGE`.
    """
    with _opened(path) as file:
        header = _header(path, file)
        tensors = {name: file.get_tensor(name) for name in header.shapes}
        if header.sealed and verify is not False:
            found = stamp(path)
            if verify or (found not in _compared and path.stat().st_size <= LARGE):
                _compare(path, header, tensors)
                if found is not None:
                    _compared.add(found)
        return tensors, header


def require_plain(path: str | Path, name: str, tensor: Tensor) -> None:
    """CheckpointError for a tensor of numbers that checkpoints do not hold."""
    if tensor.dtype not in DTYPES:
        kind = str(tensor.dtype).removeprefix("torch.")
        raise CheckpointError(
            f"{path}: tensor {name!r} holds numbers of type {kind}, which no model is scored with",
            remedy="turn it into a checkpoint: kgreason model import; or save it as float32",
        )


def is_finite(tensor: Tensor) -> bool:
    """Whether all numbers are, told part by part: a mask of a whole table is large."""
    for part in tensor.reshape(-1).split(_CHECKED_AT_ONCE):
        # A sum is not finite if any part is not; only then is it worth looking closer.
        if not bool(part.sum().isfinite()) and not bool(part.isfinite().all()):
            return False
    return True


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The file as the library opens it, and whatever it raises as a CheckpointError."""
    try:
        with path.open("rb"), safe_open(path, "pt") as file:
            yield file
    except (OSError, SafetensorError, RecursionError) as error:
        raise _unreadable(path, error) from error
    except BaseException as error:
        # The library is written in Rust, whose panics are no `Exception`.
        if type(error).__name__ != "PanicException":
            raise
        raise _unreadable(path, error) from error


def _header(path: Path, file: Any) -> Header:
    slices = {name: file.get_slice(name) for name in sorted(file.keys())}
    header = Header(
        file.metadata() or {},
        {name: str(one.get_dtype()) for name, one in slices.items()},
        {name: tuple(one.get_shape()) for name, one in slices.items()},
    )
    found = {_SEAL, _SUMS} & header.metadata.keys()
    if found and header.metadata.get(_SEAL) != _seal(header):
        raise CheckpointError(
            f"{path} is damaged: its header does not have the checksum it was written with",
            remedy=_AGAIN,
        )
    return header


def _compare(path: Path, header: Header, tensors: Mapping[str, Tensor]) -> None:
    sums = json.loads(header.metadata[_SUMS])
    for name, tensor in tensors.items():
        if _checksum(tensor) != sums.get(name):
            raise CheckpointError(
                f"{path} is damaged: the numbers of tensor {name!r} do not have the checksum they "
                "were written with",
                remedy=_AGAIN,
            )


def _seal(header: Header) -> str:
    entries = {name: value for name, value in header.metadata.items() if name != _SEAL}
    # Lists, as they come back from JSON.
    about = [entries, header.dtypes, {name: list(shape) for name, shape in header.shapes.items()}]
    return hashlib.sha256(json.dumps(about, sort_keys=True).encode()).hexdigest()


def _checksum(tensor: Tensor) -> int:
    return zlib.crc32(tensor.reshape(-1).view(torch.uint8).numpy().data)


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def _unreadable(path: Path, error: BaseException) -> CheckpointError:
    if isinstance(error, FileNotFoundError):
        return CheckpointError(
            f"there is no file {path}", remedy="check the path, or make one: kgreason train"
        )
    if isinstance(error, OSError):
        return CheckpointError(
            f"cannot read {path}: {error.strerror or error}",
            remedy="give the path of a file that can be read",
        )
    return CheckpointError(
        f"{path} is not a whole safetensors file ({error})",
        remedy="if it was cut short, copy or train it again; "
        "weights in another format can be imported: kgreason model import",
    )
