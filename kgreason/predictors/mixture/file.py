"""Mixtures on disk: JSON that names the members, their contents' hashes, and the weights."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from kgreason.errors import CheckpointError
from kgreason.files import replacing

if TYPE_CHECKING:
    from kgreason.knowledge import Vocabulary
    from kgreason.predictors.mixture.weights import Weights

# Weights of version 1 were those of a linear pool, and mean nothing in a logarithmic one.
_KIND, _VERSION = "kgreason mixture", 2
_AGAIN = "learn it again: kgreason model mix"


@dataclass(frozen=True, slots=True)
class MixtureFile:
    """Paths of the members, weights (directed relations, members), links learned from.

    calibration: of the members while the weights were learned, `auto` for what suits each.
    """

    members: tuple[Path, ...]
    weights: Tensor
    links: int
    calibration: str = "auto"


def write_mixture(
    path: Path,
    members: Sequence[Path],
    weights: Weights,
    vocabulary: Vocabulary,
    calibration: str = "auto",
) -> None:
    """Write a mixture; paths of members become relative to its folder. Whole or not at all."""
    folder = path.resolve().parent
    about = {
        "format": _KIND,
        "version": _VERSION,
        "vocabulary": vocabulary.fingerprint(),
        "members": [
            {"path": os.path.relpath(one.resolve(), folder), "sha256": _hash(one)}
            for one in members
        ],
        "links": weights.links,
        "calibration": calibration,
        "overall": _rounded(weights.overall),
        "weights": {
            vocabulary.relation(k): [_rounded(weights.relations[2 * k + i]) for i in (0, 1)]
            for k in range(vocabulary.relation_count)
        },
    }
    try:
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(about, ensure_ascii=False, indent=1), encoding="utf-8")
    except OSError as error:
        raise CheckpointError(f"cannot write {path}: {error.strerror or error}") from error


def read_mixture(path: Path, vocabulary: Vocabulary) -> MixtureFile:
    """A mixture for the graph of this vocabulary.

    Raises CheckpointError when it is damaged, of another version or graph, or a member has changed
    since.
    """
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise CheckpointError(f"{path} cannot be read ({error})", remedy=_AGAIN) from error
    if not isinstance(about, dict) or about.get("format") != _KIND:
        raise CheckpointError(f"{path} is no mixture of models", remedy=_AGAIN)
    if about.get("version") != _VERSION:
        raise CheckpointError(
            f"{path} is a mixture of format version {about.get('version')}, not {_VERSION}: "
            "its weights mean something else",
            remedy=_AGAIN,
        )
    if about.get("vocabulary") != vocabulary.fingerprint():
        raise CheckpointError(f"{path} was made for the names of another graph", remedy=_AGAIN)
    try:
        members = tuple(path.resolve().parent / str(one["path"]) for one in about["members"])
        hashes = [one["sha256"] for one in about["members"]]
        names = map(vocabulary.relation, range(vocabulary.relation_count))
        rows = [about["weights"][name] for name in names]
        weights = torch.tensor(rows, dtype=torch.float64).reshape(2 * len(rows), len(members))
        links, calibration = int(about["links"]), str(about.get("calibration", "auto"))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise CheckpointError(f"{path} is damaged ({error})", remedy=_AGAIN) from error
    for member, expected in zip(members, hashes, strict=True):
        if _hash(member) != expected:
            raise CheckpointError(f"{member} has changed since {path} was made", remedy=_AGAIN)
    return MixtureFile(members, weights, links, calibration)


def _rounded(weights: Tensor) -> list[Any]:
    return [round(weight, 9) for weight in weights.tolist()]


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise CheckpointError(
            f"cannot read {path}: {error.strerror or error}",
            remedy="a mixture needs its members where they were",
        ) from error
