"""Small benchmark graphs that the installed PyKEEN package carries."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from kgreason.errors import UsageError

PYKEEN = "pykeen:"
_GRAPHS = ("nations", "umls", "kinships")


def bundled_folder(source: str) -> Path:
    """The folder of tables behind `pykeen:<name>`; found without importing PyKEEN, hence torch."""
    name = source.removeprefix(PYKEEN)
    if name not in _GRAPHS:
        raise UsageError(
            f"{source}: PyKEEN carries no graph {name!r}",
            remedy=f"it carries {', '.join(PYKEEN + graph for graph in _GRAPHS)}",
        )
    spec = importlib.util.find_spec("pykeen")
    for location in (spec.submodule_search_locations or ()) if spec else ():
        folder = Path(location) / "datasets" / name
        if folder.is_dir():
            return folder
    raise UsageError(
        f"{source}: the package pykeen is not installed", remedy="pip install 'kgreason[pykeen]'"
    )
