"""Numbered tries in one or several processes, their results in order."""

from __future__ import annotations

import os
import signal
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import BrokenExecutor, Future, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from typing import Generic, Protocol, TypeVar

from kgreason.errors import KgreasonError

Result = TypeVar("Result", covariant=True)  # noqa: PLC0105
Found = TypeVar("Found")


class Tries(Protocol, Generic[Result]):
    """Work that can be sent to another process."""

    def attempt(self, name: str, start: int, end: int) -> Result:
        """The results of the tries start … end − 1 of the kind `name`."""
        ...


Attempt = Callable[[str, int, int], Iterator[tuple[int, Found]]]
"""(kind, number of tries, tries at a time) -> the results in order, each with its first try."""


@contextmanager
def in_order(work: Tries[Found], processes: int) -> Iterator[Attempt[Found]]:
    """How to run `work`: here for one process, else some chunks ahead in processes of their own."""
    if processes == 1:
        yield lambda name, count, chunk: (
            (start, work.attempt(name, start, min(start + chunk, count)))
            for start in range(0, count, chunk)
        )
        return
    # Fresh processes: a copy of this one would inherit the locks of its threads.
    pool = ProcessPoolExecutor(processes, get_context("spawn"), _start, (work,))
    try:
        yield lambda name, count, chunk: _ahead(pool, processes, name, count, chunk)
    except BrokenExecutor as error:
        raise KgreasonError(
            "a process ended before its work was done", remedy="it may have run out of memory"
        ) from error
    finally:
        pool.shutdown(cancel_futures=True)


def _ahead(
    pool: ProcessPoolExecutor, processes: int, name: str, count: int, chunk: int
) -> Iterator[tuple[int, Found]]:
    """Keep one chunk more than there are processes under way."""
    waiting: deque[tuple[int, Future[Found]]] = deque()
    starts = iter(range(0, count, chunk))
    try:
        while True:
            while len(waiting) <= processes and (start := next(starts, None)) is not None:
                end = min(start + chunk, count)
                waiting.append((start, pool.submit(_attempt, name, start, end)))
            if not waiting:
                return
            start, future = waiting.popleft()
            yield start, future.result()
    finally:
        for _, future in waiting:
            future.cancel()


_work: list[Tries[object]] = []
"""What this process works on, where it is one of a pool."""


def _start(work: Tries[object]) -> None:
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import torch

    # An interruption is for the process that waits for this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    torch.set_num_threads(1)
    _work[:] = [work]


def _attempt(name: str, start: int, end: int) -> Found:  # type: ignore[type-var]
    return _work[0].attempt(name, start, end)  # type: ignore[return-value]
