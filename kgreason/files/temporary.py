"""Files and folders that are there whole or not at all.

What is being written has a temporary name and is locked by its writer. A writer removes it when it
fails. The lock of a killed writer is gone, and the next writer in the folder removes what it left.
"""

from __future__ import annotations

import errno
import os
import re
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_SYSTEM_ERROR = re.compile(r"\(os error (\d+)\)")
_PREFIX, _SUFFIX = ".kgreason-", ".tmp"


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A name in the same folder to write to; at the end it takes the place of `path`.

    After an error nothing of it is left and what was there before stays. Raises OSError.
    """
    with temporary_file(path.parent) as temporary:
        yield temporary
        temporary.replace(path)


@contextmanager
def temporary_file(folder: Path) -> Iterator[Path]:
    """An empty file in a folder; removed at the end unless it was renamed. Raises OSError."""
    with _claimed(folder, lambda path: path.touch(exist_ok=False)) as path:
        yield path


@contextmanager
def temporary_folder(folder: Path) -> Iterator[Path]:
    """An empty folder in a folder; removed at the end unless it was renamed. Raises OSError."""
    with _claimed(folder, Path.mkdir) as path:
        yield path


@contextmanager
def _claimed(folder: Path, make: Callable[[Path], None]) -> Iterator[Path]:
    """A new file or folder, locked."""
    _remove_abandoned(folder)
    path, handle = _new(folder, make)
    try:
        with _system_errors(path):
            yield path
    finally:
        # Removed before the lock is released: nobody else has to.
        _remove(path)
        if handle is not None:
            os.close(handle)


@contextmanager
def _system_errors(path: Path) -> Iterator[None]:
    """Libraries in Rust wrap errors of the system: here they come out as OSError.

    A library in C that lacks the room writes less, and numpy then raises an OSError without number.
    """
    try:
        yield
    except OSError as error:
        if error.errno is not None:
            raise
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path)) from error
    except Exception as error:
        found = _SYSTEM_ERROR.search(str(error))
        if found is None:
            raise
        number = int(found[1])
        raise OSError(number, os.strerror(number), str(path)) from error


def _new(folder: Path, make: Callable[[Path], None]) -> tuple[Path, int | None]:
    while True:
        path = folder / f"{_PREFIX}{os.getpid()}-{os.urandom(6).hex()}{_SUFFIX}"
        make(path)
        with suppress(FileNotFoundError):
            handle, is_ours = _lock(path)
            # Before the lock was taken another writer may have removed it as abandoned.
            if is_ours is not False and path.exists():
                return path, handle
            if handle is not None:
                os.close(handle)


def _lock(path: Path) -> tuple[int | None, bool | None]:
    """A handle that holds the lock as long as it is open, and whether the lock could be taken.

    None where this is not known: a system or a file system without locks. Raises OSError.
    """
    if sys.platform == "win32":
        return None, None
    import fcntl

    flags = os.O_RDONLY if path.is_dir() else os.O_RDWR
    handle = os.open(path, flags | os.O_NOFOLLOW)
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return handle, False
    except OSError:
        return handle, None
    return handle, True


def _remove_abandoned(folder: Path) -> None:
    """Remove what killed writers left in a folder."""
    with suppress(OSError), os.scandir(folder) as entries:
        names = [e.name for e in entries if e.name.startswith(_PREFIX) and e.name.endswith(_SUFFIX)]
        for name in names:
            with suppress(OSError):
                handle, is_abandoned = _lock(folder / name)
                if is_abandoned:
                    _remove(folder / name)
                if handle is not None:
                    os.close(handle)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
        return
    with suppress(OSError):
        path.unlink()
