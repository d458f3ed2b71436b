"""Labels: what people call entities."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import polars as pl
from numpy.typing import NDArray

from kgreason.checks import check_text, shown
from kgreason.errors import DataError, UsageError
from kgreason.knowledge.sources.blocks import line_blocks
from kgreason.knowledge.sources.guard import DEFAULT_LIMITS, ReadingLimits
from kgreason.knowledge.sources.streams import Source
from kgreason.knowledge.terms import RDFS_LABEL, SKOS_LABEL, literal_parts

# Which label of an entity is shown: the smallest rank wins.
_GIVEN, _FROM_SOURCE, _CHOSEN, _PREFERRED, _PLAIN = range(5)

_WIKIDATA_ID = r" \(Q[0-9]+\)$"


def read_labels(
    labels: str | Path | Mapping[str, str], limits: ReadingLimits = DEFAULT_LIMITS
) -> dict[str, str]:
    """Names and their labels, from a file of `name TAB label` lines, or from a mapping as it is."""
    if isinstance(labels, Mapping):
        for name, label in labels.items():
            check_text(name, "a name in the labels")
            check_text(label, f"the label of {shown(name)}")
        return dict(labels)
    source = Source(str(labels), limits)
    found: dict[str, str] = {}
    with source.open() as stream:
        for first, block in line_blocks(source, stream):
            for number, line in enumerate(_decoded(source, block).split("\n"), first):
                if not line.strip():
                    continue
                name, tab, label = line.partition("\t")
                if not tab or not name or not label.strip():
                    raise DataError(
                        f"{source.label}, line {number}: expected `name TAB label`, "
                        f"got {line[:80]!r}",
                        remedy="one name and one label per line, separated by a tab",
                    )
                found.setdefault(name, label.strip())
    return found


def _decoded(source: Source, block: bytes) -> str:
    try:
        return block.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(f"{source.label}: not UTF-8 text", remedy="convert it to UTF-8") from error


def collect_labels(
    entities: pl.Series,
    relations: pl.Series,
    facts: Mapping[str, NDArray[np.int32]],
    given: Mapping[str, str],
    from_source: Mapping[str, str],
    properties: Sequence[str] = (),
) -> pl.DataFrame:
    """Columns entity and label, the label to show first: given, chosen, preferred, rdfs:label.

    properties: relations that the user says hold labels; each must be one of the graph.
    Among labels of one kind English comes first, then no language, then the others.
    """
    parts = [
        _named(entities, given, _GIVEN, required=True),
        _named(entities, from_source, _FROM_SOURCE, required=False),
        *(
            _stated(entities, relations, facts, _relation(relations, name), _CHOSEN)
            for name in properties
        ),
        _stated(entities, relations, facts, SKOS_LABEL, _PREFERRED),
        _stated(entities, relations, facts, RDFS_LABEL, _PLAIN),
    ]
    table = pl.concat(parts)
    return (
        table.sort(["entity", "rank", "language"], maintain_order=True)
        .select("entity", "label")
        .unique(maintain_order=True, keep="first")
    )


def _relation(relations: pl.Series, name: str) -> str:
    """The relation's name as the graph writes it: an IRI may come without its angle brackets."""
    for spelled in (name, f"<{name}>"):
        if relations.index_of(spelled) is not None:
            return spelled
    raise UsageError(
        f"no relation {name!r} holds labels: the graph has no such relation",
        remedy="name it in full, for example http://xmlns.com/foaf/0.1/name",
    )


_SCHEMA = {"entity": pl.Int32, "label": pl.String, "rank": pl.Int8, "language": pl.String}


def _named(
    entities: pl.Series, labels: Mapping[str, str], rank: int, *, required: bool
) -> pl.DataFrame:
    if not labels:
        return pl.DataFrame(schema=_SCHEMA)
    wanted = pl.DataFrame({"name": list(labels), "label": list(labels.values())})
    # A labels file may write an IRI with or without its angle brackets.
    bare = wanted.with_columns(pl.format("<{}>", pl.col("name")).alias("name"))
    # `republic (Q7270)` is also found as `republic`.
    short = wanted.with_columns(pl.col("label").str.replace(_WIKIDATA_ID, ""))
    short_bare = bare.with_columns(pl.col("label").str.replace(_WIKIDATA_ID, ""))
    wanted = pl.concat([wanted, bare, short, short_bare])
    known = pl.DataFrame({"name": entities}).with_row_index("entity")
    found = known.join(wanted, on="name", how="inner", maintain_order="left_right")
    if required and not len(found):
        raise DataError(
            f"none of the {len(labels)} names in the labels is an entity",
            remedy="the first column must hold entity names as the graph writes them",
        )
    return found.select(
        pl.col("entity").cast(pl.Int32),
        "label",
        pl.lit(rank, pl.Int8).alias("rank"),
        pl.lit("", pl.String).alias("language"),
    )


def _stated(
    entities: pl.Series,
    relations: pl.Series,
    facts: Mapping[str, NDArray[np.int32]],
    relation: str,
    rank: int,
) -> pl.DataFrame:
    number = relations.index_of(relation)
    if number is None:
        return pl.DataFrame(schema=_SCHEMA)
    rows = np.concatenate([rows[rows[:, 1] == number] for rows in facts.values()])
    records: list[tuple[int, str, int, str]] = []
    for head, name in zip(rows[:, 0].tolist(), entities.gather(rows[:, 2]).to_list(), strict=True):
        parts = literal_parts(name)
        if parts is not None and parts[0].strip():
            records.append((head, parts[0], rank, _language_rank(parts[1])))
    return pl.DataFrame(records, schema=_SCHEMA, orient="row")


def _language_rank(language: str | None) -> str:
    if language is None:
        return "1"
    return "0" if language.lower().split("-")[0] == "en" else f"2{language.lower()}"
