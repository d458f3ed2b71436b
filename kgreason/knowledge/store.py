"""The store: a folder of Parquet tables and a manifest.

Tables carry part of their checksum in their names and are never changed once written; the manifest
says which belong to the store. Replacing a store adds its new tables, replaces the manifest in one
step and only then removes the old tables, so that at every moment the folder holds a whole store.

The manifest holds a checksum of itself and of every table. Each is compared before a byte of what
it covers is parsed, once per process as long as the file does not change.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kgreason.errors import DataError, UsageError, remedy_for
from kgreason.files import replacing, temporary_file, temporary_folder
from kgreason.files.checksums import remembered_sha256, sha256
from kgreason.files.parquet import parse_parquet
from kgreason.knowledge.interner import Collector
from kgreason.knowledge.vocabulary import Vocabulary

if TYPE_CHECKING:
    from kgreason.knowledge.graph import KnowledgeGraph

MANIFEST = "manifest.json"
_FORMAT = "kgreason knowledge graph"
_VERSION = 2
_CHECKSUM = "sha256"
"""The manifest's own checksum, over all its other entries."""
_SAVE = "load a graph and save it there"
_AGAIN = "make the store again from its sources: kgreason load SOURCE -o STORE"


@dataclass(frozen=True, slots=True)
class _File:
    """A table of the store: `rows` it must have, and what its bytes must be."""

    name: str
    rows: int
    size: int
    sha256: str


def is_store(path: Path) -> bool:
    """Whether a folder is a store, perhaps a damaged one: by its manifest, or by all its files."""
    try:
        manifest = json.loads((path / MANIFEST).read_text(encoding="utf-8"))
        if isinstance(manifest, dict) and manifest.get("format") == _FORMAT:
            return True
    except (OSError, ValueError, RecursionError):
        pass
    return _has_only_tables(path)


def _has_only_tables(path: Path) -> bool:
    try:
        names = {entry.name for entry in path.iterdir() if not entry.name.startswith(".")}
    except OSError:
        return False
    tables = names - {MANIFEST}
    return bool(tables) and all(re.fullmatch(_TABLE_NAME, name) for name in tables)


def write_store(graph: KnowledgeGraph, path: Path) -> None:
    """See `KnowledgeGraph.save`."""
    try:
        if path.is_dir() and any(path.iterdir()) and not is_store(path):
            raise UsageError(f"{path}: a folder that is not a store", remedy="choose another name")
        if path.exists() and not path.is_dir():
            raise UsageError(f"{path}: a file is in the way", remedy="choose another name")
        path.parent.mkdir(parents=True, exist_ok=True)
        if is_store(path):
            _fill(graph, path)
            return
        with temporary_folder(path.parent) as fresh:
            _fill(graph, fresh)
            fresh.replace(path)
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{path}: {reason}", remedy=remedy_for(error)) from error


def _fill(graph: KnowledgeGraph, folder: Path) -> None:
    vocabulary = graph.vocabulary
    tables = {
        "entities": pl.DataFrame({"name": vocabulary.entity_names}),
        "relations": pl.DataFrame({"name": vocabulary.relation_names}),
        "labels": vocabulary.labels,
    }
    files = {key: _write_table(table, folder, key) for key, table in tables.items()}
    facts = {
        split: _write_table(
            pl.DataFrame(graph.facts([split]), schema=["head", "relation", "tail"]), folder, "facts"
        )
        for split in graph.splits
    }
    manifest = {
        "format": _FORMAT,
        "version": _VERSION,
        "written_by": _own_version(),
        "name": graph.name,
        "fingerprint": vocabulary.fingerprint(),
        "prefixes": dict(vocabulary.prefixes),
        "tables": {key: asdict(file) for key, file in files.items()},
        "facts": {split: asdict(file) for split, file in facts.items()},
    }
    _write_manifest(folder / MANIFEST, manifest | {_CHECKSUM: _manifest_checksum(manifest)})
    kept = {file.name for file in (*files.values(), *facts.values())}
    for stale in folder.glob("*.parquet"):
        if stale.name not in kept:
            stale.unlink(missing_ok=True)


