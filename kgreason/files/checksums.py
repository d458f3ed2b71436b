"""SHA-256 of files, remembered while they do not change."""

from __future__ import annotations

import hashlib
import time
from functools import lru_cache
from pathlib import Path

_SETTLED = 2_000_000_000
"""Nanoseconds after which a later change must show in a file's times; FAT counts in 2 seconds."""

Stamp = tuple[int, int, int, int, int]


def stamp(path: Path) -> Stamp | None:
    """Device, inode, size and times of a file, which tell whether it has changed; OSError.

    None for a file that has changed just now: it may change again at the same time of its clock.
    """
    about = path.stat()
    if time.time_ns() - max(about.st_mtime_ns, about.st_ctime_ns) < _SETTLED:
        return None
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


def sha256(path: Path) -> str:
    """Hexadecimal digits of the hash of a file's bytes; OSError."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def remembered_sha256(path: Path) -> str:
    """The same; a file is read once per process, and again when it has changed. OSError."""
    found = stamp(path)
    return sha256(path) if found is None else _remembered(path, found)


@lru_cache(maxsize=4096)
def _remembered(path: Path, _stamp: Stamp) -> str:
    return sha256(path)
