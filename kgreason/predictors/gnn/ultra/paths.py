"""Which facts a prediction of a network over edges stands on.

As in NBFNet (Zhu et al., NeurIPS 2021, section 4.4): how much the score would change with the
strength of an edge in a layer is its gradient, and a path from the head is worth the mean of its
edges' gradients, the first edge taken in the first layer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from kgreason.predictors.gnn.edges import Edges
from kgreason.predictors.protocol import Path
from kgreason.ragged import segments

Doubles = NDArray[np.float64]
# Paths kept at each node for each length.
_KEPT = 3


def strongest_paths(
    score: Callable[[Sequence[Tensor]], Tensor],
    layers: int,
    edges: Edges,
    head: int,
    tail: int,
    most: int,
) -> tuple[Path, ...]:
    """At most so many paths of facts from head to tail, strongest first; no entity comes twice.

    score: the score of the link from the strengths, (edges,) each, of the edges in every layer.
    edges: their labels are directed relations, and a receiver is the head of its fact.
    """
    like = edges.offsets.new_ones(len(edges), dtype=torch.float32)
    strengths = [like.clone().requires_grad_() for _ in range(layers)]
    with torch.enable_grad():
        gradients = torch.autograd.grad(score(strengths), strengths)
    parts = [part.double().cpu().numpy() for part in gradients]
    return _best(parts, edges, head, tail)[:most]


def _best(gradients: Sequence[Doubles], edges: Edges, head: int, tail: int) -> tuple[Path, ...]:
    """Every path that is among those kept, of positive worth, strongest first."""
    receiver = segments(edges.offsets.cpu().numpy())
    sender = edges.sender[edges.message].cpu().numpy()
    label = edges.label[edges.message].cpu().numpy()
    worth = np.full((edges.receivers, _KEPT), -np.inf)
    worth[head, 0] = 0.0
    came: list[NDArray[np.int64]] = []
    found: list[tuple[float, Path]] = []
    for step, gradient in enumerate(gradients, start=1):
        worth, back = _step(worth, gradient, receiver, sender)
        came.append(back)
        for kept in range(_KEPT):
            if worth[tail, kept] / step > 0:
                path = _traced(came, tail, kept, sender, label, receiver)
                if _is_simple(path):
                    found.append((worth[tail, kept] / step, path))
    found.sort(key=lambda one: -one[0])
    return tuple(path for _, path in found)


def _step(
    worth: Doubles, gradient: Doubles, receiver: NDArray[np.int64], sender: NDArray[np.int64]
) -> tuple[Doubles, NDArray[np.int64]]:
    """The best at each node after one more edge, and (edge · _KEPT + rank before) they came by."""
    every = worth[sender] + gradient[:, None]
    edge, rank = np.nonzero(np.isfinite(every))
    value, node = every[edge, rank], receiver[edge]
    order = np.lexsort((-value, node))
    node = node[order]
    place = np.arange(len(node)) - np.searchsorted(node, node)
    kept = place < _KEPT
    after = np.full_like(worth, -np.inf)
    back = np.full(worth.shape, -1, dtype=np.int64)
    after[node[kept], place[kept]] = value[order][kept]
    back[node[kept], place[kept]] = (edge * _KEPT + rank)[order][kept]
    return after, back


def _traced(
    came: Sequence[NDArray[np.int64]],
    tail: int,
    kept: int,
    sender: NDArray[np.int64],
    label: NDArray[np.int64],
    receiver: NDArray[np.int64],
) -> Path:
    links = []
    node = tail
    for back in reversed(came):
        edge, kept = divmod(int(back[node, kept]), _KEPT)
        # The fact leads from the receiver to the sender; the path goes the other way.
        links.append((int(sender[edge]), int(label[edge]) ^ 1, int(receiver[edge])))
        node = int(sender[edge])
    return tuple(reversed(links))


def _is_simple(path: Path) -> bool:
    entities = [path[0][0], *(tail for _, _, tail in path)]
    return len(set(entities)) == len(entities)
