"""The cache: where what is pulled lies, and models by name."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
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


def model_at_hand(sources: Iterable[str]) -> str | None:
    """A model for a graph that nobody named one for; None where there is none.

    That beside one of the graph's files, under its name; else one that was pulled and answers over
    any graph.
    """
    for source in sources:
        path = Path(source)
        # Data may have several suffixes: my.nt.gz.
        stem = path.name.partition(".")[0]
        if stem and (beside := path.with_name(f"{stem}{_SUFFIX}")).exists():
            return str(beside)
    pulled = (model_path(name) for name in ("ultra", "ultra-50g", "ultra-3g"))
    return next((str(path) for path in pulled if path.exists()), None)
