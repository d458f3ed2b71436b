"""Standard streams that take a part, or nothing."""

from __future__ import annotations

import io

import pytest

from kgreason.cli.common.streams import write_all


class Sipping(io.RawIOBase):
    """Takes three bytes at a time, as an unbuffered stream on a disk that is filling up may."""

    def __init__(self, room: int | None) -> None:
        self.taken = b""
        self.room = room

    def writable(self) -> bool:
        return True

    def write(self, content: object, /) -> int | None:
        piece = bytes(content)[:3]  # type: ignore[call-overload]
        if self.room is not None and len(self.taken) + len(piece) > self.room:
            return None
        self.taken += piece
        return len(piece)


def test_everything_is_written() -> None:
    stream = Sipping(None)
    write_all(stream, b"abcdefgh")  # type: ignore[arg-type]
    assert stream.taken == b"abcdefgh"


def test_a_stream_that_takes_nothing_is_an_error() -> None:
    with pytest.raises(BlockingIOError):
        write_all(Sipping(3), b"abcdefgh")  # type: ignore[arg-type]
