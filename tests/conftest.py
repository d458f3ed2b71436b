"""Fixtures shared by every room's tests."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

# The tensors of the tests are tiny: threads would wait for one another far longer than they work.
os.environ.setdefault("OMP_NUM_THREADS", "1")


@pytest.fixture(scope="session")
def data() -> Path:
    """The folder of real graphs, benchmark queries and checkpoints; skips where it is absent."""
    folder = os.environ.get("KGREASON_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("KGREASON_DATA is not set to the benchmark data: real-data tests do not run")
    return Path(folder)
