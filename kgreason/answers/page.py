"""Which answers of a ranking a question shows, and in which order."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from kgreason.answers.rank import Ranking
from kgreason.formula import Query


def by_truth(query: Query[Any]) -> bool:
    """Whether the truest answers come first."""
    names = {variable.name for variable in query.free}
    return all(name not in names and down for name, down in query.modifiers.order)


def page(
    query: Query[Any], ranking: Ranking, limit: int | None, display: Callable[[int], str]
) -> Tensor:
    """Positions of the answers to show, after the question's own ORDER BY, OFFSET and LIMIT.

    display: what an entity is called.
    """
    modifiers = query.modifiers
    order = torch.arange(ranking.truths.shape[0], device=ranking.truths.device)
    names = [variable.name for variable in query.free]
    for name, descending in reversed(modifiers.order):
        if name not in names:
            # Ordered by the truth, whether or not it is selected.
            keys = ranking.truths[order]
        else:
            column = ranking.entities[order, names.index(name)].tolist()
            labels = [display(entity) for entity in column]
            place = {label: i for i, label in enumerate(sorted(set(labels)))}
            keys = torch.tensor([place[label] for label in labels], device=order.device)
        order = order[torch.argsort(keys, descending=descending, stable=True)]
    limits = [n for n in (limit, modifiers.limit) if n is not None]
    end = modifiers.offset + min(limits) if limits else None
    return order[modifiers.offset : end]
