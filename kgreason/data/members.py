"""The files in a zip or tar archive, before any of them is unpacked.

An archive from the network may be damaged or made to do harm. Nothing is listed unless the list is
whole, and no more is read into memory or decompressed than a stated limit.
"""

from __future__ import annotations

import bz2
import gzip
import lzma
import os
import re
import stat
import struct
import tarfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import IO, Any, BinaryIO, cast

from kgreason.errors import DataError, LimitError

MAX_BYTES = 64 << 30
MAX_FILES = 500_000
MAX_EXPANSION = 100
"""How many times its own size an archive may unpack to."""
HARMLESS_BYTES = 256 << 20
"""What a small archive may unpack to, however much that is."""

_CHUNK = 1 << 20
_LONGEST_NAME = 255
"""Bytes of one part of a path; no common file system takes more."""
_BLOCK = 512
"""A tar archive is made of blocks of this many bytes."""

_END = struct.Struct("<4s4H2LH")
"""The last record of a zip archive; its fifth field is the number of files, or `_MANY`."""
_MANY = 0xFFFF

_UNSAFE = "an archive that writes outside its folder is not unpacked: fetch it from its page again"
_AGAIN = "delete it and pull it again"
_DRIVE = re.compile("[A-Za-z]:")
_PACKED: tuple[tuple[bytes, Callable[[Path], Any]], ...] = (
    (b"\x1f\x8b", gzip.GzipFile),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ\0", lzma.LZMAFile),
)


@dataclass(frozen=True, slots=True)
class Member:
    """A file in an archive: its path with single slashes, its bytes, and how to read it."""

    name: str
    size: int
    open: Callable[[], IO[bytes]]


@contextmanager
def members(archive: Path) -> Iterator[list[Member]]:
    """The files of an archive, which can be read while the context lasts.

    Raises DataError for what is neither zip nor tar, a list that is not whole, a path that leaves
    the folder or that cannot be there beside the others, a link, a device; LimitError for more than
    64 GiB, 500,000 files, or (above 256 MiB) a hundred times the size of the archive. The readers
    raise exceptions of their own for damaged bytes.
    """
    if zipfile.is_zipfile(archive):
        with zipfile.ZipFile(archive) as opened:
            _require_all(archive, opened)
            yield _listed(archive, _of_zip(archive, opened))
        return
    with _decompressed(archive) as stream, _opened_tar(archive, stream) as packed:
        found = _listed(archive, _of_tar(archive, packed))
        stream.require_end()
        yield found


class _Stream:
    """A tar archive as `tarfile` reads it, in parts of no more than a chunk and up to a limit."""

    def __init__(self, archive: Path, file: Any) -> None:
        self._archive = archive
        self._file = file
        # Between the files stand headers, and the last file is followed by zeros.
        self._most = 2 * _most_bytes(archive)
        self._last = b""

    def read(self, size: int = -1) -> bytes:
        if not 0 <= size <= _CHUNK:
            raise DataError(
                f"{self._archive}: a header states {size:,} bytes of its own", remedy=_AGAIN
            )
        self._require(self._file.tell() + size)
        self._last = self._file.read(size)
        return self._last

    def seek(self, place: int, whence: int = os.SEEK_SET) -> int:
        self._require(place)
        return int(self._file.seek(place, whence))

    def tell(self) -> int:
        return int(self._file.tell())

    def require_end(self) -> None:
        """DataError unless the list ended where the archive does, in zeros.

        `tarfile` ends a list wherever it finds no header. Reading to the end has the decompressor
        compare its checksum.
        """
        rest = self._last
        if len(rest) < _BLOCK:
            raise DataError(f"{self._archive}: it is cut: its end is missing", remedy=_AGAIN)
        while rest:
            if rest.count(0) < len(rest):
                raise DataError(
                    f"{self._archive}: it is damaged: there is no header where one should be",
                    remedy=_AGAIN,
                )
            rest = self.read(_CHUNK)

    def _require(self, place: int) -> None:
        if place > self._most:
            raise _too_much(self._archive, f"more than {self._most // 2:,} bytes")


@contextmanager
def _decompressed(archive: Path) -> Iterator[_Stream]:
    with archive.open("rb") as file:
        start = file.read(8)
    opener = next((one for magic, one in _PACKED if start.startswith(magic)), None)
    with opener(archive) if opener else archive.open("rb") as file:
        yield _Stream(archive, file)