def _write_table(table: pl.DataFrame, folder: Path, key: str) -> _File:
    with temporary_file(folder) as temporary:
        table.write_parquet(temporary)
        digest = sha256(temporary)
        name = f"{key}-{digest[:12]}.parquet"
        file = _File(name, len(table), temporary.stat().st_size, digest)
        temporary.replace(folder / name)
    return file


def _write_manifest(path: Path, manifest: Mapping[str, Any]) -> None:
    with replacing(path) as temporary, temporary.open("w", encoding="utf-8") as file:
        json.dump(manifest, file, indent=2)
        file.flush()
        os.fsync(file.fileno())


def _manifest_checksum(manifest: Mapping[str, Any]) -> str:
    """Of all entries but its own, in a spelling that does not depend on how the file is laid out.

    In the order they stand in: the order of the splits is part of what a store says.
    """
    covered = {key: value for key, value in manifest.items() if key != _CHECKSUM}
    return hashlib.sha256(json.dumps(covered).encode()).hexdigest()


def _own_version() -> str:
    try:
        return version("kgreason")
    except PackageNotFoundError:
        return "unknown"


class Stored:
    """Contents of a store: the manifest is read and sizes are compared when it is opened.

    Tables are checked and read when they are needed.
    """

    def __init__(self, path: Path) -> None:
        """Raises `DataError` when the folder is not a whole store."""
        self._path = path
        manifest = _read_manifest(path)
        self.manifest = manifest
        try:
            self.name = str(manifest["name"])
            self._prefixes = {str(k): str(v) for k, v in manifest["prefixes"].items()}
            self._tables = {key: _File(**manifest["tables"][key]) for key in _COLUMNS}
            self._fact_files = {key: _File(**file) for key, file in manifest["facts"].items()}
            self._check_sizes()
        except (KeyError, TypeError, AttributeError) as error:
            raise DataError(f"{path / MANIFEST}: damaged ({error!r})", remedy=_AGAIN) from error
        self.entity_count = self._tables["entities"].rows
        self.relation_count = self._tables["relations"].rows
        self.fact_counts: Mapping[str, int] = {k: f.rows for k, f in self._fact_files.items()}

    def __reduce__(self) -> tuple[Callable[..., Stored], tuple[Path, dict[str, Any]]]:
        """Pickled, a store is its path, and its manifest to know it by."""
        return _opened_again, (self._path.absolute(), self.manifest)

    def vocabulary(self) -> Vocabulary:
        """All names."""
        labels = self._read(self._tables["labels"], _COLUMNS["labels"])
        return Vocabulary(
            self._read(self._tables["entities"], _COLUMNS["entities"])["name"],
            self._read(self._tables["relations"], _COLUMNS["relations"])["name"],
            prefixes=self._prefixes,
            labels=labels,
        )

    def facts(self, split: str) -> NDArray[np.int32]:
        """(facts, 3) rows of head, base relation, tail; `DataError` when an id is out of range."""
        file = self._fact_files[split]
        rows = self._read(file, _FACT_COLUMNS).to_numpy(order="c")
        limits = np.array([self.entity_count, self.relation_count, self.entity_count])
        if len(rows) and (rows.min() < 0 or np.any(rows.max(axis=0) >= limits)):
            raise DataError(f"{self._path / file.name}: an id is out of range", remedy=_AGAIN)
        return rows

    def verify(self) -> None:
        """Compare every table with its checksum; `DataError` names the first that differs."""
        for file in (*self._tables.values(), *self._fact_files.values()):
            self._check(file, sha256)

    def _check_sizes(self) -> None:
        for file in (*self._tables.values(), *self._fact_files.values()):
            if Path(file.name).name != file.name or not isinstance(file.rows, int):
                raise TypeError(file.name)
            try:
                size = (self._path / file.name).stat().st_size
            except OSError as error:
                raise self._unreadable(file, error) from error
            if size != file.size:
                raise DataError(
                    f"{self._path / file.name}: {size} bytes instead of {file.size}", remedy=_AGAIN
                )

    def _read(self, file: _File, columns: Mapping[str, pl.DataType]) -> pl.DataFrame:
        self._check(file, remembered_sha256)
        table = parse_parquet(self._path / file.name, _AGAIN)
        if dict(table.schema) != dict(columns) or len(table) != file.rows:
            raise DataError(
                f"{self._path / file.name}: not the table {MANIFEST} describes", remedy=_AGAIN
            )
        return table

    def _check(self, file: _File, checksum: Callable[[Path], str]) -> None:
        """`DataError` unless the bytes of a table have the checksum they were written with."""
        try:
            same = checksum(self._path / file.name) == file.sha256
        except OSError as error:
            raise self._unreadable(file, error) from error
        if not same:
            raise DataError(
                f"{self._path / file.name}: damaged, its checksum is not the one in {MANIFEST}",
                remedy=_AGAIN,
            )

    def _unreadable(self, file: _File, error: OSError) -> DataError:
        reason = error.strerror or error
        return DataError(f"{self._path / file.name}: cannot be read ({reason})", remedy=_AGAIN)


