"""Which precision a machine takes products fastest in: measured once, then remembered."""

from __future__ import annotations

import json
import platform
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import torch

from kgreason.files import replacing

# Products of bfloat16 must be this much faster than those of float32 to be worth the rounding.
_WORTH = 1.3
_PROBE = (128, 1024, 256)
_FILE = "precision.json"


def fastest_dtype(
    device: torch.device, clock: Callable[[], float] = time.perf_counter
) -> torch.dtype:
    """bfloat16 where a measured product of it is clearly faster than float32's, else float32.

    On CUDA it always is. A CPU has instructions for it or emulates it several times slower.
    """
    if device.type == "cuda":
        return torch.bfloat16
    seconds = {dtype: _seconds(dtype, clock) for dtype in (torch.bfloat16, torch.float32)}
    faster = _WORTH * seconds[torch.bfloat16] < seconds[torch.float32]
    return torch.bfloat16 if faster else torch.float32


def remembered_dtype(
    device: torch.device,
    folder: Path,
    measure: Callable[[torch.device], torch.dtype] = fastest_dtype,
) -> str:
    """The name of the fastest dtype, kept in the folder for this processor and version of torch.

    A folder that cannot be read or written only means that it is measured again.
    """
    path, key = folder / _FILE, _machine(device)
    known: dict[str, str] = {}
    with suppress(OSError, ValueError):
        read = json.loads(path.read_text(encoding="utf-8"))
        known = read if isinstance(read, dict) else {}
    if known.get(key) not in ("float32", "bfloat16"):
        known[key] = str(measure(device)).removeprefix("torch.")
        with suppress(OSError):
            folder.mkdir(parents=True, exist_ok=True)
            with replacing(path) as temporary:
                temporary.write_text(json.dumps(known, indent=2), encoding="utf-8")
    return known[key]


def _machine(device: torch.device) -> str:
    name = platform.processor() or platform.machine()
    # Linux leaves the processor's name to its own file.
    with suppress(OSError, StopIteration):
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        name = next(line for line in lines if line.startswith("model name")).partition(":")[2]
    if device.type == "cuda":
        name = torch.cuda.get_device_name(device)
    return f"{name.strip()}, {torch.get_num_threads()} threads, torch {torch.__version__}"


def _seconds(dtype: torch.dtype, clock: Callable[[], float]) -> float:
    """The least time of three products, after one to warm up."""
    rows, columns, width = _PROBE
    left, right = (torch.ones(count, width, dtype=dtype) for count in (rows, columns))
    times = []
    for _ in range(4):
        started = clock()
        left @ right.T
        times.append(clock() - started)
    return min(times[1:])