def _opened_tar(archive: Path, stream: _Stream) -> tarfile.TarFile:
    try:
        return tarfile.open(fileobj=cast("BinaryIO", stream), mode="r:")
    except tarfile.ReadError as error:
        raise DataError(
            f"{archive}: neither a zip nor a tar archive",
            remedy="the server may have sent a web page: fetch it by hand and use --from FILE",
        ) from error


def _require_all(archive: Path, opened: zipfile.ZipFile) -> None:
    """DataError unless there are as many files as the last record of a zip archive tells.

    `zipfile` lists as many as fit into the length that this record states.
    """
    with archive.open("rb") as file:
        file.seek(-len(opened.comment) - _END.size, os.SEEK_END)
        told = _END.unpack(file.read(_END.size))[4]
    found = len(opened.infolist())
    if told not in (found, _MANY):
        raise DataError(
            f"{archive}: it is damaged: {found:,} files are listed, and it says that they are "
            f"{told:,}",
            remedy=_AGAIN,
        )


def _of_zip(archive: Path, opened: zipfile.ZipFile) -> Iterator[Member]:
    for info in opened.infolist():
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise DataError(f"{archive}: {info.filename!r} is a link or a device", remedy=_UNSAFE)
        name = _safe(archive, info.filename)
        if not info.is_dir():
            yield Member(name, info.file_size, lambda info=info: opened.open(info))  # type: ignore[misc]


def _of_tar(archive: Path, packed: tarfile.TarFile) -> Iterator[Member]:
    def opened(info: tarfile.TarInfo) -> IO[bytes]:
        file = packed.extractfile(info)
        assert file is not None
        return file

    reached = -1
    for info in packed:
        if info.size < 0 or info.offset <= reached:
            raise DataError(f"{archive}: {info.name!r} has no place or size", remedy=_AGAIN)
        reached = info.offset
        if not info.isfile() and not info.isdir():
            raise DataError(f"{archive}: {info.name!r} is a link or a device", remedy=_UNSAFE)
        name = _safe(archive, info.name)
        if info.isfile():
            yield Member(name, info.size, lambda info=info: opened(info))  # type: ignore[misc]


def _listed(archive: Path, found: Iterator[Member]) -> list[Member]:
    """All of them, counted while they are listed."""
    listed: list[Member] = []
    total, most = 0, _most_bytes(archive)
    for member in found:
        listed.append(member)
        total += member.size
        if total > most or len(listed) > MAX_FILES:
            raise _too_much(archive, f"{total:,} bytes in {len(listed):,} files, or more")
    if not listed:
        raise DataError(f"{archive}: there are no files in it", remedy=_AGAIN)
    names = {member.name for member in listed}
    if len(names) < len(listed) or "" in names:
        raise DataError(f"{archive}: two of its files have the same path", remedy=_UNSAFE)
    for name in names:
        for parent in PurePosixPath(name).parents:
            if str(parent) in names:
                raise DataError(
                    f"{archive}: {str(parent)!r} is a file, and the folder of {name!r}",
                    remedy=_AGAIN,
                )
    return listed


def _safe(archive: Path, name: str) -> str:
    """The member's path with single slashes; DataError when it could leave the folder."""
    parts = PurePosixPath(name).parts
    leaves = name.startswith("/") or ".." in parts or "\\" in name
    if leaves or _DRIVE.match(name):
        raise DataError(f"{archive}: the path {name!r} leaves the folder", remedy=_UNSAFE)
    if any(ord(one) < 32 or 0xD800 <= ord(one) < 0xE000 for one in name):
        raise DataError(f"{archive}: {name!r} is not the name of a file", remedy=_AGAIN)
    for part in parts:
        if len(part.encode()) > _LONGEST_NAME:
            raise DataError(
                f"{archive}: a name has {len(part.encode()):,} bytes, at most {_LONGEST_NAME} can "
                f"be stored ({part[:40]}…)",
                remedy=_AGAIN,
            )
    return "/".join(parts)


def _most_bytes(archive: Path) -> int:
    return min(MAX_BYTES, max(HARMLESS_BYTES, MAX_EXPANSION * archive.stat().st_size))


def _too_much(archive: Path, what: str) -> LimitError:
    return LimitError(
        f"{archive}: unpacks to {what}; at most {_most_bytes(archive):,} bytes in {MAX_FILES:,} "
        "files are unpacked of an archive of this size",
        remedy="unpack it by hand if you trust it",
    )
