"""Checkpoints: safetensors files whose metadata says what they are and which graph they fit.

Nothing is unpickled. A file without this package's metadata but with the tensors `entity` and
`relation` is taken as bare ComplEx weights, rows `[real | imaginary]`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from kgreason.errors import CheckpointError
from kgreason.predictors.checkpoints.layout import check_tables
from kgreason.predictors.checkpoints.tensor_file import (
    Header,
    is_finite,
    read_header,
    read_safetensors,
    require_plain,
    write_safetensors,
)
from kgreason.predictors.embedding.compositions import COMPLEX
from kgreason.predictors.scorer import Coverage

if TYPE_CHECKING:
    from kgreason.knowledge import Vocabulary

FORMAT = 2
# Format 1 had no checksums.
_READ = ("1", str(FORMAT))
_AGAIN = "train or import it again"
_ENTITIES, _RELATIONS = "coverage.entities", "coverage.relations"
WEIGHTS = "model."


@dataclass(frozen=True, slots=True)
class CheckpointInfo:
    """What a checkpoint says about itself.

    model: `complex`, `distmult`, `epignn`, or the class name of a PyKEEN model. dimension: rank of
    the embeddings or, of EpiGNN, length of a state.
    entities, relations: sizes of the vocabulary (relations: base relations).
    vocabulary: fingerprint of entity and relation names; None in bare weights.
    inverse: whether inverse relations have weights of their own (PyKEEN models, EpiGNN).
    names: of the base relations by id, where other graphs with these relations may be asked.
    arguments: what rebuilds the model besides its tensors. training: how it was trained.
    layout: how a row of a table holds a vector of complex numbers, where it does.
    """

    model: str
    dimension: int
    entities: int
    relations: int
    vocabulary: str | None = None
    inverse: bool = True
    arguments: Mapping[str, Any] = field(default_factory=dict)
    training: Mapping[str, Any] = field(default_factory=dict)
    names: tuple[str, ...] = ()
    layout: str = ""

    def metadata(self) -> dict[str, str]:
        """The metadata of the safetensors file."""
        found = {
            "kgreason": str(FORMAT),
            "model": self.model,
            "dimension": str(self.dimension),
            "entities": str(self.entities),
            "relations": str(self.relations),
            "inverse": "true" if self.inverse else "false",
            "interaction": json.dumps(self.arguments, sort_keys=True),
            "training": json.dumps(self.training, sort_keys=True),
        }
        if self.layout:
            found["layout"] = self.layout
        if self.vocabulary:
            found["vocabulary"] = self.vocabulary
        if self.names:
            found["names"] = json.dumps(self.names, ensure_ascii=False)
        return found


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A checkpoint: its description and all of its tensors (on the CPU).

    As read, the tensors are the file mapped into memory, not copied: processes that read the same
    checkpoint share it. Files are replaced by renaming, so a mapped one stays as it was.
    """

    info: CheckpointInfo
    tensors: dict[str, Tensor]

    @property
    def coverage(self) -> Coverage:
        relations = self.tensors.get(_RELATIONS)
        return Coverage(
            self.tensors.get(_ENTITIES), None if relations is None else relations.bool()
        )

    def covering(self, coverage: Coverage) -> Checkpoint:
        """The same checkpoint, recorded as trained on part of its vocabulary."""
        tensors = dict(self.tensors)
        if coverage.entities is not None:
            tensors[_ENTITIES] = coverage.entities.to("cpu", torch.int64)
        if coverage.relations is not None:
            tensors[_RELATIONS] = coverage.relations.to("cpu", torch.uint8)
        return Checkpoint(self.info, tensors)


def save_checkpoint(path: str | Path, info: CheckpointInfo, tensors: Mapping[str, Tensor]) -> None:
    """Write a checkpoint under a temporary name in the same folder, then rename it.

    CheckpointError for weights that are not finite, and where it cannot be written.
    """
    for name, tensor in tensors.items():
        require_plain(path, name, tensor)
    _check_finite(path, tensors)
    ready = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    write_safetensors(Path(path), ready, info.metadata())


def inspect(path: str | Path) -> CheckpointInfo:
    """What a checkpoint says about itself, from its header alone (no weights are read)."""
    return _info(Path(path), read_header(Path(path)))


def read_checkpoint(path: str | Path, *, verify: bool | None = None) -> Checkpoint:
    """Read a whole checkpoint and check it as `check_weights` does.

    verify: whether to compare the weights with their checksums, see `read_safetensors`.
    """
    path = Path(path)
    tensors, header = read_safetensors(path, verify=verify)
    checkpoint = Checkpoint(_info(path, header), tensors)
    # What has checksums was finite when it was written.
    check_weights(path, checkpoint, finite=not header.sealed)
    return checkpoint


