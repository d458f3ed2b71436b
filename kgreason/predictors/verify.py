"""Whether a file of a model is as it was written: checkpoint, rules, mixture, unfinished run."""

from __future__ import annotations

from pathlib import Path

from kgreason.predictors.checkpoints.tensor_file import read_safetensors
from kgreason.predictors.kinds import kind_by_suffix, read_model

_UNFINISHED = ".unfinished"


def verify_model(path: Path) -> bool:
    """Whether a file has checksums; a KgreasonError where it is not what they say, or no model."""
    kind = kind_by_suffix(path)
    if kind is not None and kind.verify is not None:
        return kind.verify(path)
    is_run = path.suffix == _UNFINISHED
    if not is_run:
        read_model(path, verify=True)
    return read_safetensors(path, verify=is_run)[1].sealed
