"""A file of rows of truths, written once and memory-mapped.

Layout, little-endian: MAGIC; the length of the header as a 64-bit integer; the header, JSON padded
with spaces; keys (rows,) int64 ascending; offsets (rows + 1,) int64; sums (rows,) uint64, a
checksum of each row; truths (entries,); entities (entries,) int32. The header holds a SHA-256 of
itself with keys, offsets and sums, so that what is read of a row is always checked, and no more
is read than that.
"""

from __future__ import annotations

import hashlib
import json
import os
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgreason.files import replacing
from kgreason.predictors.csr import stack, take
from kgreason.ragged import gather_ranges
from kgreason.truth.rows import TruthRows

MAGIC = b"kgrows1\n"
SUFFIX = ".rows"
_TRUTHS = ("float32", "float64")
_ALIGNED = 64
_LONGEST_HEADER = 1 << 20
# Odd constants of the 64-bit finaliser of MurmurHash3.
_MIX, _MIX_AGAIN = np.uint64(0xFF51AFD7ED558CCD), np.uint64(0xC4CEB9FE1A85EC53)


class DamagedError(Exception):
    """A file is not what was written, or not one of rows. Caught by the cache."""


def write_row_file(folder: Path, key: Mapping[str, str], keys: Tensor, rows: TruthRows) -> Path:
    """Write rows with distinct keys under a new name, whole or not at all; OSError."""
    order = torch.argsort(keys)
    rows = take(rows, order)
    entities, truths = rows.entities.numpy(), rows.truths.numpy()
    offsets = rows.offsets.numpy()
    index = [keys[order].numpy(), offsets, _sums(offsets, entities, truths)]
    about = {
        "key": dict(key),
        "rows": len(rows),
        "entries": len(entities),
        "truths": str(truths.dtype),
    }
    header = json.dumps({**about, "sha256": _digest(about, index)}).encode()
    header += b" " * (-(len(header) + len(MAGIC) + 8) % _ALIGNED)
    path = folder / f"{uuid.uuid4().hex}{SUFFIX}"
    with replacing(path) as temporary, temporary.open("wb") as file:
        file.write(MAGIC + len(header).to_bytes(8, "little") + header)
        for part in (*index, truths, entities):
            file.write(part.tobytes())
    return path


@dataclass(frozen=True, slots=True, eq=False)
class RowFile:
    """An open file; its arrays are memory-mapped."""

    path: Path
    keys: NDArray[np.int64]
    offsets: NDArray[np.int64]
    sums: NDArray[np.uint64]
    truths: NDArray[Any]
    entities: NDArray[np.int32]

    @classmethod
    def open(cls, path: Path, key: Mapping[str, str]) -> RowFile:
        """DamagedError for a file that is damaged or holds rows of another key; OSError."""
        with path.open("rb") as file:
            start = file.read(len(MAGIC) + 8)
            length = int.from_bytes(start[len(MAGIC) :], "little")
            if not start.startswith(MAGIC) or length > _LONGEST_HEADER:
                raise DamagedError("it is not a file of rows")
            about = _header(file.read(length))
            size = os.fstat(file.fileno()).st_size
        if about["key"] != dict(key):
            raise DamagedError("it holds rows of another model, calibration or graph")
        rows, entries, truths = about["rows"], about["entries"], np.dtype(about["truths"])
        types = (np.dtype("<i8"), np.dtype("<i8"), np.dtype("<u8"), truths, np.dtype("<i4"))
        counts = (rows, rows + 1, rows, entries, entries)
        ends = np.cumsum([t.itemsize * n for t, n in zip(types, counts, strict=True)])
        at = len(start) + length
        if size != at + int(ends[-1]):
            raise DamagedError(f"it has {size:,} bytes instead of {at + int(ends[-1]):,}")
        raw = np.memmap(path, np.uint8, "r")
        parts = [
            raw[at + int(end) - t.itemsize * n : at + int(end)].view(t)
            for t, n, end in zip(types, counts, ends, strict=True)
        ]
        if _digest({k: about[k] for k in about if k != "sha256"}, parts[:3]) != about["sha256"]:
            raise DamagedError("its index does not have the checksum it was written with")
        return cls(path, *parts)

    def find(self, keys: NDArray[np.int64]) -> tuple[NDArray[np.bool_], TruthRows]:
        """Which keys have a row here, and these rows in the keys' order; DamagedError."""
        at = np.searchsorted(self.keys, keys)
        at[at == len(self.keys)] = 0
        held = self.keys[at] == keys if len(self.keys) else np.zeros(len(keys), dtype=bool)
        rows = at[held]
        starts, positions = gather_ranges(self.offsets, rows)
        entities, truths = self.entities[positions], self.truths[positions]
        if not np.array_equal(_sums(starts, entities, truths), self.sums[rows]):
            raise DamagedError("its rows do not have the checksums they were written with")
        return held, TruthRows(*map(torch.from_numpy, (starts, entities, truths)))


def _header(text: bytes) -> dict[str, Any]:
    try:
        about = json.loads(text)
        sizes = about["rows"], about["entries"]
        right = all(isinstance(n, int) and n >= 0 for n in sizes) and about["truths"] in _TRUTHS
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise DamagedError("its header cannot be read") from error
    if not right or not {"key", "sha256"} <= about.keys():
        raise DamagedError("its header does not say what it holds")
    return dict(about)


def _digest(about: Mapping[str, Any], index: list[NDArray[Any]]) -> str:
    digest = hashlib.sha256(json.dumps(about, sort_keys=True).encode())
    for part in index:
        digest.update(np.ascontiguousarray(part).data)
    return digest.hexdigest()


def _sums(offsets: NDArray[Any], entities: NDArray[Any], truths: NDArray[Any]) -> NDArray[Any]:
    """A checksum of each row: (rows,) uint64, the sum of its entries' hashes."""
    mixed = truths.view(f"<u{truths.dtype.itemsize}").astype(np.uint64) * _MIX
    mixed ^= entities.astype(np.uint64)
    mixed *= _MIX_AGAIN
    mixed ^= mixed >> np.uint64(29)
    mixed *= _MIX
    total = np.zeros(len(mixed) + 1, dtype=np.uint64)
    np.cumsum(mixed, out=total[1:])
    found: NDArray[Any] = total[offsets[1:]] - total[offsets[:-1]]
    return found


def joined(parts: list[TruthRows], places: list[NDArray[np.int64]]) -> TruthRows:
    """Rows from several files, in the order of their places."""
    order = np.argsort(np.concatenate(places), kind="stable")
    return take(stack(parts), torch.from_numpy(order))
