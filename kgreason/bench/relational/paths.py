"""Suites of relational reasoning: one row is a small graph and a pair whose relation is asked.

Parquet tables with the columns src, dst (lists of node numbers), rel (list of names), head, tail,
label; k and b where rows are of different difficulty; split where one file holds several.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from kgreason.bench.tables import Cell, Table
from kgreason.choose import unknown
from kgreason.errors import CheckpointError, DataError
from kgreason.files.parquet import read_parquet, with_columns
from kgreason.predictors.gnn.epignn.checkpoint import TrainedEpiGNN
from kgreason.predictors.gnn.epignn.graphs import PairGraph, PairGraphs
from kgreason.predictors.gnn.epignn.pairs import score_pairs

_SCHEMA: dict[str, pl.DataType] = {
    "src": pl.List(pl.Int64()),
    "dst": pl.List(pl.Int64()),
    "rel": pl.List(pl.String()),
    "head": pl.Int64(),
    "tail": pl.Int64(),
    "label": pl.String(),
}
_CELLS = ("k", "b")
_OPTIONAL: dict[str, pl.DataType] = {**dict.fromkeys(_CELLS, pl.Int64()), "split": pl.String()}
_REMEDY = "columns: src, dst, rel (lists of equal length), head, tail, label; perhaps k, b, split"


@dataclass(frozen=True, slots=True)
class RelationalSuite:
    """Rows of one file. cells: (k, b) of each row, None where the file does not say."""

    name: str
    edges: tuple[tuple[tuple[int, str, int], ...], ...]
    pairs: tuple[tuple[int, int], ...]
    labels: tuple[str, ...]
    cells: tuple[tuple[int | None, int | None], ...]

    def relations(self) -> tuple[str, ...]:
        """Every relation named, in alphabetical order."""
        found = {relation for edges in self.edges for _, relation, _ in edges}
        return tuple(sorted(found.union(self.labels)))

    def bound(self, names: Sequence[str]) -> list[tuple[PairGraph, int]]:
        """Graphs and labels in ids, which are positions in `names`.

        DataError for a relation that is not among them, naming the row.
        """
        number = {name: i for i, name in enumerate(names)}
        found: list[tuple[PairGraph, int]] = []
        rows = zip(self.edges, self.pairs, self.labels, strict=True)
        try:
            for edges, (head, tail), label in rows:
                graph = [(source, number[relation], target) for source, relation, target in edges]
                found.append(((graph, head, tail), number[label]))
        except KeyError as error:
            name = str(error.args[0])
            told = unknown("relation", name, names, DataError, "the model")
            raise DataError(
                f"{self.name}, row {len(found)}: {told.message}", remedy=told.remedy
            ) from None
        return found


def read_relational(path: Path, split: str) -> RelationalSuite:
    """Read a file; of one that holds several splits, the rows of this one.

    Raises DataError for a file that is no such table, naming the column or row.
    """
    frame = read_parquet(path, _REMEDY)
    absent = [pl.lit(None).alias(name) for name in _OPTIONAL if name not in frame.columns]
    kinds = {**_SCHEMA, **_OPTIONAL}
    frame = with_columns(frame.with_columns(absent), path, kinds, _REMEDY)
    if frame["split"].n_unique() > 1:
        frame = frame.filter(pl.col("split") == split)
    table, levels = frame.select(*_SCHEMA), frame.select(*_CELLS)
    if not len(table):
        raise DataError(f"{path} has no rows of the split {split}", remedy="check the file")
    _check_rows(path, table)
    columns = (table["src"].to_list(), table["rel"].to_list(), table["dst"].to_list())
    return RelationalSuite(
        path.stem,
        tuple(tuple(zip(*row, strict=True)) for row in zip(*columns, strict=True)),
        tuple(table.select("head", "tail").rows()),
        tuple(table["label"].to_list()),
        tuple(levels.rows()),
    )


def _check_rows(path: Path, table: pl.DataFrame) -> None:
    length = pl.col("src").list.len()
    lists = ("src", "dst", "rel")
    checks = {
        "a value is missing": pl.any_horizontal(
            *(pl.col(name).is_null() for name in _SCHEMA),
            *(pl.col(name).list.eval(pl.element().is_null()).list.any() for name in lists),
        ),
        "src, dst and rel are not of equal length": (pl.col("dst").list.len() != length)
        | (pl.col("rel").list.len() != length),
        "a negative node": pl.any_horizontal(
            (pl.col("src").list.min() < 0).fill_null(value=False),
            (pl.col("dst").list.min() < 0).fill_null(value=False),
            pl.col("head", "tail") < 0,
        ),
    }
    for trouble, wrong in checks.items():
        rows = table.select(wrong.alias("wrong"))["wrong"].arg_true()
        if len(rows):
            raise DataError(f"{path}, row {rows[0]}: {trouble}", remedy=_REMEDY)


def evaluate_relational(
    trained: TrainedEpiGNN, suite: RelationalSuite, *, rounds: int | None = None
) -> Table:
    """Accuracy (in percent) of the best-scored relation, for each k and b and over all rows.

    rounds: of a sweep; None for what each graph needs. A note tells of graphs that need more.
    """
    if not trained.exclusive:
        raise CheckpointError(
            "this model was trained on a knowledge graph, not on relations that exclude each other",
            remedy="train one on a suite: kgreason bench relational --train FILE",
        )
    bound = suite.bound(trained.names)
    graphs = PairGraphs.of(graph for graph, _ in bound)
    answers = score_pairs(trained.model, graphs, rounds=rounds).argmax(1).tolist()
    right = [answer == label for answer, (_, label) in zip(answers, bound, strict=True)]
    counts, correct = Counter(suite.cells), Counter[tuple[int | None, int | None]]()
    for cell, is_right in zip(suite.cells, right, strict=True):
        correct[cell] += is_right
    cells = sorted(counts, key=lambda cell: tuple(-1 if part is None else part for part in cell))
    rows: list[tuple[Cell, ...]] = [
        (*cell, 100 * correct[cell] / counts[cell], counts[cell]) for cell in cells
    ]
    rows.append(("all", None, 100 * sum(right) / len(right), len(right)))
    notes = () if rounds is None else _shortfall(graphs, rounds)
    return Table(suite.name, ("k", "b", "accuracy", "rows"), tuple(rows), notes)


def _shortfall(graphs: PairGraphs, rounds: int) -> tuple[str, ...]:
    """A sentence about the graphs whose longest way is longer than so many rounds, if any."""
    short = int((graphs.rounds > rounds).sum())
    if not short:
        return ()
    return (
        f"{rounds} rounds are too few for {short:,} of {len(graphs):,} graphs, which need up to "
        f"{int(graphs.rounds.max())}: not all of their nodes were final when read",
    )
