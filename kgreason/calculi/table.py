"""Composition tables of relations that exclude one another, as text and as bit sets.

One line a cell, `EC TPP : EC PO TPP NTPP`: when EC(a, b) and TPP(b, c), one of the four holds of
a and c. A pair without a line tells nothing. `relations: …` fixes the order, `identity: EQ` names
the relation of a thing to itself, `converse: TPP TPPI` a pair that read each other backwards (a
name alone is its own converse). Names with white space stand in quotes, `#` begins a comment.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from kgreason.errors import DataError, LimitError, Place

Sets = NDArray[np.uint64]
"""Sets of relations: bit i stands for relation i."""

MOST_RELATIONS = 64
_WORD = re.compile(r'"(?:[^"\\]|\\.)*"|[^\s"#]\S*')
_HEADERS = ("relations:", "identity:", "converse:")


@dataclass(frozen=True, eq=False)
class CompositionTable:
    """Which relations may hold of a and c when one holds of a and b, another of b and c.

    relations: at most 64 names. cells: (relations, relations) sets. identity: its position, None
    where there is none. converse: position of each relation's converse, None where they have none.
    """

    relations: tuple[str, ...]
    cells: Sets
    identity: int | None
    converse: tuple[int, ...] | None

    @property
    def universe(self) -> np.uint64:
        """The set of all relations."""
        return universe(len(self.relations))

    @property
    def informative(self) -> int:
        """Number of cells that exclude something."""
        return int((self.cells != self.universe).sum())

    def names(self, relations: int) -> tuple[str, ...]:
        """The members of a set."""
        return tuple(name for i, name in enumerate(self.relations) if relations >> i & 1)

    def __str__(self) -> str:
        lines = [f"relations: {_spelled(self.relations)}"]
        if self.identity is not None:
            lines.append(f"identity: {_spelled([self.relations[self.identity]])}")
        for i, other in enumerate(self.converse or ()):
            if i <= other:
                pair = dict.fromkeys((self.relations[i], self.relations[other]))
                lines.append(f"converse: {_spelled(pair)}")
        for i, j in np.argwhere(self.cells != self.universe).tolist():
            pair_text = _spelled([self.relations[i], self.relations[j]])
            lines.append(f"{pair_text} : {_spelled(self.names(int(self.cells[i, j])))}")
        return "\n".join(lines) + "\n"


def make_table(
    relations: Iterable[str],
    cells: Mapping[tuple[str, str], Iterable[str]],
    *,
    identity: str | None = None,
    converses: Mapping[str, str] | None = None,
) -> CompositionTable:
    """A table of named cells; what is not given of identity and converses is looked for in them.

    Raises LimitError for more than 64 relations.
    """
    names = tuple(dict.fromkeys(relations))
    if len(names) > MOST_RELATIONS:
        raise LimitError(
            f"a composition table of {len(names)} relations",
            remedy=f"at most {MOST_RELATIONS} can be told apart",
        )
    place = {name: i for i, name in enumerate(names)}
    table = np.full((len(names), len(names)), universe(len(names)), dtype=np.uint64)
    for (left, right), allowed in cells.items():
        table[place[left], place[right]] = sum(1 << place[name] for name in set(allowed))
    known = np.zeros(table.shape, dtype=np.bool_)
    for left, right in cells:
        known[place[left], place[right]] = True
    neutral = _find_identity(table, known) if identity is None else place[identity]
    if converses is not None:
        backwards: tuple[int, ...] | None = tuple(place[converses[name]] for name in names)
    else:
        backwards = None if neutral is None else _find_converses(table, neutral)
    return CompositionTable(names, table, neutral, backwards)


def read_table(path: Path) -> CompositionTable:
    """The table of a file; DataError points at what is wrong in it."""
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"cannot read {path}: {error}", remedy="check the path") from error
    return parse_table(text)


def parse_table(text: str) -> CompositionTable:
    """The table of a text; DataError points at what is wrong in it."""
    headers: dict[str, list[str]] = {}
    converses: dict[str, str] = {}
    cells: dict[tuple[str, str], list[str]] = {}
    start = 0
    for line in text.splitlines(keepends=True):
        place = Place(start, start + max(1, len(line.rstrip())))
        words = _words(text, line, start)
        start += len(line)
        if not words:
            continue
        if words[0] == "converse:" and len(words) in (2, 3):
            converses[words[1]], converses[words[-1]] = words[-1], words[1]
        elif words[0] in ("relations:", "identity:") and len(words) > 1:
            headers[words[0]] = words[1:]
        elif len(words) > 3 and words[2] == ":" and tuple(words[:2]) not in cells:
            cells[words[0], words[1]] = words[3:]
        else:
            raise _wrong(text, place, "this line is no cell of a composition table")
    return _assembled(text, headers, converses, cells)


def universe(count: int) -> np.uint64:
    """The set of `count` relations."""
    return np.uint64(2**count - 1)


def _assembled(
    text: str,
    headers: Mapping[str, list[str]],
    converses: Mapping[str, str],
    cells: Mapping[tuple[str, str], list[str]],
) -> CompositionTable:
    used = [name for pair, names in cells.items() for name in (*pair, *names)]
    used += [*headers.get("identity:", ()), *converses]
    declared = headers.get("relations:")
    for name in used if declared else ():
        if name not in (declared or ()):
            at = text.find(name, text.find("\n", text.find("relations:")))
            raise _wrong(text, Place(at, at + len(name)), "this is none of the relations above")
    if not used:
        raise DataError("a composition table without a line", remedy="write for example A B : C D")
    names = list(dict.fromkeys(declared or used))
    missing = [name for name in names if converses and name not in converses]
    if missing:
        raise DataError(
            f"{missing[0]} has no converse, others have", remedy=f"add: converse: {missing[0]} …"
        )
    identity = headers.get("identity:", [None])[0]
    return make_table(names, cells, identity=identity, converses=converses or None)


def _words(text: str, line: str, start: int) -> list[str]:
    found, at = [], 0
    content = line.rstrip()
    while at < len(content):
        if content[at].isspace():
            at += 1
            continue
        if content[at] == "#":
            break
        match = _WORD.match(content, at)
        try:
            word = match[0] if match else ""
            found.append(str(json.loads(word)) if word[:1] in ("", '"') else word)
        except ValueError as error:
            place = Place(start + at, start + len(content))
            raise _wrong(text, place, "a quoted name that does not end") from error
        at += len(word)
    return found


def _wrong(text: str, place: Place, message: str) -> DataError:
    return DataError(
        f"line {text.count(chr(10), 0, place.start) + 1}: {message}",
        remedy="a cell is written A B : C D, other lines begin with " + ", ".join(_HEADERS),
        text=text,
        place=place,
    )


def _spelled(names: Iterable[str]) -> str:
    return " ".join(name if _plain(name) else json.dumps(name) for name in names)


def _plain(name: str) -> bool:
    return bool(_WORD.fullmatch(name)) and name[0] != '"' and name not in (":", *_HEADERS)


def _find_identity(table: Sets, known: NDArray[np.bool_]) -> int | None:
    """The relation that changes nothing on either side, as far as cells are known."""
    own = np.uint64(1) << np.arange(len(table), dtype=np.uint64)
    for i in range(len(table)):
        row, column = known[i], known[:, i]
        keeps = (table[i][row] == own[row]).all() and (table[column, i] == own[column]).all()
        if keeps and row.sum() + column.sum() > len(table):
            return i
    return None


def _find_converses(table: Sets, identity: int) -> tuple[int, ...] | None:
    """For each relation the only one with which it may compose to the identity, both ways."""
    with_identity = (table >> np.uint64(identity) & np.uint64(1)).astype(np.bool_)
    pairs = with_identity & with_identity.T
    if not (pairs.sum(1) == 1).all():
        return None
    found = pairs.argmax(1)
    return tuple(found.tolist()) if (found[found] == np.arange(len(found))).all() else None
