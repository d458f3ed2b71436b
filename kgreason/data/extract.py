"""Unpacking an archive without trusting it: nothing outside its folder, no links, no floods."""

from __future__ import annotations

import errno
import hashlib
import lzma
import shutil
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from kgreason.data.members import Member, members
from kgreason.errors import DataError, LimitError

_CHUNK = 1 << 20
_DAMAGE = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, struct.error),
    *(EOFError, OSError, RuntimeError, ValueError, LookupError, ArithmeticError),
)
"""What the readers of archives raise for damaged bytes."""

_NAMES = {
    *(errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ),
    *(errno.EEXIST, errno.ENOTDIR, errno.EISDIR),
}
"""Errors of a disk that come from a name, and would come again."""


@dataclass(frozen=True, slots=True)
class Digest:
    """A file's length in bytes and its SHA-256, hexadecimal."""

    size: int
    sha256: str


def extract(
    archive: Path, folder: Path, progress: Callable[[int, int], None] | None = None
) -> dict[str, Digest]:
    """Unpack a zip or tar archive into a new folder; its files by their path, in order.

    All names are checked before the first byte is written. progress: bytes done and in all.

    Errors:
        DataError: neither zip nor tar, damaged, a path that leaves the folder or cannot be there, a
            link, a device.
        LimitError: more than `members` allows, or than the disk has room for.
    """
    with _damage_named(archive), members(archive) as listed:
        total = sum(member.size for member in listed)
        _require_room(folder, total)
        found, done = {}, 0
        for member in listed:
            path = folder.joinpath(*PurePosixPath(member.name).parts)
            found[member.name] = _write(archive, member, path)
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


def _write(archive: Path, member: Member, path: Path) -> Digest:
    size, sha256 = 0, hashlib.sha256()
    with member.open() as source, _created(archive, member, path) as file:
        while chunk := source.read(_CHUNK):
            size += len(chunk)
            if size > member.size:
                raise DataError(
                    f"{archive}: {member.name} is longer than the {member.size:,} bytes stated",
                    remedy="delete it and pull it again",
                )
            sha256.update(chunk)
            file.write(chunk)
    if size < member.size:
        raise DataError(
            f"{archive}: {member.name} ends after {size:,} of {member.size:,} bytes",
            remedy="delete it and pull it again",
        )
    return Digest(size, sha256.hexdigest())


def _created(archive: Path, member: Member, path: Path) -> BinaryIO:
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        return path.open("xb")
    except OSError as error:
        if error.errno not in _NAMES:
            raise
        raise DataError(
            f"{archive}: {member.name[:200]!r} cannot be stored here ({error.strerror})",
            remedy="choose another disk with --to, or unpack it by hand",
        ) from error


@contextmanager
def _damage_named(archive: Path) -> Iterator[None]:
    """Whatever a damaged archive makes its reader raise, told as damage."""
    try:
        yield
    except _DAMAGE as error:
        # An error with a number comes from the disk, not from a decompressor; but damage can also
        # have it look for a place that no file has.
        if isinstance(error, OSError) and error.errno not in (None, errno.EINVAL):
            raise
        raise DataError(
            f"{archive}: cannot be unpacked ({error})", remedy="delete it and pull it again"
        ) from error


def _require_room(folder: Path, total: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    free = shutil.disk_usage(folder).free
    if total > free:
        raise LimitError(
            f"{folder}: {total:,} bytes are to be unpacked and {free:,} are free",
            remedy="make room, or choose another disk with --to",
        )