def check_weights(path: str | Path, checkpoint: Checkpoint, *, finite: bool = True) -> None:
    """CheckpointError, blaming `path`, for weights that no model has or cover what is not there.

    finite: whether to look through all of them for values that are not finite. Whether they fit
    the model is for its kind to tell, see `ModelKind.check`.
    """
    for name, tensor in checkpoint.tensors.items():
        require_plain(path, name, tensor)
    if finite:
        _check_finite(path, checkpoint.tensors)
    _check_coverage(Path(path), checkpoint)


def check_fit(path: str | Path, info: CheckpointInfo, vocabulary: Vocabulary) -> None:
    """CheckpointError unless a checkpoint belongs to this vocabulary."""
    sizes = (vocabulary.entity_count, vocabulary.relation_count)
    remedy = (
        "Use the checkpoint with the graph it was trained on, or train one for this graph: "
        "kgreason train."
    )
    if (info.entities, info.relations) != sizes:
        raise CheckpointError(
            f"{path} was made for {info.entities:,} entities and {info.relations:,} relations; "
            f"the knowledge graph has {sizes[0]:,} and {sizes[1]:,}",
            remedy=remedy,
        )
    if info.vocabulary is not None and info.vocabulary != vocabulary.fingerprint():
        raise CheckpointError(
            f"{path} was made for other names, or the same in another order (vocabulary "
            f"{info.vocabulary[:12]}; the knowledge graph has {vocabulary.fingerprint()[:12]})",
            remedy=remedy,
        )


def _info(path: Path, header: Header) -> CheckpointInfo:
    metadata = header.metadata
    if other := [key for key in metadata if key.startswith("kgreason-")]:
        raise CheckpointError(
            f"{path} is not a checkpoint: its metadata has {min(other)!r}",
            remedy="name the file that training writes in the end",
        )
    if "kgreason" not in metadata:
        return _bare_info(path, header)
    if metadata["kgreason"] not in _READ:
        raise CheckpointError(
            f"{path} has checkpoint format {metadata['kgreason']}; this version reads {FORMAT}",
            remedy="use the version of kgreason that wrote it",
        )
    if metadata["kgreason"] == str(FORMAT) and not header.sealed:
        raise CheckpointError(f"{path} is damaged: its checksums are missing", remedy=_AGAIN)
    try:
        return CheckpointInfo(
            model=metadata["model"],
            dimension=int(metadata["dimension"]),
            entities=int(metadata["entities"]),
            relations=int(metadata["relations"]),
            vocabulary=metadata.get("vocabulary"),
            inverse=metadata.get("inverse", "true") == "true",
            arguments=dict(json.loads(metadata.get("interaction", "{}"))),
            training=dict(json.loads(metadata.get("training", "{}"))),
            names=tuple(map(str, json.loads(metadata.get("names", "[]")))),
            layout=metadata.get("layout", ""),
        )
    except (KeyError, ValueError, TypeError, RecursionError) as error:
        raise CheckpointError(
            f"{path}: its metadata is damaged ({type(error).__name__}: {error})",
            remedy=_AGAIN,
        ) from error


def _bare_info(path: Path, header: Header) -> CheckpointInfo:
    shapes = header.shapes
    if not {"entity", "relation"} <= shapes.keys():
        raise CheckpointError(
            f"{path} holds neither checkpoint metadata nor the tensors entity and relation "
            f"(it has: {', '.join(sorted(shapes)[:6]) or 'nothing'})",
            remedy="turn it into a checkpoint first: kgreason model import",
        )
    entity, relation = shapes["entity"], shapes["relation"]
    entities, relations = (shape[0] if shape else 0 for shape in (entity, relation))
    check_tables(path, shapes, header.dtypes, entities, relations, COMPLEX)
    if relation[0] % 2:
        raise CheckpointError(
            f"{path}: relation has {relation[0]:,} rows, which is not a row per direction",
            remedy="import it, which adds the inverse relations: kgreason model import",
        )
    return CheckpointInfo(COMPLEX.model, entity[1] // COMPLEX.parts, entity[0], relation[0] // 2)


def _check_finite(path: str | Path, tensors: Mapping[str, Tensor]) -> None:
    for name, tensor in tensors.items():
        if tensor.is_floating_point() and not is_finite(tensor):
            raise CheckpointError(
                f"{path}: tensor {name!r} holds values that are not finite numbers",
                remedy="its training diverged: train again with a lower learning rate",
            )


def _check_coverage(path: Path, checkpoint: Checkpoint) -> None:
    entities, relations = checkpoint.coverage.entities, checkpoint.coverage.relations
    bad_entities = entities is not None and (
        entities.dim() != 1
        or bool((entities.diff() <= 0).any())
        or bool(((entities < 0) | (entities >= checkpoint.info.entities)).any())
    )
    if bad_entities or (
        relations is not None and tuple(relations.shape) != (2 * checkpoint.info.relations,)
    ):
        raise CheckpointError(
            f"{path}: the list of trained entities or relations does not fit its vocabulary sizes",
            remedy=_AGAIN,
        )
