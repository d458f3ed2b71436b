"""The scripts of `benchmarks/`, as modules."""

from __future__ import annotations

import importlib.util
import sys
from functools import cache
from pathlib import Path
from types import ModuleType

FOLDER = Path(__file__).parent.parent / "benchmarks"


@cache
def script(name: str) -> ModuleType:
    """`benchmarks/NAME.py`, run once per process."""
    spec = importlib.util.spec_from_file_location(f"benchmarks_{name}", FOLDER / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    # A script imports what lies beside it, as it does when it is started.
    if str(FOLDER) not in sys.path:
        sys.path.append(str(FOLDER))
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
