"""From a description to a folder of checked files."""

from __future__ import annotations

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from kgreason.data.catalog import Dataset
from kgreason.data.download import Patience, Progress, download
from kgreason.data.extract import Digest, digest, extract
from kgreason.data.manifest import MANIFEST, Manifest
from kgreason.errors import DataError, UsageError
from kgreason.files import replacing, temporary_folder
from kgreason.files.cache import cache_folder

_RECORDS = "checksums.json"


@dataclass(frozen=True, slots=True)
class Pulled:
    """Where a data set is.

    fresh: unpacked just now, not found there. first_use: nobody has published a SHA-256 of the
    archive, so the one in the manifest was recorded and is held against later pulls.
    """

    folder: Path
    manifest: Manifest
    fresh: bool
    first_use: bool


@dataclass(frozen=True, slots=True)
class Watch:
    """Who is told of the bytes fetched and unpacked; see `download` and `extract`."""

    fetching: Progress | None = None
    unpacking: Callable[[int, int], None] | None = None


def dataset_folder(dataset: Dataset, to: Path | None = None) -> Path:
    """Where the data set lies or would lie."""
    return (to or cache_folder() / "datasets") / dataset.name


def pull(
    dataset: Dataset,
    *,
    to: Path | None = None,
    source: Path | None = None,
    watch: Watch | None = None,
    patience: Patience | None = None,
) -> Pulled:
    """Fetch, check and unpack a data set, unless it is there already; the archive is not kept.

    to: folder to hold it, by default the cache. source: an archive fetched by hand.

    Errors:
        DataError: the archive cannot be had, is not the published one, is damaged or unsafe, or
            lacks expected files.
        UsageError: it can only be fetched by hand, or the folder holds something else.
        LimitError: the disk has no room.
    """
    folder, watch = dataset_folder(dataset, to), watch or Watch()
    if (manifest := Manifest.read(folder)) is not None:
        return Pulled(folder, manifest, fresh=False, first_use=False)
    _require_free(folder)
    expected = dataset.sha256 or _records().get(dataset.name, "")
    folder.parent.mkdir(parents=True, exist_ok=True)
    archive = source or folder.parent / f"{dataset.name}-{dataset.archive}"
    with _alone(folder):
        address = str(source)
        if source is None:
            address = _fetch(dataset, archive, watch, patience)
        elif not source.is_file():
            raise UsageError(f"there is no file {source}", remedy="check the path")
        try:
            found = _check(dataset, archive, expected)
            manifest = _unpack(dataset, archive, folder, watch, (address, found))
        except DataError:
            # A wrong or damaged archive must not be found again by the next attempt; one that was
            # only interrupted, or had no room, is unpacked by it without a second download.
            if source is None:
                archive.unlink()
            raise
        if source is None:
            archive.unlink()
    if not expected:
        _record(dataset.name, found)
    return Pulled(folder, manifest, fresh=True, first_use=not expected)


def _fetch(dataset: Dataset, archive: Path, watch: Watch, patience: Patience | None) -> str:
    if not dataset.addresses:
        raise UsageError(
            f"{dataset.name} has no address that a program can fetch",
            remedy=f"download it from {dataset.page}, then pull it with --from FILE",
        )
    # Left by a pull that was killed while unpacking: it has its name, so it is whole.
    if archive.is_file():
        return dataset.addresses[0]
    return download(dataset.addresses, archive, watch.fetching, patience, size=dataset.size)


def _check(dataset: Dataset, archive: Path, expected: str) -> Digest:
    """The archive's digest; DataError when it is wrong. expected: SHA-256, "" where unknown."""
    found = digest(archive)
    by = "published" if dataset.sha256 else "recorded at the first pull"
    if expected and found.sha256 != expected:
        raise _wrong(archive, f"its SHA-256 is {found.sha256}; {by} is {expected}")
    if dataset.md5 and (md5 := _md5(archive)) != dataset.md5:
        raise _wrong(archive, f"its MD5 is {md5}; published is {dataset.md5}")
    if dataset.size and found.size != dataset.size:
        raise _wrong(archive, f"it has {found.size:,} bytes; published are {dataset.size:,}")
    return found


def _wrong(archive: Path, what: str) -> DataError:
    return DataError(
        f"{archive.name} is not the archive that was published: {what}",
        remedy="pull it again; if it stays so, the upstream file has changed",
    )


def _md5(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()


def _unpack(
    dataset: Dataset, archive: Path, folder: Path, watch: Watch, origin: tuple[str, Digest]
) -> Manifest:
    """Unpack beside the folder and rename: the folder is there whole or not at all."""
    with temporary_folder(folder.parent) as temporary:
        files = extract(archive, temporary, watch.unpacking)
        other = f"it is not the archive of {dataset.name}: see {dataset.page}"
        if MANIFEST in files:
            raise DataError(
                f"{archive.name} holds {MANIFEST}, which is written when it is pulled", remedy=other
            )
        if missing := [name for name in dataset.files if name not in files]:
            raise DataError(
                f"{archive.name} lacks {', '.join(missing[:3])}"
                + (f" and {len(missing) - 3} more" if len(missing) > 3 else ""),
                remedy=other,
            )
        manifest = Manifest(dataset.name, *origin, files)
        manifest.write(temporary)
        temporary.rename(folder)
    return manifest


def _require_free(folder: Path) -> None:
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise UsageError(
            f"{folder} is there already and was not pulled by kgreason",
            remedy="move it away, or choose another folder with --to",
        )
    with suppress(FileNotFoundError):
        folder.rmdir()


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Only one process at a time pulls into a folder; the lock goes with the process."""
    path = folder.parent / f".{folder.name}.lock"
    with path.open("w") as file:
        if sys.platform != "win32":
            import fcntl

            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError as error:
                raise DataError(
                    f"another process is pulling into {folder}", remedy="wait until it has ended"
                ) from error
        try:
            yield
        finally:
            path.unlink(missing_ok=True)


def _records() -> dict[str, str]:
    """Checksums recorded at first pulls; DataError where they cannot be read.

    Without them another archive would pass for the one that was pulled first.
    """
    path = cache_folder() / _RECORDS
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise DataError(
            f"{path}: the recorded checksums cannot be read ({error})",
            remedy="delete it to have them recorded anew",
        ) from error
    if not isinstance(stored, dict) or not all(isinstance(one, str) for one in stored.values()):
        raise DataError(
            f"{path}: these are no recorded checksums",
            remedy="delete it to have them recorded anew",
        )
    return stored


def _record(name: str, found: Digest) -> None:
    path = cache_folder() / _RECORDS
    path.parent.mkdir(parents=True, exist_ok=True)
    with replacing(path) as temporary:
        records = {**_records(), name: found.sha256}
        temporary.write_text(json.dumps(records, indent=1), encoding="utf-8")
