"""Inductive link prediction: learn on one graph, rank missing links of another with new entities.

Parquet tables with the columns graph (`train` or `ind`), split (`train`, `valid`, `test`), h, r, t
(names), as the splits of GraIL (Teru et al., ICML 2020).
"""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import polars as pl
import torch
from numpy.typing import NDArray

from kgreason.bench.tables import Cell, Table
from kgreason.choose import require
from kgreason.errors import DataError
from kgreason.files.parquet import read_parquet, with_columns
from kgreason.knowledge import KnowledgeGraph
from kgreason.metrics.averages import hits, mean_reciprocal_rank
from kgreason.metrics.ranking import answer_ranks, both_directions, removed
from kgreason.predictors.gnn.epignn.checkpoint import TrainedEpiGNN
from kgreason.predictors.gnn.epignn.model import EpiGNN
from kgreason.predictors.gnn.odds import UNREACHED
from kgreason.predictors.scorer import Scorer

SAMPLED = 50
"""Negatives of the sampled protocol."""
_COLUMNS = ("graph", "split", "h", "r", "t")
_REMEDY = "columns: graph (train, ind), split (train, valid, test), h, r, t"
_BLOCK = 64
"""Questions ranked at a time."""


@dataclass(frozen=True, slots=True)
class InductiveSplits:
    """The graph to learn on and the new one; `asked` are the new graph's splits that are ranked."""

    name: str
    learned: KnowledgeGraph
    new: KnowledgeGraph
    asked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Ranks:
    """Filtered ranks, one per question (two per fact), ties at their mean.

    ranks: (questions,) from 1. negatives: (questions,) candidates beside the answer. reached:
    (questions,) bool, whether any way within the model's rounds leads to the answer.
    """

    ranks: NDArray[np.float64]
    negatives: NDArray[np.int64]
    reached: NDArray[np.bool_]

    def hits(self, most: int) -> float:
        """Share of ranks up to `most`."""
        return hits(self.ranks, most)

    @property
    def mrr(self) -> float:
        """Mean reciprocal rank."""
        return mean_reciprocal_rank(self.ranks)

    def sampled_hits(self, most: int = 10, sampled: int = SAMPLED) -> float:
        """Share of ranks up to `most` against so many random negatives, as an expectation.

        Σ_{i < most} C(sampled, i) pⁱ (1 − p)^(sampled − i) with p = (rank − 1) / negatives.
        """
        share = (self.ranks - 1) / np.maximum(1, self.negatives)
        better = np.arange(most)
        ways = np.array([math.comb(sampled, i) for i in range(most)], dtype=np.float64)
        powers = share[:, None] ** better * (1 - share[:, None]) ** (sampled - better)
        return float((ways * powers).sum(1).mean())


def read_inductive(path: Path, asked: tuple[str, ...] = ()) -> InductiveSplits:
    """Read a file; asked: the new graph's splits to rank, else `test`, or `valid` where none is.

    Raises DataError for a file that is no such table, UsageError for a split that it lacks.
    """
    kinds = {name: pl.String() for name in _COLUMNS}
    frame = with_columns(read_parquet(path, _REMEDY), path, kinds, _REMEDY)
    if frame.select(pl.col(*_COLUMNS).is_null().any()).row(0).count(True):
        raise DataError(f"{path}: a value is missing", remedy=_REMEDY)
    graphs = {name: frame.filter(pl.col("graph") == name) for name in ("train", "ind")}
    splits = {name: set(part["split"]) for name, part in graphs.items()}
    for name in asked:
        require("split", name, splits["ind"], owner="the new graph")
    usual = (name for name in ("test", "valid") if name in splits["ind"])
    asked = asked or tuple(itertools.islice(usual, 1))
    if "train" not in splits["train"] or "train" not in splits["ind"] or not asked:
        raise DataError(
            f"{path}: a graph lacks facts to reason from, or links to rank", remedy=_REMEDY
        )
    columns = {"head": "h", "relation": "r", "tail": "t", "split": "split"}
    learned, new = (
        KnowledgeGraph.from_frame(
            graphs[name].select(pl.col(old).alias(n) for n, old in columns.items()),
            name=f"{path.stem} ({called})",
        )
        for name, called in (("train", "learned"), ("ind", "new"))
    )
    return InductiveSplits(path.stem, learned, new, asked)


def untrained(trained: TrainedEpiGNN, seed: int) -> TrainedEpiGNN:
    """The same design with random weights: what reachability alone is worth."""
    random = torch.Generator().manual_seed(seed)
    model = EpiGNN(trained.model.design, trained.model.relation_count, random)
    model.requires_grad_(requires_grad=False)
    odds = torch.tensor([1.0, 0.0]).repeat(model.relation_count, 1)
    return TrainedEpiGNN(model, trained.names, trained.exclusive, trained.rounds, odds)


def rank_inductive(scorer: Scorer, splits: InductiveSplits) -> Ranks:
    """Rank heads and tails of the asked links among all of the new graph's entities.

    scorer: over the facts of its `train` split. Known facts of all splits are filtered.
    """
    graph = splits.new
    asked = torch.from_numpy(graph.facts(splits.asked).astype(np.int64))
    heads, relations, tails = both_directions(asked)
    ranks, negatives, reached = [], [], []
    for block in torch.arange(len(heads)).split(_BLOCK):
        scores = scorer.scores(heads[block], relations[block])
        reached.append(scores.gather(1, tails[block].unsqueeze(1)).squeeze(1) > UNREACHED)
        not_rivals = removed(heads[block], relations[block], tails[block], graph.index())
        ranks.append(answer_ranks(scores, tails[block], not_rivals))
        negatives.append((~not_rivals).sum(1))
    return Ranks(*(torch.cat(part).numpy() for part in (ranks, negatives, reached)))


def inductive_table(splits: InductiveSplits, found: dict[str, Ranks]) -> Table:
    """A row of figures (in percent) for each model by name."""
    head = ("model", "MRR", "Hits@1", "Hits@3", "Hits@10", f"Hits@10 of {SAMPLED}", "reached")
    rows: tuple[tuple[Cell, ...], ...] = tuple(
        (
            name,
            *(100 * value for value in (one.mrr, one.hits(1), one.hits(3), one.hits(10))),
            100 * one.sampled_hits(),
            100 * float(one.reached.mean()),
        )
        for name, one in found.items()
    )
    asked = len(next(iter(found.values())).ranks)
    return Table(
        splits.name,
        head,
        rows,
        (
            f"{asked:,} questions: heads and tails of the new graph's "
            f"{' and '.join(splits.asked)} links, ranked among all "
            f"{splits.new.entity_count:,} entities, known links filtered, ties at mean rank",
            f"Hits@10 of {SAMPLED}: expected against {SAMPLED} random negatives",
        ),
    )
