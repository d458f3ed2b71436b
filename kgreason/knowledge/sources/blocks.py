"""Streams cut into blocks of whole lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

import polars as pl

BLOCK_BYTES = 1 << 23


def whole_lines(block: bytes) -> pl.Series | None:
    """The lines of a block that are not empty; None when they are not UTF-8 text."""
    # Byte 1 is no part of sensible text, so every line is one field.
    if b"\x01" in block:
        return None
    try:
        frame = pl.read_csv(
            block,
            separator="\x01",
            quote_char=None,
            has_header=False,
            schema={"line": pl.String},
        )
    except pl.exceptions.PolarsError:
        return None
    return frame["line"].drop_nulls()


def line_blocks(stream: IO[bytes]) -> Iterator[bytes]:
    """Consecutive pieces of a stream that end at line ends, about `BLOCK_BYTES` each."""
    rest = b""
    while piece := stream.read(BLOCK_BYTES):
        end = piece.rfind(b"\n") + 1
        if end:
            yield rest + piece[:end]
            rest = piece[end:]
        else:
            rest += piece
    if rest:
        yield rest
