"""A knowledge graph in a few lines for people."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from kgreason.knowledge.graph import KnowledgeGraph


def describe(graph: KnowledgeGraph, relations: int = 5) -> str:
    """Sizes, splits, kinds of entities, and the relations with most facts."""
    vocabulary = graph.vocabulary
    literals = int(vocabulary.literal.sum())
    blanks = int(vocabulary.entity_names.str.starts_with("_:").sum())
    labelled = vocabulary.labels["entity"].n_unique()
    kinds = [
        f"{count:,} {kind}"
        for count, kind in ((literals, "literals"), (blanks, "blank nodes"))
        if count
    ]
    lines = [
        graph.name,
        f"  entities   {graph.entity_count:,}" + (f" ({', '.join(kinds)})" if kinds else ""),
        f"  labels     {labelled:,} entities",
        f"  relations  {graph.relation_count:,}",
        f"  facts      {sum(graph.fact_counts.values()):,}"
        + ("" if len(graph.splits) == 1 else f" ({_splits(graph)})"),
    ]
    if graph.skipped:
        lines.append(f"  skipped    {graph.skipped:,} malformed statements")
    counts = np.bincount(graph.facts()[:, 1], minlength=graph.relation_count)
    top = np.argsort(-counts, kind="stable")[:relations].tolist()
    lines.append("  commonest relations")
    lines += [f"    {int(counts[k]):>10,}  {vocabulary.display_relation(k)}" for k in top]
    return "\n".join(lines)


def _splits(graph: KnowledgeGraph) -> str:
    return ", ".join(f"{count:,} {split}" for split, count in graph.fact_counts.items())
