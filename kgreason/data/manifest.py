"""What a pulled data set consisted of, and whether it still does."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from kgreason.data.extract import Digest, digest
from kgreason.errors import DataError

MANIFEST = "kgreason-manifest.json"
_FORMAT = 1


@dataclass(frozen=True, slots=True)
class Manifest:
    """The files of a data set as they were unpacked, and the archive they came from."""

    dataset: str
    source: str
    archive: Digest
    files: Mapping[str, Digest]

    def write(self, folder: Path) -> None:
        """Store it in the data set's folder."""
        content = {
            "format": _FORMAT,
            "dataset": self.dataset,
            "source": self.source,
            "archive": {"size": self.archive.size, "sha256": self.archive.sha256},
            "files": {
                name: {"size": one.size, "sha256": one.sha256} for name, one in self.files.items()
            },
        }
        temporary = folder / f".{MANIFEST}.tmp"
        temporary.write_text(json.dumps(content, indent=1) + "\n", encoding="utf-8")
        temporary.replace(folder / MANIFEST)

    @classmethod
    def read(cls, folder: Path) -> Manifest | None:
        """The manifest of a folder; None where there is none, DataError where it is damaged."""
        path = folder / MANIFEST
        try:
            content: Any = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] != _FORMAT:
                raise ValueError(f"format {content['format']!r}")
            files = {name: _digest(one) for name, one in content["files"].items()}
            return cls(content["dataset"], content["source"], _digest(content["archive"]), files)
        except FileNotFoundError:
            return None
        except (
            OSError,
            ValueError,
            KeyError,
            TypeError,
            AttributeError,
            RecursionError,
        ) as error:
            raise DataError(
                f"{path}: not a manifest ({type(error).__name__}: {error})",
                remedy=f"delete {folder} and pull the data set again",
            ) from error


@dataclass(frozen=True, slots=True)
class Verification:
    """The files of a manifest that are not as they were; `checked` is how many there are."""

    checked: int
    missing: tuple[str, ...]
    changed: tuple[str, ...]

    @property
    def is_whole(self) -> bool:
        """Whether every file is there, byte for byte."""
        return not self.missing and not self.changed


def verify(
    folder: Path, manifest: Manifest, progress: Callable[[int, int], None] | None = None
) -> Verification:
    """Compare every file with its recorded SHA-256. progress: bytes done and in all."""
    missing, changed = [], []
    total, done = sum(one.size for one in manifest.files.values()), 0
    for name, recorded in manifest.files.items():
        path = folder / name
        if not path.is_file():
            missing.append(name)
        elif path.stat().st_size != recorded.size or digest(path) != recorded:
            changed.append(name)
        done += recorded.size
        if progress is not None:
            progress(done, total)
    return Verification(len(manifest.files), tuple(missing), tuple(changed))


def _digest(stored: Any) -> Digest:
    size, sha256 = stored["size"], stored["sha256"]
    if not isinstance(size, int) or not isinstance(sha256, str):
        raise TypeError("a size or a checksum is of the wrong kind")
    return Digest(size, sha256)
