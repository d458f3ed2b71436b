"""The cache: where what is pulled lies, and models by name."""

from __future__ import annotations

import os
import sys
from pathlib import Path

CACHE_VARIABLE = "KGREASON_CACHE"
_SUFFIX = ".safetensors"


def cache_folder() -> Path:
    """`$KGREASON_CACHE`, else `kgreason` in the user's cache folder (XDG; LOCALAPPDATA)."""
    if own := os.environ.get(CACHE_VARIABLE):
        return Path(own).expanduser()
    variable = "LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME"
    base = os.environ.get(variable, "")
    # The XDG specification says to ignore a path that is not absolute.
    return (Path(base) if Path(base).is_absolute() else Path.home() / ".cache") / "kgreason"


def model_path(name: str) -> Path:
    """Where a model that is pulled by name lies, or would lie."""
    return cache_folder() / "models" / f"{name}{_SUFFIX}"


def find_model_file(model: str) -> str:
    """The path of a model that was pulled, where no file has its name; else what was given."""
    if not model or Path(model).name != model or Path(model).exists():
        return model
    pulled = model_path(model)
    return str(pulled) if pulled.exists() else model
