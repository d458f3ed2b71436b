"""Figures that papers report, to set beside a run's own."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files


@dataclass(frozen=True, slots=True)
class PublishedRow:
    """One method's MRR × 100 by type (and average) on one graph.

    sources: where the figures were read. second_hand: not from a paper's own table or code's own
    log: to be checked against the paper before it is quoted.
    """

    method: str
    graph: str
    family: str
    sources: tuple[str, ...]
    second_hand: bool
    figures: Mapping[str, float]


# The longest beginning first: FB15k-237 is not FB15k.
_GRAPHS = (("FB15k-237", "FB15k-237"), ("FB15k", "FB15k"), ("NELL", "NELL995"))


@cache
def published_rows() -> tuple[PublishedRow, ...]:
    """All rows of the data file, in its order."""
    text = files("kgreason.bench.runs").joinpath("published.toml").read_text(encoding="utf-8")
    content = tomllib.loads(text)
    sources = content["sources"]
    return tuple(
        PublishedRow(
            row["method"],
            row["graph"],
            row["family"],
            tuple(sources[name]["text"] for name in row["sources"]),
            any(sources[name]["second_hand"] for name in row["sources"]),
            row["mrr"],
        )
        for row in content["rows"]
    )


def published_for(graph: str, family: str) -> list[PublishedRow]:
    """The rows of one family on the graph that a folder or graph of that name holds."""
    name = next((name for beginning, name in _GRAPHS if graph.startswith(beginning)), None)
    return [row for row in published_rows() if (row.graph, row.family) == (name, family)]
