"""What the machine gives: time in row scoring, the speed of a matrix product, peak memory."""

from __future__ import annotations

import resource
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from time import perf_counter, process_time

import torch
from torch import Tensor

from kgreason.predictors import CalibratedPredictor
from kgreason.predictors.protocol import PredictorWrapper
from kgreason.truth.rows import TruthRows

_LEAST_SECONDS = 0.2
_FEWEST = 3


def clock(device: str | torch.device) -> Callable[[], float]:
    """What tells seconds.

    Processor time where one thread does all the work, so that what else the machine does counts
    for nothing; else the time of day.
    """
    alone = torch.device(device).type == "cpu" and torch.get_num_threads() == 1
    return process_time if alone else perf_counter


def clock_name(device: str | torch.device) -> str:
    """What `clock` tells, for people."""
    return "processor time of one thread" if clock(device) is process_time else "elapsed time"


class TimedPredictor(PredictorWrapper):
    """The same predictor with a stopwatch: `scored` rows took `seconds`."""

    def __init__(self, inner: CalibratedPredictor) -> None:
        super().__init__(inner)
        self._scorer = inner.scorer
        self._clock = clock(inner.scorer.device)
        self.scored = 0
        self.seconds = 0.0

    def rows(self, heads: Tensor, relations: Tensor) -> TruthRows:
        start = self._clock()
        found = self.inner.rows(heads, relations)
        self.seconds += self._clock() - start
        self.scored += len(found)
        return found

    @property
    def rate(self) -> float:
        """Floating-point operations per second of the products alone, over all of the time."""
        flops = self.scored * self._scorer.flops
        return flops / self.seconds if self.seconds else 0.0


def product_rate(predictor: CalibratedPredictor, dtype: torch.dtype) -> float:
    """Operations per second of the matrix product that scores one whole block of rows.

    The best of at least three, so that a busy machine does not pass for a slow one.
    """
    scorer = predictor.scorer
    columns, depth = scorer.entity_count, round(scorer.flops / 2 / max(1, scorer.entity_count))
    random = torch.Generator().manual_seed(0)
    tails = torch.randn(columns, depth, generator=random).to(scorer.device, dtype)
    block = torch.randn(predictor.block_rows, depth, generator=random).to(scorer.device, dtype)
    best, start, count = float("inf"), perf_counter(), 0
    while count < _FEWEST or perf_counter() - start < _LEAST_SECONDS:
        for left, right in ((tails, block), (block, tails)):
            best = min(best, _seconds_of(left, right))
        count += 1
    return 2.0 * columns * depth * predictor.block_rows / best


def table_reads(predictor: CalibratedPredictor) -> float:
    """Time of a pass, scoring the fewest rows of a block, in those of reading the embeddings once.

    The best of three each. 0 for a scorer without a table of embeddings.
    """
    scorer = predictor.scorer
    products = scorer.dot_products
    if products is None:
        return 0.0
    table = products.embeddings
    rows = torch.arange(scorer.block.multiple)
    heads, relations = rows % predictor.entity_count, rows % predictor.relation_count
    now = clock(scorer.device)
    seconds = []
    for work in (lambda: float(table.sum()), lambda: predictor.rows(heads, relations)):
        best = float("inf")
        for _ in range(_FEWEST):
            start = now()
            work()
            best = min(best, now() - start)
        seconds.append(best)
    return seconds[1] / seconds[0]


def _seconds_of(left: Tensor, right: Tensor) -> float:
    now = clock(left.device)
    start = now()
    left @ right.T
    if left.is_cuda:
        torch.cuda.synchronize(left.device)
    return now() - start


def forget_peak() -> None:
    """Start the peak of memory anew, where the system can."""
    with suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def peak_memory() -> int:
    """Most bytes this process has held in memory since `forget_peak`, or since it began."""
    with suppress(OSError, ValueError, IndexError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1]) * 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most if sys.platform == "darwin" else most * 1024
