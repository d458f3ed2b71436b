"""Graphs that other libraries already hold in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import polars as pl
import pyoxigraph as ox

from kgreason.checks import shown
from kgreason.errors import DataError
from kgreason.knowledge.interner import Collector
from kgreason.knowledge.sources.tables import split_of

if TYPE_CHECKING:
    import rdflib

_COLUMNS = ("head", "relation", "tail")


def read_rdflib(graph: rdflib.Graph, collector: Collector) -> None:
    """Collect an rdflib graph; literals keep the lexical form rdflib kept."""
    from rdflib import Graph

    if not isinstance(graph, Graph):
        raise DataError(
            f"{type(graph).__name__} is not an rdflib graph", remedy="pass a Graph or a Dataset"
        )
    heads: list[str] = []
    relations: list[str] = []
    tails: list[str] = []
    for statement in graph:
        subject, predicate, value = statement[:3]
        heads.append(_term(subject))
        relations.append(_term(predicate))
        tails.append(_term(value))
    collector.entities.renames_invented = True
    collector.add(heads, relations, tails)
    collector.add_prefixes({str(prefix): str(iri) for prefix, iri in graph.namespaces()})


def _term(term: Any) -> str:
    from rdflib import BNode, Literal

    if isinstance(term, BNode):
        return f"_:{term}"
    if not isinstance(term, Literal):
        return f"<{term}>"
    try:
        if term.language:
            return str(ox.Literal(str(term), language=term.language))
        if term.datatype is None:
            return str(ox.Literal(str(term)))
        return str(ox.Literal(str(term), datatype=ox.NamedNode(str(term.datatype))))
    except ValueError as error:
        raise DataError(
            f"the literal {str(term)[:80]!r} is malformed: {error}",
            remedy="give it an absolute datatype IRI or a language tag of BCP 47",
        ) from error


def read_frame(frame: object, collector: Collector) -> None:
    """Collect a polars or pandas frame; `DataError` when a column or a value is missing."""
    table = _as_polars(frame)
    for column in _COLUMNS:
        if column not in table.columns:
            raise DataError(
                f"the frame has no column {column!r}; it has {', '.join(table.columns)}",
                remedy="name its columns head, relation, tail and maybe split",
            )
        if table[column].null_count():
            raise DataError(
                f"the column {column!r} lacks a value in row {table[column].is_null().arg_max()}",
                remedy="drop the rows without a value",
            )
    if "split" not in table.columns:
        _add(table, collector, "train")
        return
    for (split,), part in table.group_by("split", maintain_order=True):
        name = str(split) if split is not None else "train"
        _add(part, collector, split_of(name) or name)


def _add(table: pl.DataFrame, collector: Collector, split: str) -> None:
    heads, relations, tails = (table[column] for column in _COLUMNS)
    collector.add(heads, relations, tails, split)


def _as_polars(frame: Any) -> pl.DataFrame:
    if isinstance(frame, pl.LazyFrame):
        frame = frame.collect()
    if not isinstance(frame, pl.DataFrame):
        try:
            wanted = [column for column in (*_COLUMNS, "split") if column in frame.columns]
            # Missing values of every kind differ from themselves or are None.
            frame = pl.DataFrame(
                {
                    column: [
                        None if value is None or value != value else str(value)
                        for value in frame[column].tolist()
                    ]
                    for column in wanted
                }
            )
        except (AttributeError, TypeError) as error:
            raise DataError(
                f"{type(frame).__name__} is not a frame", remedy="pass a polars or pandas frame"
            ) from error
        except UnicodeEncodeError as error:
            raise DataError(
                f"the frame holds {shown(error.object)}, which is no Unicode text",
                remedy="read it as UTF-8, without surrogateescape",
            ) from None
    table: pl.DataFrame = frame.select(pl.col(column).cast(pl.String) for column in frame.columns)
    return table