_FACT_COLUMNS: Mapping[str, Any] = {"head": pl.Int32(), "relation": pl.Int32(), "tail": pl.Int32()}
_COLUMNS: Mapping[str, Mapping[str, Any]] = {
    "entities": {"name": pl.String()},
    "relations": {"name": pl.String()},
    "labels": {"entity": pl.Int32(), "label": pl.String()},
}
_TABLE_NAME = r"(entities|relations|labels|facts)-[0-9a-f]{12}\.parquet"


def _read_manifest(path: Path) -> dict[str, Any]:
    file = path / MANIFEST
    try:
        manifest = json.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        reason = error.strerror or error
        raise DataError(f"{path}: not a store ({MANIFEST}: {reason})", remedy=_SAVE) from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file}: damaged ({error})", remedy=_AGAIN) from error
    if not isinstance(manifest, dict) or manifest.get("format") != _FORMAT:
        if _has_only_tables(path):
            raise DataError(f"{file}: damaged, it is not the manifest of a store", remedy=_AGAIN)
        raise DataError(f"{path}: not a store", remedy=_SAVE)
    if manifest.get("version") != _VERSION:
        raise DataError(
            f"{path}: a store of version {manifest.get('version')}, this reads version {_VERSION}",
            remedy=_AGAIN,
        )
    if manifest.get(_CHECKSUM) != _manifest_checksum(manifest):
        raise DataError(f"{file}: damaged, its checksum is not that of its content", remedy=_AGAIN)
    return manifest


def _opened_again(path: Path, manifest: dict[str, Any]) -> Stored:
    stored = Stored(path)
    if stored.manifest != manifest:
        raise DataError(
            f"{path}: another graph was saved here since this one was pickled",
            remedy="open the store instead, or pickle it again",
        )
    return stored


def read_store(path: Path, collector: Collector) -> None:
    """Collect a store together with other sources."""
    stored = Stored(path)
    vocabulary = stored.vocabulary()
    (entities,) = collector.entities.ids(vocabulary.entity_names)
    (relations,) = collector.relations.ids(vocabulary.relation_names)
    for split in stored.fact_counts:
        facts = stored.facts(split)
        collector.add_ids(
            np.column_stack([entities[facts[:, 0]], relations[facts[:, 1]], entities[facts[:, 2]]]),
            split,
        )
    collector.add_prefixes(vocabulary.prefixes)
    names = vocabulary.entity_names.gather(vocabulary.labels["entity"]).to_list()
    for name, label in zip(names, vocabulary.labels["label"].to_list(), strict=True):
        collector.labels.setdefault(name, label)
