"""Rows of truths kept between runs, in files beside the checkpoint.

A folder for each key (model, calibration, facts, precision); in it files that are written once and
never changed. Processes that write at the same time write files of their own, and a reader takes
all that are complete, so that none waits for another.
"""

from __future__ import annotations

import hashlib
import json
import weakref
from collections.abc import Callable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, TypedDict

import numpy as np
import torch
from torch import Tensor

from kgreason.errors import UsageError
from kgreason.predictors.checkpoints.fingerprints import facts_fingerprint, model_fingerprint
from kgreason.predictors.csr import stack, take
from kgreason.predictors.load import FACTS, usable_device
from kgreason.predictors.rowcache.file import SUFFIX, DamagedError, RowFile, joined, write_row_file
from kgreason.truth.rows import TruthRows

if TYPE_CHECKING:
    from kgreason.knowledge import KnowledgeGraph
    from kgreason.predictors.protocol import LinkPredictor

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
        digest = hashlib.sha256(json.dumps(self._key, sort_keys=True).encode()).hexdigest()
        self._folder = folder / digest[:16]
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


class RowMaking(TypedDict):
    """What rows depend on besides model and graph: arguments of `load_predictor`."""

    observed: tuple[str, ...]
    observed_truth: float | None
    calibration: str
    device: str
    dtype: str


def row_shelf(
    folder: str | Path,
    model: str | Path | Sequence[str | Path] | LinkPredictor,
    name: str,
    graph: KnowledgeGraph,
    made: RowMaking,
    note: Note,
) -> RowCache | None:
    """Where the rows that `load_predictor` makes with these arguments are kept; facts need none.

    name: the predictor's. Raises UsageError for a predictor that comes from no file, a model that
    cannot be read, or a folder that cannot be made.
    """
    if not isinstance(model, str | Path | Sequence):
        raise UsageError(
            "rows are kept by the model they come from, and this predictor has no file",
            remedy="give the path of a model, or no row cache",
        )
    models = [model] if isinstance(model, str | Path) else list(model)
    if all(one == FACTS for one in models):
        return None
    # The weights of models side by side are learned from facts that are not observed.
    splits = made["observed"] if len(models) == 1 else graph.splits
    key = {
        # A mixture's file holds the hashes of its members.
        "models": " ".join(
            FACTS if one == FACTS else model_fingerprint(Path(one)) for one in models
        ),
        "predictor": name,
        "calibration": made["calibration"],
        "observed": facts_fingerprint(graph, made["observed"]),
        "facts": facts_fingerprint(graph, splits),
        "observed truth": str(made["observed_truth"]),
        "dtype": made["dtype"],
        # Other devices and versions round otherwise.
        "device": usable_device(made["device"]).type,
        "torch": str(torch.__version__),
        "kgreason": _own_version(),
    }
    return RowCache(Path(folder), key, note)


def _own_version() -> str:
    try:
        return version("kgreason")
    except PackageNotFoundError:
        return "unknown"


def _nothing() -> TruthRows:
    return TruthRows(
        torch.zeros(1, dtype=torch.int64),
        torch.zeros(0, dtype=torch.int32),
        torch.zeros(0, dtype=torch.float32),
    )
