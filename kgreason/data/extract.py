"""Unpacking an archive without trusting it: nothing outside its folder, no links, no floods."""

from __future__ import annotations

import hashlib
import lzma
import re
import shutil
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO

from kgreason.errors import DataError, LimitError

MAX_BYTES = 64 << 30
MAX_FILES = 500_000

_CHUNK = 1 << 20
_DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, RuntimeError, ValueError),
)
"""What the readers of archives raise for damaged bytes."""

_UNSAFE = "an archive that writes outside its folder is not unpacked: fetch it from its page again"
_DRIVE = re.compile("[A-Za-z]:")


@dataclass(frozen=True, slots=True)
class Digest:
    """A file's length in bytes and its SHA-256, hexadecimal."""

    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class _Member:
    name: str
    size: int
    open: Callable[[], IO[bytes]]


def extract(
    archive: Path, folder: Path, progress: Callable[[int, int], None] | None = None
) -> dict[str, Digest]:
    """Unpack a zip or tar archive into a new folder; its files by their path, in order.

    All names are checked before the first byte is written. progress: bytes done and in all.

    Errors:
        DataError: neither zip nor tar, damaged, a path that leaves the folder, a link, a device.
        LimitError: more than 64 GiB, 500,000 files, or what the disk has room for.
    """
    with _damage_named(archive), _members(archive) as members:
        _require_bounds(archive, folder, members)
        total = sum(member.size for member in members)
        found, done = {}, 0
        for member in members:
            path = folder.joinpath(*PurePosixPath(member.name).parts)
            path.parent.mkdir(parents=True, exist_ok=True)
            found[member.name] = _write(member, path)
            done += member.size
            if progress is not None:
                progress(done, total)
    return found


def digest(path: Path) -> Digest:
    """Length and SHA-256 of a file."""
    size, sha256 = 0, hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            sha256.update(chunk)
            size += len(chunk)
    return Digest(size, sha256.hexdigest())


def _write(member: _Member, path: Path) -> Digest:
    size, sha256 = 0, hashlib.sha256()
    with member.open() as source, path.open("xb") as file:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > member.size:
                raise LimitError(
                    f"{member.name} is longer than the {member.size:,} bytes the archive states"
                )
            sha256.update(chunk)
            file.write(chunk)
    if size < member.size:
        raise DataError(f"{member.name} ends after {size:,} of {member.size:,} bytes")
    return Digest(size, sha256.hexdigest())


@contextmanager
def _damage_named(archive: Path) -> Iterator[None]:
    """Whatever a damaged archive makes its reader raise, told as damage."""
    try:
        yield
    except _DAMAGE as error:
        # An error with a number comes from the disk, not from a decompressor.
        if isinstance(error, OSError) and error.errno is not None:
            raise
        raise DataError(
            f"{archive}: cannot be unpacked ({error})", remedy="delete it and pull it again"
        ) from error


@contextmanager
def _members(archive: Path) -> Iterator[list[_Member]]:
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            yield list(_of_zip(archive, opened))
    elif tarfile.is_tarfile(archive):
        with tarfile.open(archive) as packed:
            yield list(_of_tar(archive, packed))
    else:
        raise DataError(
            f"{archive}: neither a zip nor a tar archive",
            remedy="the server may have sent a web page: fetch it by hand and use --from FILE",
        )


def _of_zip(archive: Path, opened: zipfile.ZipFile) -> Iterator[_Member]:
    for info in opened.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise DataError(f"{archive}: {info.filename!r} is a link or a device", remedy=_UNSAFE)
        name = _safe(archive, info.filename)
        if not info.is_dir():
            yield _Member(name, info.file_size, lambda info=info: opened.open(info))  # type: ignore[misc]


def _of_tar(archive: Path, packed: tarfile.TarFile) -> Iterator[_Member]:
    def opened(info: tarfile.TarInfo) -> IO[bytes]:
        file = packed.extractfile(info)
        assert file is not None
        return file

    for info in packed:
        if not info.isfile() and not info.isdir():
            raise DataError(f"{archive}: {info.name!r} is a link or a device", remedy=_UNSAFE)
        name = _safe(archive, info.name)
        if info.isfile():
            yield _Member(name, info.size, lambda info=info: opened(info))  # type: ignore[misc]


def _safe(archive: Path, name: str) -> str:
    """The member's path with single slashes; DataError when it could leave the folder."""
    parts = PurePosixPath(name).parts
    leaves = name.startswith("/") or ".." in parts or "\\" in name or "\0" in name
    if leaves or _DRIVE.match(name):
        raise DataError(f"{archive}: the path {name!r} leaves the folder", remedy=_UNSAFE)
    return "/".join(parts)


def _require_bounds(archive: Path, folder: Path, members: list[_Member]) -> None:
    names = {member.name for member in members}
    if len(names) < len(members) or "" in names:
        raise DataError(f"{archive}: two of its files have the same path", remedy=_UNSAFE)
    total = sum(member.size for member in members)
    if total > MAX_BYTES or len(members) > MAX_FILES:
        raise LimitError(
            f"{archive}: unpacks to {total:,} bytes in {len(members):,} files; "
            f"at most {MAX_BYTES:,} bytes in {MAX_FILES:,} files are unpacked",
            remedy="unpack it by hand if you trust it",
        )
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if total > free:
        raise LimitError(
            f"{folder}: {total:,} bytes are to be unpacked and {free:,} are free",
            remedy="make room, or choose another disk with --to",
        )
