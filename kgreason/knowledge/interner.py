"""Names become ids while facts stream in."""

from __future__ import annotations

import re
from array import array
from collections.abc import Iterator, Mapping, Sequence

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kgreason.checks import shown
from kgreason.errors import DataError
from kgreason.knowledge.terms import canonical

Ints = NDArray[np.int32]
Strings = pl.Series | Sequence[str]

_INVENTED = re.compile(r"_:N?[0-9a-f]{28,32}")
_NEEDS_A_LOOK = r'(?s)^(?:_:|".*"$)'


class Interner:
    """Spelling → id, growing with every spelling not seen before; ids follow first appearance.

    Spellings are hashed by polars into categorical codes and never become Python objects. Blank
    nodes belong to one source: `forget_blank_nodes` after each keeps two files' `_:b0` apart.
    `renames_invented`: a source's parser makes up random labels for nodes that have none.
    `name_bytes`: the length of all names together.
    """

    def __init__(self) -> None:
        self._type = pl.Categorical(pl.Categories.random())
        # Polars forgets the codes of categories that no living column refers to.
        self._anchor = pl.Series(dtype=self._type)
        self._id_of_code = np.full(1024, -1, dtype=np.int32)
        self._parts: list[pl.Series] = []
        self._count = 0
        self.name_bytes = 0
        self.renames_invented = False
        self._blank_codes: list[int] = []
        self._blank_names: set[str] = set()

    def __len__(self) -> int:
        return self._count

    def names(self) -> pl.Series:
        """(ids,) names by id."""
        return pl.concat(self._parts) if self._parts else pl.Series(dtype=pl.String)

    def ids(self, *columns: Strings) -> tuple[Ints, ...]:
        """(rows,) ids for each column of spellings; new ones are numbered row by row."""
        try:
            series = [pl.Series(column, dtype=pl.String) for column in columns]
        except UnicodeEncodeError as error:
            raise DataError(
                f"the name {shown(error.object)} has half of a surrogate pair: it is no Unicode "
                "text",
                remedy="read it as UTF-8, without surrogateescape",
            ) from None
        codes = np.stack([self._codes(column) for column in series], axis=1)
        fresh = np.flatnonzero(self._id_of_code[codes.ravel()] < 0)
        if len(fresh):
            self._admit(series, codes, fresh)
        return tuple(self._id_of_code[codes[:, k]] for k in range(len(columns)))

    def forget_blank_nodes(self) -> None:
        """The blank nodes of later sources are other nodes, whatever they are called."""
        self._id_of_code[self._blank_codes] = -1
        self._blank_codes.clear()
        self.renames_invented = False

    def _codes(self, spellings: pl.Series) -> NDArray[np.int64]:
        codes = spellings.cast(self._type).to_physical().to_numpy().astype(np.int64)
        largest = int(codes.max(initial=-1))
        if largest >= len(self._id_of_code):
            grown = np.full(max(largest + 1, 2 * len(self._id_of_code)), -1, dtype=np.int32)
            grown[: len(self._id_of_code)] = self._id_of_code
            self._id_of_code = grown
        return codes

    def _admit(
        self, series: list[pl.Series], codes: NDArray[np.int64], fresh: NDArray[np.int64]
    ) -> None:
        """Number the spellings at the `fresh` places of the row-major `codes`."""
        flat = codes.ravel()
        _, first = np.unique(flat[fresh], return_index=True)
        places = fresh[np.sort(first)]
        rows, columns = np.divmod(places, len(series))
        names = pl.concat(series).gather(columns * len(series[0]) + rows)
        new_codes = flat[places]
        targets = new_codes
        if (special := names.str.contains(_NEEDS_A_LOOK)).any():
            names, targets = self._settled(names.to_list(), new_codes, special)
        unknown = np.flatnonzero(self._id_of_code[targets] < 0)
        _, first = np.unique(targets[unknown], return_index=True)
        admitted = unknown[np.sort(first)]
        self._id_of_code[targets[admitted]] = np.arange(self._count, self._count + len(admitted))
        self._id_of_code[new_codes] = self._id_of_code[targets]
        self._count += len(admitted)
        fresh_names = names.gather(admitted)
        self.name_bytes += int(fresh_names.str.len_bytes().sum())
        self._parts.append(fresh_names)

    def _settled(
        self, names: list[str], codes: NDArray[np.int64], special: pl.Series
    ) -> tuple[pl.Series, NDArray[np.int64]]:
        """Proper names for spellings that have others, and the codes of those names.

        Blank nodes are renamed; a literal without datatype shares the code of its full form.
        """
        targets = codes.copy()
        aliases: list[int] = []
        for row in special.arg_true().to_list():
            if names[row].startswith("_:"):
                self._blank_codes.append(int(codes[row]))
                names[row] = self._blank_name(names[row])
            elif (name := canonical(names[row])) != names[row]:
                names[row] = name
                aliases.append(row)
        settled = pl.Series(names, dtype=pl.String)
        targets[aliases] = self._codes(settled.gather(aliases))
        return settled, targets

    def _blank_name(self, spelling: str) -> str:
        name = spelling
        # A random label would make every load of one file a different vocabulary.
        invented = self.renames_invented and _INVENTED.fullmatch(name) is not None
        number = len(self._blank_names)
        while name in self._blank_names or (invented and name == spelling):
            name = f"_:b{number}"
            number += 1
        self._blank_names.add(name)
        return name


