"""A file of rows: every damage of its header and its rows is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from kgreason.predictors.rowcache.file import MAGIC, DamagedError, RowFile, write_row_file
from kgreason.truth.rows import TruthRows

KEY = {"model": "one"}
KEYS = torch.arange(6) * 2
OFFSETS = torch.tensor([0, 2, 2, 5, 6, 8, 9])
ROWS = TruthRows(OFFSETS, torch.arange(9, dtype=torch.int32), torch.linspace(0.1, 0.9, 9))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return write_row_file(tmp_path, KEY, KEYS, ROWS)


def test_no_changed_byte_changes_a_row(path: Path) -> None:
    content = path.read_bytes()
    for place in range(len(content)):
        path.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        with pytest.raises(DamagedError):
            RowFile.open(path, KEY).find(KEYS.numpy())
    path.write_bytes(content)
    held, rows = RowFile.open(path, KEY).find(KEYS.numpy())
    assert held.all()
    assert torch.equal(rows.truths, ROWS.truths)


@pytest.mark.parametrize("header", [b"[" * 99_999, b"{}", b"null", b'{"rows": -1}', b"\xff"])
def test_another_header_is_damage(tmp_path: Path, header: bytes) -> None:
    path = tmp_path / "x.rows"
    path.write_bytes(MAGIC + len(header).to_bytes(8, "little") + header)
    with pytest.raises(DamagedError, match="header"):
        RowFile.open(path, KEY)
