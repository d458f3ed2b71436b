"""The precision that `--dtype auto` comes to."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

AUTO = "auto"


def settled_dtype(dtype: str, models: Sequence[str | Path], device: str) -> str:
    """The dtype itself, or for `auto` the one that these models are scored fastest in here."""
    if dtype != AUTO:
        return dtype
    from kgreason.files.cache import cache_folder
    from kgreason.predictors.embedding.precision import remembered_dtype
    from kgreason.predictors.load import common_dtypes
    from kgreason.predictors.request import usable_device

    if "bfloat16" not in common_dtypes(models):
        return "float32"
    return remembered_dtype(usable_device(device), cache_folder())
