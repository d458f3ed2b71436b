"""Relation algebras: composition tables, and what they entail about a graph."""

from kgreason.algebra.closure import close
from kgreason.algebra.mine import mine_table
from kgreason.algebra.small_graphs import SmallGraphs, read_small_graphs
from kgreason.algebra.table import CompositionTable, read_table

__all__ = [
    "CompositionTable",
    "SmallGraphs",
    "close",
    "mine_table",
    "read_small_graphs",
    "read_table",
]
