"""Whether a file of a model is as it was written: checkpoint, rules, mixture, unfinished run."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from kgreason.errors import DataError, KgreasonError
from kgreason.predictors.checkpoints.format import read_checkpoint
from kgreason.predictors.checkpoints.tensor_file import read_safetensors
from kgreason.predictors.mixture.file import verify_mixture
from kgreason.rules.seal import unsealed
from kgreason.rules.text import lines_of, read_text


def verify_model(path: Path) -> bool:
    """Whether a file has checksums; a KgreasonError where it is not what they say, or no model."""
    return _VERIFIED.get(path.suffix, _verify_checkpoint)(path)


def _verify_checkpoint(path: Path) -> bool:
    read_checkpoint(path, verify=True)
    return read_safetensors(path, verify=False)[1].sealed


def _verify_run(path: Path) -> bool:
    return read_safetensors(path, verify=True)[1].sealed


def _verify_rules(path: Path) -> bool:
    text = read_text(path)
    try:
        return unsealed(lines_of(text))[1] is not None
    except KgreasonError as error:
        raise DataError(f"{path}: {error.message}", remedy=error.remedy) from error


_VERIFIED: dict[str, Callable[[Path], bool]] = {
    ".txt": _verify_rules,
    ".json": verify_mixture,
    ".unfinished": _verify_run,
}
