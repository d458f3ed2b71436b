"""Independent pieces of work on a CPU, each on one thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from threading import Lock
from typing import TypeVar

import torch

Item = TypeVar("Item")
Result = TypeVar("Result")

# How many threads torch may use is one number for the whole process.
_threads = Lock()


def side_by_side(
    work: Callable[[Item], Result], items: Iterable[Item], device: torch.device
) -> list[Result]:
    """What `work` gives for each item, in their order.

    On a CPU as many at a time as torch has threads, each on one of them: threads that share one
    small operation wait for each other at its end, on a busy machine for longer than it takes.
    """
    count = torch.get_num_threads()
    if device.type != "cpu" or count == 1:
        return [work(item) for item in items]
    with _threads, ThreadPoolExecutor(count) as pool:
        torch.set_num_threads(1)
        try:
            return list(pool.map(work, items))
        finally:
            torch.set_num_threads(count)
