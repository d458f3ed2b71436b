"""Relation algebras: composition tables, and what they entail about a graph."""

from kgreason.calculi.closure import close
from kgreason.calculi.mine import mine_table
from kgreason.calculi.small_graphs import SmallGraphs, read_small_graphs
from kgreason.calculi.table import CompositionTable, read_table

__all__ = [
    "CompositionTable",
    "SmallGraphs",
    "close",
    "mine_table",
    "read_small_graphs",
    "read_table",
]
