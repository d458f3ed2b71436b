"""Streams cut into blocks of whole lines."""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO

import polars as pl

from kgreason.knowledge.sources.streams import Source

BLOCK_BYTES = 1 << 22


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


def line_blocks(source: Source, stream: IO[bytes]) -> Iterator[tuple[int, bytes]]:
    """Consecutive pieces of a stream that end at line ends, about `BLOCK_BYTES` each.

    Each comes with the number of its first line, from 1.
    Raises `LimitError` for a line longer than the source's limit.
    """
    rest: list[bytes] = []
    line, held = 1, 0
    while piece := stream.read(BLOCK_BYTES):
        end = piece.rfind(b"\n") + 1
        if not end:
            rest.append(piece)
            held += len(piece)
        else:
            block = b"".join((*rest, piece[:end]))
            _check_lines(source, block, line)
            yield line, block
            line += block.count(b"\n")
            rest, held = [piece[end:]], len(piece) - end
        if held > source.limits.length:
            _check_lines(source, b"".join(rest), line)
    if last := b"".join(rest):
        _check_lines(source, last, line)
        yield line, last


def _check_lines(source: Source, block: bytes, line: int) -> None:
    """Step from line end to line end as far apart as the limit allows."""
    most = source.limits.length
    start = 0
    while len(block) - start > most:
        end = block.rfind(b"\n", start, start + most + 1)
        if end < 0:
            line += block.count(b"\n", 0, start)
            raise source.exceeded(line, f"a line longer than {most:,} bytes", "length")
        start = end + 1
