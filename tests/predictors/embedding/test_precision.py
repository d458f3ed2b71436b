"""The precision of products is measured once for a machine, and remembered."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import torch

from kgreason.predictors.embedding.precision import fastest_dtype, remembered_dtype

CPU = torch.device("cpu")


def clock(*seconds: float) -> Callable[[], float]:
    """A clock whose spans last these seconds, in turn."""

    def ticks() -> Iterator[float]:
        for span in seconds:
            yield 0.0
            yield span

    return iter(ticks()).__next__


@pytest.mark.parametrize(
    ("spans", "dtype"),
    [
        ((9, 1, 2, 3, 9, 2, 2, 2), torch.bfloat16),
        ((1, 2, 2, 2, 1, 2, 2, 2), torch.float32),
        ((1, 5, 5, 5, 9, 1, 1, 1), torch.float32),
    ],
)
def test_the_precision_is_the_one_measured_to_be_faster(
    spans: tuple[float, ...], dtype: torch.dtype
) -> None:
    assert fastest_dtype(torch.device("cpu"), clock(*spans)) == dtype


def test_on_cuda_it_is_bfloat16_without_asking() -> None:
    assert fastest_dtype(torch.device("cuda"), clock()) == torch.bfloat16


def test_it_is_measured_once_for_a_folder(tmp_path: Path) -> None:
    asked = []

    def measure(device: torch.device) -> torch.dtype:
        asked.append(device)
        return torch.bfloat16

    folder = tmp_path / "new" / "cache"
    assert [remembered_dtype(CPU, folder, measure) for _ in range(3)] == ["bfloat16"] * 3
    assert asked == [CPU]


@pytest.mark.parametrize("text", ["", "[]", "{]", "{}"])
def test_a_damaged_memory_is_measured_again(tmp_path: Path, text: str) -> None:
    (tmp_path / "precision.json").write_text(text, encoding="utf-8")
    assert remembered_dtype(CPU, tmp_path, lambda _: torch.float32) == "float32"
    assert remembered_dtype(CPU, tmp_path, lambda _: torch.bfloat16) == "float32"


def test_a_folder_that_cannot_be_written_is_no_error(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("", encoding="utf-8")
    assert remembered_dtype(CPU, file, lambda _: torch.float32) == "float32"
