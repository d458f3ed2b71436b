"""Rows of truths kept between runs, in files beside the checkpoint.

A folder for each key (model, calibration, facts, precision); in it files that are written once and
never changed. Processes that write at the same time write files of their own, and a reader takes
all that are complete, so that none waits for another.
"""

from __future__ import annotations

import weakref
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from kgreason.errors import UsageError
from kgreason.predictors.csr import stack, take
from kgreason.predictors.rowcache.file import SUFFIX, DamagedError, RowFile, joined, write_row_file
from kgreason.settings import key_digest
from kgreason.truth.rows import TruthRows

if TYPE_CHECKING:
    from kgreason.knowledge import KnowledgeGraph
    from kgreason.settings import Recipe

Note = Callable[[str], None]

# Rows that are not written yet take no more than this.
_WAITING_BYTES = 64 << 20


class RowCache:
    """The rows of one key; a `RowShelf`.

    key: whatever a row's bits depend on, by name. note: told of files that are left out, and of
    rows that cannot be written; neither ends anything. What is added is written when 64 MiB have
    come together, upon `flush`, and when the cache goes out of use. UsageError for a folder that
    cannot be made.
    """

    def __init__(self, folder: Path, key: Mapping[str, str], note: Note) -> None:
        self._key = dict(key)
        self._note = note
        self._folder = folder / key_digest(key)[:16]
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise UsageError(
                f"cannot keep rows in {folder}: {error.strerror or error}",
                remedy="name a folder that can be written to",
            ) from error
        self._files: list[RowFile] = []
        for path in sorted(self._folder.glob(f"*{SUFFIX}")):
            self._open(path)
        self._waiting = _Waiting(self._folder, self._key, note)
        weakref.finalize(self, self._waiting.write)

    def __len__(self) -> int:
        """Rows in files, those that are in two files counted twice."""
        return sum(len(file.keys) for file in self._files)

    def find(self, keys: Tensor) -> tuple[Tensor, TruthRows]:
        """See `RowShelf.find`. A row that does not have its checksum is not found."""
        wanted = keys.cpu().numpy()
        found = np.zeros(len(wanted), dtype=bool)
        parts, places = [_nothing()], [np.zeros(0, dtype=np.int64)]
        for file in tuple(self._files):
            left = np.flatnonzero(~found)
            if not len(left):
                break
            try:
                held, rows = file.find(wanted[left])
            except DamagedError as error:
                self._leave_out(file.path, error)
                self._files.remove(file)
                continue
            if len(rows):
                found[left[held]] = True
                parts.append(rows)
                places.append(left[held])
        parts = parts[1:] or parts
        rows, device = joined(parts, places), keys.device
        moved = TruthRows(*(part.to(device) for part in (rows.offsets, rows.entities, rows.truths)))
        return torch.from_numpy(found).to(device), moved

    def add(self, keys: Tensor, rows: TruthRows) -> None:
        """See `RowShelf.add`."""
        self._waiting.add(keys, rows)
        if self._waiting.size > _WAITING_BYTES:
            self.flush()

    def flush(self) -> None:
        """Write what was added."""
        path = self._waiting.write()
        if path is not None:
            self._open(path)

    def _open(self, path: Path) -> None:
        try:
            self._files.append(RowFile.open(path, self._key))
        except (DamagedError, OSError) as error:
            self._leave_out(path, error)

    def _leave_out(self, path: Path, error: Exception) -> None:
        reason = error.strerror if isinstance(error, OSError) else error
        self._note(f"{path} is left out: {reason}; its rows are scored again")


class _Waiting:
    """Rows that are not written yet. Apart from the cache, which they outlive by one writing."""

    def __init__(self, folder: Path, key: Mapping[str, str], note: Note) -> None:
        self._folder = folder
        self._key = key
        self._note = note
        self._keys: list[Tensor] = []
        self._rows: list[TruthRows] = []
        self.size = 0

    def add(self, keys: Tensor, rows: TruthRows) -> None:
        if not len(rows):
            return
        moved = TruthRows(rows.offsets.cpu(), rows.entities.cpu(), rows.truths.cpu())
        self._keys.append(keys.cpu())
        self._rows.append(moved)
        self.size += 16 * len(rows) + rows.entities.shape[0] * (4 + rows.truths.element_size())

    def write(self) -> Path | None:
        """Write all as one file and forget it; what cannot be written is told and forgotten."""
        if not self._rows:
            return None
        keys, first = np.unique(torch.cat(self._keys).numpy(), return_index=True)
        rows = take(stack(self._rows), torch.from_numpy(first))
        self._keys, self._rows, self.size = [], [], 0
        try:
            return write_row_file(self._folder, self._key, torch.from_numpy(keys), rows)
        except OSError as error:
            self._note(f"rows are not kept in {self._folder}: {error.strerror or error}")
            return None


def row_cache(recipe: Recipe, graph: KnowledgeGraph, note: Note) -> RowCache | None:
    """Where the rows of a recipe's predictor are kept, None for nowhere; known facts need none.

    graph: that of the recipe, with the relations that its models know. Raises UsageError for a
    model that cannot be read, or a folder that cannot be made.
    """
    folder = recipe.settings.row_cache
    if folder is None or recipe.predicts_nothing:
        return None
    return RowCache(folder, recipe.row_key(graph), note)


def _nothing() -> TruthRows:
    return TruthRows(
        torch.zeros(1, dtype=torch.int64),
        torch.zeros(0, dtype=torch.int32),
        torch.zeros(0, dtype=torch.float32),
    )
