"""Pretrained models that are fetched by name and belong to no graph."""

from __future__ import annotations

import os
from pathlib import Path

from kgreason.choose import choose
from kgreason.data.download import Patience, Progress, download
from kgreason.errors import DataError, UsageError
from kgreason.files.cache import model_path
from kgreason.predictors.checkpoints.exchange import import_checkpoint
from kgreason.predictors.checkpoints.format import read_checkpoint
from kgreason.predictors.gnn.ultra.checkpoint import ULTRA
from kgreason.predictors.gnn.ultra.published import PUBLISHED, weights_digest


def pull_model(
    name: str,
    *,
    source: Path | None = None,
    progress: Progress | None = None,
    patience: Patience | None = None,
) -> Path:
    """The checkpoint of a published model in the cache; fetched and checked where it is not there.

    source: the published file, fetched by hand.

    Errors:
        UsageError: no such model, or no such file. DataError: it cannot be had, or its weights are
            not the published ones. CheckpointError: it is no file of weights. LimitError: no room.
    """
    one = choose("model to pull", name, PUBLISHED)
    target = model_path(name)
    if target.exists():
        return target
    if source is not None and not source.exists():
        raise UsageError(f"there is no file {source}", remedy="check the path")
    target.parent.mkdir(parents=True, exist_ok=True)
    fetched = target.parent / one.file
    if source is None:
        download((one.address,), fetched, progress, patience, size=one.size)
    unchecked = target.with_suffix(f".{os.getpid()}.unchecked")
    try:
        import_checkpoint(source or fetched, unchecked, model=ULTRA)
        if weights_digest(read_checkpoint(unchecked).tensors) != one.digest:
            raise DataError(
                f"{source or fetched} does not hold the weights that were published as {name}",
                remedy=f"the upstream file may have changed: look at {one.address}",
            )
        unchecked.replace(target)
    finally:
        unchecked.unlink(missing_ok=True)
        if source is None:
            fetched.unlink(missing_ok=True)
    return target
