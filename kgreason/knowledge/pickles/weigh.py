"""How large the value of a pickle is, told before it is built.

A pickle is a program for a small machine with a stack and a memo. A few bytes can build a tuple
that holds another twice, which holds another twice, and so on; its hash takes longer than a
lifetime. Here the program runs on the sizes of values instead of the values.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from itertools import repeat
from typing import NoReturn

MOST_DEPTH = 100
"""Containers within one another; the published benchmarks have 7."""
_STEPS_PER_BYTE = 100
_FREE_STEPS = 1_000_000
_LONGEST_NUMBER = 21
"""Characters of a 64-bit number with its sign and the L that marks a long one."""


class WeightError(Exception):
    """A pickle is not whole, or its value is too large, too deep or not plain."""


class Cell:
    """What the machine knows of a value: nodes when it is written out as a tree, and levels."""

    __slots__ = ("depth", "is_placed", "size")

    def __init__(self, size: int = 1, depth: int = 0) -> None:
        self.size = size
        self.depth = depth
        self.is_placed = False


_SCALAR = Cell()
_STOP = ord(".")

# Numbers, None, True and False of protocol 1 and above: most of what a pickle holds.
_ONE_SCALAR = re.compile(rb"K.|M..|J....|G.{8}|[N\x88\x89]", re.DOTALL)
_SCALARS = re.compile(rb"(?:K.|M..|J....|G.{8}|[N\x88\x89])++", re.DOTALL)

_FIXED: dict[int, int] = {ord("h"): 1, ord("q"): 1, ord("j"): 4, ord("r"): 4, 0x80: 1, 0x95: 8}
"""Operations with an argument of so many bytes."""
_SIZED: dict[int, int] = {
    **dict.fromkeys(b"UC\x8a\x8c", 1),
    **dict.fromkeys(b"XTB\x8b", 4),
    **dict.fromkeys(b"\x8d\x8e", 8),
}
"""Operations with an argument whose length stands before it, in so many bytes."""
_LINES: dict[int, int] = {**dict.fromkeys(b"IFLSVpg", 1), ord("c"): 2}
"""Operations with an argument of so many lines."""


def weigh(data: bytes) -> None:
    """Run a pickle on sizes. Raises WeightError for one that is better not built.

    The steps of building and hashing the value are at most 100 for each byte of the pickle, plus a
    million. The memo has no more places than the pickle has bytes.
    """
    _Machine(data).run()


class _Machine:
    def __init__(self, data: bytes) -> None:
        self.data = data
        self.at = 0
        self.stack: list[Cell] = []
        self.marks: list[int] = []
        self.memo: dict[int, Cell] = {}
        self.steps = 0
        self.most_steps = _STEPS_PER_BYTE * len(data) + _FREE_STEPS

    def run(self) -> None:
        data, stack = self.data, self.stack
        while True:
            if scalars := _SCALARS.match(data, self.at):
                count = len(_ONE_SCALAR.findall(data, self.at, scalars.end()))
                stack.extend(repeat(_SCALAR, count))
                self.at = scalars.end()
            (code,) = self._bytes(1)
            if code == _STOP:
                return
            operation = _OPERATIONS.get(code)
            if operation is None:
                raise WeightError(f"it uses {_named(code)}, which plain containers do not need")
            operation(self, self._argument(code))

    def _argument(self, code: int) -> bytes:
        if code in _FIXED:
            return self._bytes(_FIXED[code])
        if code in _SIZED:
            return self._bytes(int.from_bytes(self._bytes(_SIZED[code]), "little"))
        if code in _LINES:
            start = self.at
            for _ in range(_LINES[code]):
                self.at = self.data.find(b"\n", self.at) + 1
                if not self.at:
                    _cut_short()
            return self.data[start : self.at - 1]
        return b""

    def _bytes(self, count: int) -> bytes:
        found = self.data[self.at : self.at + count]
        if len(found) < count:
            _cut_short()
        self.at += count
        return found

    def _pop(self, count: int) -> list[Cell]:
        """The last values, none of them below the last mark."""
        floor = self.marks[-1] if self.marks else 0
        start = len(self.stack) - count
        if start < floor:
            raise WeightError("it takes a value that is not there")
        found = self.stack[start:]
        del self.stack[start:]
        return found

    def _pop_mark(self) -> list[Cell]:
        """All values above the last mark, which is removed."""
        if not self.marks:
            raise WeightError("it takes a mark that is not there")
        found = self._pop(len(self.stack) - self.marks[-1])
        self.marks.pop()
        return found

    def _put_into(self, cell: Cell, parts: list[Cell]) -> None:
        """Put values into a container. One step each for every node that may be hashed."""
        if cell.is_placed or cell in parts:
            raise WeightError("a container changes after it was put into another, or holds itself")
        size = 0
        for part in parts:
            size += part.size
            if part.depth >= cell.depth:
                cell.depth = part.depth + 1
            if part is not _SCALAR:
                part.is_placed = True
        cell.size += size
        self.steps += size
        if self.steps > self.most_steps:
            raise WeightError(f"{len(self.data):,} bytes unfold to over {self.most_steps:,} values")
        if cell.depth > MOST_DEPTH:
            raise WeightError(f"its containers nest over {MOST_DEPTH} deep")

    def _push_with(self, parts: list[Cell]) -> None:
        cell = Cell()
        self._put_into(cell, parts)
        self.stack.append(cell)

    def nothing(self, _argument: bytes) -> None:
        """An operation without an effect here."""

    def frame(self, argument: bytes) -> None:
        """The length of what follows, all of which is read at once."""
        if int.from_bytes(argument, "little") > len(self.data) - self.at:
            _cut_short()

    def scalar(self, _argument: bytes) -> None:
        """A string, bytes, a float, a class: nodes of a tree."""
        self.stack.append(_SCALAR)

    def number(self, argument: bytes) -> None:
        """A number as text."""
        if len(argument) > _LONGEST_NUMBER:
            _too_long()
        self.stack.append(_SCALAR)

    def long(self, argument: bytes) -> None:
        """A number as bytes."""
        if len(argument) > 8:
            _too_long()
        self.stack.append(_SCALAR)

    def global_name(self, _argument: bytes) -> None:
        """A class by the two strings on the stack."""
        self._pop(2)
        self.stack.append(_SCALAR)

    def mark(self, _argument: bytes) -> None:
        self.marks.append(len(self.stack))

    def pop(self, _argument: bytes) -> None:
        if self.marks and self.marks[-1] == len(self.stack):
            self.marks.pop()
        else:
            self._pop(1)

    def pop_mark(self, _argument: bytes) -> None:
        self._pop_mark()

    def duplicate(self, _argument: bytes) -> None:
        (cell,) = self._pop(1)
        self.stack += (cell, cell)

    def empty(self, _argument: bytes) -> None:
        self.stack.append(Cell())

    def container(self, _argument: bytes) -> None:
        self._push_with(self._pop_mark())

    def tuple_1(self, _argument: bytes) -> None:
        self._push_with(self._pop(1))

    def tuple_2(self, _argument: bytes) -> None:
        self._push_with(self._pop(2))

    def tuple_3(self, _argument: bytes) -> None:
        self._push_with(self._pop(3))

    def call(self, _argument: bytes) -> None:
        """A class and its arguments become what it makes of them, which holds them at most."""
        self._push_with(self._pop(2)[1:])

    def add_one(self, _argument: bytes) -> None:
        self._add(self._pop(1))

    def add_pair(self, _argument: bytes) -> None:
        self._add(self._pop(2))

    def add_all(self, _argument: bytes) -> None:
        self._add(self._pop_mark())

    def _add(self, parts: list[Cell]) -> None:
        (cell,) = self._pop(1)
        if cell is _SCALAR:
            raise WeightError("it adds to what is no container")
        self._put_into(cell, parts)
        self.stack.append(cell)

    def memorize(self, _argument: bytes) -> None:
        self._remember(len(self.memo))

    def put_text(self, argument: bytes) -> None:
        self._remember(_place(argument))

    def put(self, argument: bytes) -> None:
        self._remember(int.from_bytes(argument, "little"))

    def get_text(self, argument: bytes) -> None:
        self._recall(_place(argument))

    def get(self, argument: bytes) -> None:
        self._recall(int.from_bytes(argument, "little"))

    def _remember(self, place: int) -> None:
        if place > len(self.data):
            raise WeightError(f"it numbers a value {place:,}, and has {len(self.data):,} bytes")
        (cell,) = self._pop(1)
        self.stack.append(cell)
        self.memo[place] = cell

    def _recall(self, place: int) -> None:
        if place not in self.memo:
            raise WeightError(f"it takes value {place:,}, which is not there")
        self.stack.append(self.memo[place])


_OPERATIONS: dict[int, Callable[[_Machine, bytes], None]] = {
    0x80: _Machine.nothing,
    0x95: _Machine.frame,
    **dict.fromkeys(b"UTSVXFBCc\x8c\x8d\x8e", _Machine.scalar),
    **dict.fromkeys(b"IL", _Machine.number),
    **dict.fromkeys(b"\x8a\x8b", _Machine.long),
    0x93: _Machine.global_name,
    ord("("): _Machine.mark,
    ord("0"): _Machine.pop,
    ord("1"): _Machine.pop_mark,
    ord("2"): _Machine.duplicate,
    **dict.fromkeys(b")]}\x8f", _Machine.empty),
    **dict.fromkeys(b"tld\x91", _Machine.container),
    0x85: _Machine.tuple_1,
    0x86: _Machine.tuple_2,
    0x87: _Machine.tuple_3,
    **dict.fromkeys(b"R\x81", _Machine.call),
    ord("a"): _Machine.add_one,
    ord("s"): _Machine.add_pair,
    **dict.fromkeys(b"eu\x90", _Machine.add_all),
    0x94: _Machine.memorize,
    ord("p"): _Machine.put_text,
    **dict.fromkeys(b"qr", _Machine.put),
    ord("g"): _Machine.get_text,
    **dict.fromkeys(b"hj", _Machine.get),
}


def _place(text: bytes) -> int:
    if not text.isdigit() or len(text) > _LONGEST_NUMBER:
        raise WeightError("a place of its memo is no number")
    return int(text)


def _named(code: int) -> str:
    return f"the operation {chr(code)!r}" if chr(code).isprintable() else f"operation {code:#x}"


def _cut_short() -> NoReturn:
    raise WeightError("it is cut short")


def _too_long() -> NoReturn:
    raise WeightError("a number has over 64 bits")