class Collector:
    """Facts of any number of sources, as ids of one growing vocabulary."""

    def __init__(self) -> None:
        self.entities = Interner()
        self.relations = Interner()
        self.prefixes: dict[str, str] = {}
        self.labels: dict[str, str] = {}
        self.skipped = 0
        self._facts: dict[str, array[int]] = {}

    def add(self, heads: Strings, relations: Strings, tails: Strings, split: str = "train") -> None:
        """Facts by name."""
        head, tail = self.entities.ids(heads, tails)
        (relation,) = self.relations.ids(relations)
        self.add_ids(np.column_stack([head, relation, tail]), split)

    def add_ids(self, facts: Ints, split: str = "train") -> None:
        """(facts, 3) rows of ids already interned here."""
        rows = self._facts.setdefault(split, array("i"))
        rows.frombytes(np.ascontiguousarray(facts, dtype=np.int32).tobytes())

    def add_prefixes(self, prefixes: Mapping[str, str]) -> None:
        """Remember prefixes; the first meaning of one stays."""
        for prefix, iri in prefixes.items():
            self.prefixes.setdefault(prefix, iri)

    @property
    def name_bytes(self) -> int:
        """The length of all names together."""
        return self.entities.name_bytes + self.relations.name_bytes

    def end_source(self) -> None:
        """What follows comes from another source."""
        self.entities.forget_blank_nodes()

    def facts(self) -> Iterator[tuple[str, Ints]]:
        """Distinct (facts, 3) rows per split, in order of arrival; the collector lets them go."""
        for split in sorted(self._facts, key=_split_rank):
            rows = np.frombuffer(self._facts.pop(split), dtype=np.int32).reshape(-1, 3)
            yield split, distinct_facts(rows, len(self.entities), len(self.relations))


def distinct_facts(facts: Ints, entity_count: int, relation_count: int) -> Ints:
    """The rows without repetitions, in their order."""
    if entity_count**2 * relation_count >= 2**63:
        frame = pl.DataFrame(facts, schema=["head", "relation", "tail"])
        return frame.unique(maintain_order=True).to_numpy()
    packed = facts[:, 1].astype(np.int64)
    packed *= entity_count
    packed += facts[:, 0]
    packed *= entity_count
    packed += facts[:, 2]
    ordered = np.sort(packed)
    if not np.any(ordered[1:] == ordered[:-1]):
        return facts
    del ordered
    _, first = np.unique(packed, return_index=True)
    first.sort()
    return facts[first]


def _split_rank(split: str) -> tuple[int, str]:
    known = ("train", "valid", "test")
    return (known.index(split) if split in known else len(known), split)
