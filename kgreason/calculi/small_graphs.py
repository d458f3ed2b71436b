"""Many small graphs, each with one question, the relation of its head to its tail."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from kgreason.errors import DataError
from kgreason.ragged import Longs, offsets_of, segments

if TYPE_CHECKING:
    import polars as pl

_COLUMNS = ("src", "dst", "rel", "head", "tail", "label")


@dataclass(frozen=True, eq=False)
class SmallGraphs:
    """Edges of all graphs one after the other, and their questions.

    names: relations, sorted. offsets: (graphs + 1,) of each graph's edges. sources, targets,
    relations: (edges,), nodes counted within their graph. heads, tails, labels: (graphs,), label
    a position in names. cells: (graphs, 2) k and b, −1 where the table has no such column.
    """

    names: tuple[str, ...]
    offsets: Longs
    sources: Longs
    targets: Longs
    relations: Longs
    heads: Longs
    tails: Longs
    labels: Longs
    cells: Longs

    def __len__(self) -> int:
        return len(self.heads)

    @property
    def graph_of_edge(self) -> Longs:
        """(edges,) position of the graph each edge belongs to."""
        return segments(self.offsets)

    @property
    def node_counts(self) -> Longs:
        """(graphs,) highest node of each graph plus one."""
        found = np.maximum(self.heads, self.tails)
        np.maximum.at(found, self.graph_of_edge, np.maximum(self.sources, self.targets))
        return found + 1


def read_small_graphs(path: Path) -> SmallGraphs:
    """The graphs of a Parquet table with the columns src, dst, rel (lists), head, tail, label.

    Raises DataError for another table, lists of unequal length, or a negative node.
    """
    import polars as pl

    from kgreason.files.parquet import read_parquet, with_columns

    remedy = f"a table of relational questions has the columns {', '.join(_COLUMNS)}"
    ids, names = pl.Int64(), pl.String()
    kinds = (pl.List(ids), pl.List(ids), pl.List(names), ids, ids, names)
    columns = dict(zip(_COLUMNS, kinds, strict=True))
    frame = with_columns(read_parquet(path, remedy), path, columns, remedy)
    lengths = [frame[name].list.len() for name in ("src", "dst", "rel")]
    if not all((lengths[0] == other).all() for other in lengths[1:]):
        raise DataError(f"{path}: src, dst and rel differ in length", remedy="make it again")
    return _graphs(path, frame, lengths[0].cast(pl.Int64).to_numpy())


def _graphs(path: Path, frame: pl.DataFrame, lengths: Longs) -> SmallGraphs:
    import polars as pl

    # An empty list would explode into a null, which is no edge.
    edges = frame.select("src", "dst", "rel").explode("src", "dst", "rel").drop_nulls()
    names = pl.concat([edges["rel"], frame["label"]]).unique().drop_nulls().sort()
    kind = pl.Enum(names)
    source, target = (edges[name].to_numpy() for name in ("src", "dst"))
    head, tail = (frame[name].to_numpy() for name in ("head", "tail"))
    if len(edges) != lengths.sum() or frame.select(_COLUMNS[3:]).null_count().sum_horizontal()[0]:
        raise DataError(f"{path}: a value is missing", remedy="make it again")
    if any(len(ids) and ids.min() < 0 for ids in (source, target, head, tail)):
        raise DataError(f"{path}: a negative node", remedy="nodes are numbered 0, 1, … in a graph")
    cell = [
        frame[c].cast(pl.Int64) if c in frame.columns else pl.repeat(-1, len(frame), eager=True)
        for c in ("k", "b")
    ]
    return SmallGraphs(
        tuple(names.to_list()),
        offsets_of(lengths),
        source,
        target,
        edges["rel"].cast(kind).to_physical().cast(pl.Int64).to_numpy(),
        head,
        tail,
        frame["label"].cast(kind).to_physical().cast(pl.Int64).to_numpy(),
        np.stack([column.fill_null(-1).to_numpy() for column in cell], 1),
    )
