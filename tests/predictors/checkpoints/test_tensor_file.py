"""Safetensors files: their checksums, and what happens without them."""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from kgreason.errors import CheckpointError
from kgreason.files import checksums
from kgreason.predictors import inspect
from kgreason.predictors.checkpoints import tensor_file
from kgreason.predictors.checkpoints.format import read_checkpoint, save_checkpoint
from kgreason.predictors.checkpoints.tensor_file import read_safetensors
from tests.predictors.toy import complex_info, toy_graph, weights

GRAPH = toy_graph()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    save_checkpoint(tmp_path / "m", complex_info(GRAPH), weights(GRAPH))
    return tmp_path / "m"


def replaced(path: Path, before: bytes, after: bytes) -> None:
    content = path.read_bytes()
    assert len(before) == len(after)
    assert before in content
    path.write_bytes(content.replace(before, after, 1))


def flipped(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.write_bytes(content)


def test_one_bit_of_a_weight_is_noticed(path: Path) -> None:
    flipped(path, -1)
    with pytest.raises(CheckpointError, match="numbers of tensor") as caught:
        read_checkpoint(path)
    assert "kgreason train" in str(caught.value)
    inspect(path)


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b'"dimension":"8"', b'"dimension":"9"'),
        (b'"kgreason":"2"', b'"kgreason":"1"'),
        (b'"kgreason":"2"', b'"kgreasom":"2"'),
        (b'"model":"complex"', b'"model":"comples"'),
        (b'"F32"', b'"I32"'),
        (b'"kgreason sha256"', b'"kgreason sha255"'),
        (b'"kgreason crc32"', b'"kgreason crc31"'),
    ],
)
def test_a_changed_header_is_noticed_without_reading_weights(
    path: Path, before: bytes, after: bytes
) -> None:
    replaced(path, before, after)
    for read in (inspect, read_checkpoint):
        with pytest.raises(CheckpointError, match="is damaged"):
            read(path)


def test_tensors_of_one_shape_are_not_swapped(tmp_path: Path) -> None:
    tensors = {"a": torch.ones(3), "b": torch.zeros(3)}
    tensor_file.write_safetensors(tmp_path / "m", tensors, {})
    replaced(tmp_path / "m", b'"a":{', b'"c":{')
    replaced(tmp_path / "m", b'"b":{', b'"a":{')
    replaced(tmp_path / "m", b'"c":{', b'"b":{')
    with pytest.raises(CheckpointError, match="numbers of tensor 'a'"):
        read_safetensors(tmp_path / "m")


def test_files_without_checksums_are_read(path: Path) -> None:
    with safe_open(path, "pt") as file:
        metadata = {k: v for k, v in file.metadata().items() if not k.startswith("kgreason ")}
    save_file(weights(GRAPH), path, metadata)
    with pytest.raises(CheckpointError, match="checksums are missing"):
        read_checkpoint(path)
    save_file(weights(GRAPH), path, metadata | {"kgreason": "1"})
    assert torch.equal(read_checkpoint(path).tensors["entity"], weights(GRAPH)["entity"])
    assert not read_safetensors(path)[1].sealed


def _counted(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    compared: list[Path] = []
    compare: Callable[..., None] = tensor_file._compare

    def counting(path: Path, *more: object) -> None:
        compared.append(path)
        compare(path, *more)

    monkeypatch.setattr(tensor_file, "_compare", counting)
    return compared


def test_tensors_are_compared_once_while_the_file_does_not_change(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    compared = _counted(monkeypatch)
    monkeypatch.setattr(checksums, "_SETTLED", -(10**20))
    for _ in range(3):
        read_checkpoint(path)
    assert compared == [path]
    read_checkpoint(path, verify=True)
    assert compared == [path] * 2
    flipped(path, -1)
    os.utime(path, ns=(1, 1))
    with pytest.raises(CheckpointError, match="damaged"):
        read_checkpoint(path)


def test_a_file_that_has_just_changed_is_compared_again(path: Path) -> None:
    read_checkpoint(path)
    flipped(path, -1)
    with pytest.raises(CheckpointError, match="damaged"):
        read_checkpoint(path)


def test_a_large_file_is_compared_on_request(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tensor_file, "LARGE", 1000)
    flipped(path, -1)
    read_checkpoint(path)
    with pytest.raises(CheckpointError, match="damaged"):
        read_checkpoint(path, verify=True)


def test_a_nested_header_is_no_traceback(tmp_path: Path) -> None:
    text = b'{"__metadata__":' + b"[" * 50_000
    (tmp_path / "deep").write_bytes(struct.pack("<Q", len(text)) + text)
    (tmp_path / "long").write_bytes(struct.pack("<Q", 1 << 62) + b"{}")
    for name in ("deep", "long"):
        with pytest.raises(CheckpointError, match="not a whole safetensors file"):
            inspect(tmp_path / name)


def test_what_cannot_be_stored_is_not(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="complex64"):
        tensor_file.write_safetensors(
            tmp_path / "m", {"a": torch.ones(2, dtype=torch.complex64)}, {}
        )
    assert list(tmp_path.iterdir()) == []
