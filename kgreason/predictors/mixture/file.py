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

SUFFIX = ".json"
# Weights of version 1 were those of a linear pool, and mean nothing in a logarithmic one.
_KIND, _VERSION = "kgreason mixture", 2
_AGAIN = "learn it again: kgreason model mix"
_SEAL = "sha256"
_NEEDED = {"format", "version", "vocabulary", "members", "links", "weights"}
_OPTIONAL = {_SEAL, "calibration", "overall"}
# Weights are shares; more would overflow in sums.
_MOST = 1e100


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
    about: dict[str, Any] = {
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
    # Between two entries that a mixture must have: damage cannot take the checksum alone.
    sealed = {"format": _KIND, _SEAL: _digest(about), **about}
    try:
        with replacing(path) as temporary:
            temporary.write_text(json.dumps(sealed, ensure_ascii=False, indent=1), encoding="utf-8")
    except OSError as error:
        raise CheckpointError(
            f"cannot write {path}: {error.strerror or error}",
            remedy="choose a path in a folder that can be written to and has room",
        ) from error


def read_mixture(path: Path, vocabulary: Vocabulary) -> MixtureFile:
    """A mixture for the graph of this vocabulary.

    A file without a checksum was written by hand. Raises CheckpointError when it is damaged, of
    another version or graph, or a member is missing or has changed since.
    """
    about = _whole(path)
    if about["vocabulary"] != vocabulary.fingerprint():
        raise CheckpointError(f"{path} was made for the names of another graph", remedy=_AGAIN)
    members = _members(path, about)
    links, calibration = about["links"], about.get("calibration", "auto")
    if type(links) is not int or not isinstance(calibration, str):
        raise _damaged(path, "its links or its calibration are of the wrong kind")
    return MixtureFile(members, _weights(path, about, vocabulary, members), links, calibration)


def verify_mixture(path: Path) -> bool:
    """Whether a mixture has a checksum; CheckpointError when it or a member is not as written."""
    about = _whole(path)
    _members(path, about)
    return _SEAL in about


def _whole(path: Path) -> dict[str, Any]:
    """The entries of a mixture, each one there, and as they were written."""
    try:
        about = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise CheckpointError(
            f"{path} cannot be read ({error.strerror or error})", remedy="check the path"
        ) from error
    except (ValueError, RecursionError) as error:
        raise CheckpointError(f"{path} cannot be read ({error})", remedy=_AGAIN) from error
    if not isinstance(about, dict) or about.get("format") != _KIND:
        raise CheckpointError(f"{path} is no mixture of models", remedy=_AGAIN)
    if about.get("version") != _VERSION:
        raise CheckpointError(
            f"{path} is a mixture of format version {about.get('version')}, not {_VERSION}: "
            "its weights mean something else",
            remedy=_AGAIN,
        )
    if missing := sorted(_NEEDED - about.keys()):
        raise _damaged(path, f"it lacks {', '.join(missing)}")
    if strange := sorted(about.keys() - _NEEDED - _OPTIONAL):
        raise _damaged(path, f"it has entries that no mixture has: {', '.join(strange)[:80]}")
    if _SEAL in about and about[_SEAL] != _digest(about):
        raise _damaged(path, "it does not have the checksum it was written with")
    return about


def _members(path: Path, about: dict[str, Any]) -> tuple[Path, ...]:
    """The paths of the members, which are as they were when the mixture was made."""
    folder, found = path.resolve().parent, []
    listed = about["members"]
    if not isinstance(listed, list) or len(listed) < 2:
        raise _damaged(path, "it does not list two members or more")
    for one in listed:
        if not isinstance(one, dict) or not isinstance(one.get("path"), str):
            raise _damaged(path, "a member has no path")
        member = folder / one["path"]
        if _hash(member) != one.get("sha256"):
            raise CheckpointError(f"{member} has changed since {path} was made", remedy=_AGAIN)
        found.append(member)
    return tuple(found)


def _weights(
    path: Path, about: dict[str, Any], vocabulary: Vocabulary, members: tuple[Path, ...]
) -> Tensor:
    """(directed relations, members)."""
    rows = []
    for k in range(vocabulary.relation_count):
        name = vocabulary.relation(k)
        both = about["weights"].get(name) if isinstance(about["weights"], dict) else None
        if not isinstance(both, list) or len(both) != 2:
            raise _damaged(path, f"it has no weights in two directions of the relation {name!r}")
        for row in both:
            if not _is_row(row, len(members)):
                raise _damaged(
                    path,
                    f"the weights of the relation {name!r} are not {len(members)} finite numbers, "
                    "none negative and not all 0",
                )
        rows += both
    return torch.tensor(rows, dtype=torch.float64).reshape(len(rows), len(members))


def _is_row(row: Any, members: int) -> bool:
    return (
        isinstance(row, list)
        and len(row) == members
        and all(type(one) in (int, float) and 0 <= one < _MOST for one in row)
        and sum(row) > 0
    )


def _damaged(path: Path, why: str) -> CheckpointError:
    return CheckpointError(f"{path} is damaged: {why}", remedy=_AGAIN)


def _digest(about: dict[str, Any]) -> str:
    rest = {name: value for name, value in about.items() if name != _SEAL}
    return hashlib.sha256(json.dumps(rest, sort_keys=True).encode()).hexdigest()


def _rounded(weights: Tensor) -> list[Any]:
    return [round(weight, 9) for weight in weights.tolist()]


def _hash(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except (OSError, ValueError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise CheckpointError(
            f"cannot read {path}: {reason}",
            remedy="a mixture needs its members where they were",
        ) from error
