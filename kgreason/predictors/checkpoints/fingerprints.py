"""Hashes of what rows of truths are made from: the model and the facts."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from kgreason.errors import UsageError

if TYPE_CHECKING:
    from kgreason.knowledge import KnowledgeGraph


def model_fingerprint(path: Path) -> str:
    """SHA-256 of a checkpoint: of the file, or of the names and contents of a folder's files."""
    try:
        if path.is_dir():
            digest = hashlib.sha256()
            for file in sorted(one for one in path.rglob("*") if one.is_file()):
                digest.update(f"{file.relative_to(path)}\n{_of_file(file)}\n".encode())
            return digest.hexdigest()
        return _of_file(path)
    except OSError as error:
        raise UsageError(
            f"cannot read the model {path}: {error.strerror or error}",
            remedy="give the path of a checkpoint",
        ) from error


def facts_fingerprint(graph: KnowledgeGraph, splits: Iterable[str]) -> str:
    """SHA-256 of the graph's names and of the facts of these splits."""
    digest = hashlib.sha256(graph.vocabulary.fingerprint().encode())
    digest.update(graph.facts(splits).astype("<i4").tobytes())
    return digest.hexdigest()


def _of_file(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
