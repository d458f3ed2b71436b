"""Parquet files: checksums within them, and a parser that fails in every way."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest

from kgreason.errors import DataError
from kgreason.files import parquet
from kgreason.files.parquet import check_seal, parse_parquet, read_parquet, seal_parquet


@pytest.fixture
def table(tmp_path: Path) -> Path:
    pl.DataFrame({"a": [1, 2, 3], "b": ["x", None, "z"]}).write_parquet(tmp_path / "t.parquet")
    return tmp_path / "t.parquet"


def test_a_sealed_file_holds_the_same_table(table: Path) -> None:
    before = pl.read_parquet(table)
    assert not check_seal(table, "again")
    seal_parquet(table)
    assert check_seal(table, "again")
    assert read_parquet(table, "again").equals(before)


def test_what_is_not_whole_is_not_sealed(tmp_path: Path) -> None:
    for content in (b"", b"PAR1", b"PAR1PAR1", b"x" * 100, b"PAR1" + b"\xff" * 20 + b"PAR1"):
        path = tmp_path / "x.parquet"
        path.write_bytes(content)
        with pytest.raises(ValueError, match="no Parquet file"):
            seal_parquet(path)
        with pytest.raises(DataError, match="not a whole Parquet file"):
            read_parquet(path, "again")
    with pytest.raises(DataError, match="No such file"):
        read_parquet(tmp_path / "absent.parquet", "again")


def test_a_wrong_checksum_is_told_before_anything_is_parsed(
    table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seal_parquet(table)
    content = bytearray(table.read_bytes())
    content[10] ^= 4
    table.write_bytes(content)
    monkeypatch.setattr(parquet, "parse_parquet", None)
    monkeypatch.setattr(parquet, "_trial", None)
    with pytest.raises(DataError, match="its checksum is not that of its content") as caught:
        read_parquet(table, "make it again")
    assert caught.value.remedy == "make it again"


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("import os; os.abort()", "it ends the process that parses it"),
        ("raise SystemExit(1)", "its parser fails"),
        ("print('first'); print('second'); raise SystemExit(1)", r"\(first"),
    ],
)
def test_a_file_that_ends_its_reader_ends_another_process(
    program: str, said: str, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(parquet, "_TRIAL", program)
    with pytest.raises(DataError, match=said):
        read_parquet(table, "again")


@pytest.mark.parametrize("error", [pl.exceptions.PanicException("a\nb"), OverflowError("a")])
def test_panics_of_the_parser_are_told_in_a_line(
    error: BaseException, table: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object, **__: Any) -> None:
        raise error

    monkeypatch.setattr(pl, "read_parquet", fail)
    with pytest.raises(DataError, match=r"cannot be read \(a\)"):
        parse_parquet(table, "again")


def test_a_damaged_file_without_a_checksum_is_told(table: Path) -> None:
    content = table.read_bytes()
    start = content.rindex(b"ARROW:schema") - 40
    table.write_bytes(content[:start] + b"\xff" * 30 + content[start + 30 :])
    with pytest.raises(DataError, match="cannot be read"):
        read_parquet(table, "again")
