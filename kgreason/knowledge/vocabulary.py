"""Names and ids of one knowledge graph."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from types import MappingProxyType

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kgreason.knowledge.lookup import StringLookup
from kgreason.knowledge.suggest import nearest
from kgreason.knowledge.terms import (
    KNOWN_PREFIXES,
    canonical,
    literal_mask,
    local_names,
    shorten,
)

NO_LABELS = pl.DataFrame(schema={"entity": pl.Int32, "label": pl.String})


class Vocabulary:
    """Entities 0 … N − 1 and base relations 0 … R − 1 of one graph, and what they are called.

    A name is `<iri>`, an N-Triples literal, `_:blank`, or a plain name. Labels are what people
    read: `rdfs:label`, `skos:prefLabel`, or a labels file.
    """

    def __init__(
        self,
        entities: pl.Series | Iterable[str],
        relations: pl.Series | Iterable[str],
        *,
        prefixes: Mapping[str, str] | None = None,
        labels: pl.DataFrame | None = None,
    ) -> None:
        """`labels` has the columns entity (id) and label; an entity's first is the one shown."""
        self.entity_names = _strings(entities, "entity")
        self.relation_names = _strings(relations, "relation")
        self.prefixes: Mapping[str, str] = MappingProxyType({**KNOWN_PREFIXES, **(prefixes or {})})
        self.labels = NO_LABELS if labels is None else labels

    def __reduce__(self) -> tuple[Callable[..., Vocabulary], tuple[object, ...]]:
        """Pickled, a vocabulary is its tables; what is looked up in them is made again."""
        tables = (self.entity_names, self.relation_names, dict(self.prefixes), self.labels)
        return _of_tables, tables

    @property
    def entity_count(self) -> int:
        """Number of entities, literals and blank nodes included."""
        return len(self.entity_names)

    @property
    def relation_count(self) -> int:
        """Number of base relations."""
        return len(self.relation_names)

    def entity(self, id: int) -> str:  # noqa: A002
        """The name of an entity; `IndexError` outside 0 … N − 1."""
        return _item(self.entity_names, id)

    def relation(self, id: int) -> str:  # noqa: A002
        """The name of a base relation; `IndexError` outside 0 … R − 1."""
        return _item(self.relation_names, id)

    def label(self, id: int) -> str | None:  # noqa: A002
        """The label shown for an entity, if it has one."""
        position = int(np.searchsorted(self._labelled, id))
        if position < len(self._labelled) and self._labelled[position] == id:
            return str(self._shown_labels[position])
        return None

    def display(self, id: int) -> str:  # noqa: A002
        """Label, else the prefixed form, else the name."""
        return self.label(id) or shorten(self.entity(id), self.prefixes)

    def entities(self, ids: Sequence[int]) -> list[str]:
        """The names of many entities; `IndexError` outside 0 … N − 1."""
        if ids:
            _check(self.entity_names, min(ids))
            _check(self.entity_names, max(ids))
        return self.entity_names.gather(list(ids)).to_list()

    def displays(self, ids: Sequence[int]) -> list[str]:
        """What `display` gives for each of many entities."""
        wanted = np.asarray(ids, dtype=np.int64)
        names = self.entities(ids)
        labelled = np.isin(wanted, self._labelled)
        places = np.searchsorted(self._labelled, wanted[labelled])
        labels = iter(self._shown_labels.gather(places).to_list())
        return [
            (next(labels) if has else None) or shorten(name, self.prefixes)
            for name, has in zip(names, labelled.tolist(), strict=True)
        ]

    def display_relation(self, id: int) -> str:  # noqa: A002
        """Prefixed form, else the name of a base relation."""
        return shorten(self.relation(id), self.prefixes)

    @cached_property
    def literal(self) -> NDArray[np.bool_]:
        """(N,) True where the entity is a literal."""
        return literal_mask(self.entity_names).to_numpy().copy()

    def find_entity(self, name: str) -> tuple[int, ...]:
        """Ids the name may mean: none when unknown, several when ambiguous.

        The first of these that gives anything decides: exact name, prefixed name, label, local
        name of an IRI.
        """
        for form in self._forms(name):
            if found := self._entity_lookup.find(form):
                return found
        if rows := self._label_lookup.find(name):
            return tuple(sorted({int(self.labels["entity"][row]) for row in rows}))
        return self._entity_local_lookup.find(name)

    def find_relation(self, name: str) -> tuple[int, ...]:
        """As `find_entity`, for base relations; a relation's label is that of the same IRI."""
        for form in self._forms(name):
            if found := self._relation_lookup.find(form):
                return found
        rows = self._label_lookup.find(name)
        names = {self.entity(int(self.labels["entity"][row])) for row in rows}
        if labelled := tuple(sorted(id_ for n in names for id_ in self._relation_lookup.find(n))):
            return labelled
        return self._relation_local_lookup.find(name)

    def nearest_entities(self, name: str, count: int = 3) -> tuple[str, ...]:
        """Names or labels of entities spelled most like `name`; each resolves when asked for."""
        return nearest(self._bare(name), self._entity_spellings, count)

    def nearest_relations(self, name: str, count: int = 3) -> tuple[str, ...]:
        """Names of base relations spelled most like `name`."""
        return nearest(self._bare(name), self._relation_spellings, count)

    def fingerprint(self) -> str:
        """SHA-256 over the ordered entity and relation names, as hexadecimal digits."""
        return self._fingerprint

    def __repr__(self) -> str:
        return f"Vocabulary({self.entity_count:,} entities, {self.relation_count:,} relations)"

    def _forms(self, name: str) -> Iterator[str]:
        yield name
        if name.startswith('"'):
            yield canonical(name)
        elif name.startswith("<") and name.endswith(">"):
            yield name[1:-1]
        else:
            yield f"<{name}>"
        prefix, colon, local = name.partition(":")
        if colon and prefix in self.prefixes:
            yield f"<{self.prefixes[prefix]}{local}>"

    def _bare(self, name: str) -> str:
        if not name.startswith("<"):
            return name
        return local_names(pl.Series([name]))[0] or name.strip("<>")

    @cached_property
    def _entity_lookup(self) -> StringLookup:
        return StringLookup(self.entity_names)

    @cached_property
    def _relation_lookup(self) -> StringLookup:
        return StringLookup(self.relation_names)

    @cached_property
    def _entity_local_lookup(self) -> StringLookup:
        return StringLookup(local_names(self.entity_names))

    @cached_property
    def _relation_local_lookup(self) -> StringLookup:
        return StringLookup(local_names(self.relation_names))

    @cached_property
    def _label_lookup(self) -> StringLookup:
        return StringLookup(self.labels["label"])

    @cached_property
    def _shown(self) -> pl.DataFrame:
        return self.labels.unique("entity", keep="first", maintain_order=True).sort("entity")

    @cached_property
    def _labelled(self) -> NDArray[np.int32]:
        return self._shown["entity"].to_numpy()

    @cached_property
    def _shown_labels(self) -> pl.Series:
        return self._shown["label"]

    @cached_property
    def _entity_spellings(self) -> pl.Series:
        names = self.entity_names.filter(pl.Series(~self.literal))
        return pl.concat([_spellings(names), self._shown_labels]).unique(maintain_order=True)

    @cached_property
    def _relation_spellings(self) -> pl.Series:
        return _spellings(self.relation_names).unique(maintain_order=True)

    @cached_property
    def _fingerprint(self) -> str:
        digest = hashlib.sha256()
        for names in (self.entity_names, self.relation_names):
            digest.update(len(names).to_bytes(8, "little"))
            # Lengths keep ["ab", "c"] apart from ["a", "bc"].
            digest.update(names.str.len_bytes().cast(pl.UInt32).to_numpy().astype("<u4").tobytes())
            for part in names.to_frame().iter_slices(100_000):
                digest.update("".join(part.to_series().to_list()).encode())
        return digest.hexdigest()


def _spellings(names: pl.Series) -> pl.Series:
    """What a person would write: the local name of an IRI, a plain name as it is."""
    return pl.select(pl.coalesce(local_names(names), names)).to_series()


def _strings(names: pl.Series | Iterable[str], kind: str) -> pl.Series:
    if isinstance(names, pl.Series):
        return names.alias(kind)
    return pl.Series(kind, list(names), dtype=pl.String)


def _item(names: pl.Series, position: int) -> str:
    _check(names, position)
    return str(names[position])


def _check(names: pl.Series, position: int) -> None:
    if not 0 <= position < len(names):
        raise IndexError(f"no {names.name} has the id {position}; there are {len(names)}")


def _of_tables(
    entities: pl.Series, relations: pl.Series, prefixes: dict[str, str], labels: pl.DataFrame
) -> Vocabulary:
    return Vocabulary(entities, relations, prefixes=prefixes, labels=labels)
