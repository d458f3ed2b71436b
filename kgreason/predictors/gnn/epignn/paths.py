"""Which facts a prediction of EpiGNN stands on: paths traced back through the pooled messages.

Going back from the tail, round by round, each step takes the message without which the relation's
score would fall most. Under min pooling that is the message which set the smallest coordinates,
under product and mean the one of the largest share.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

import torch
from torch import Tensor

from kgreason.predictors.gnn.epignn.batch import Level, Union
from kgreason.predictors.gnn.epignn.model import Design, logarithms
from kgreason.predictors.gnn.epignn.propagation import TRACE, rounds

NodeStep = tuple[int, int, int]
"""Source, label, target: nodes of the union."""
# Messages of one node that a path is sought through, and nodes that are looked at for one path.
_TRIED = 4
_MOST_VISITS = 200


@dataclass(frozen=True, slots=True)
class Rounds:
    """A sweep over one graph with the states of all its rounds, to be gone through backwards.

    states: before the first of the levels, and after each.
    """

    source: int
    levels: tuple[Level, ...]
    states: tuple[Tensor, ...]

    @classmethod
    def of(
        cls, union: Union, levels: Sequence[Level], matrices: Sequence[Tensor], design: Design
    ) -> Rounds:
        """Sweep; `union` is of one graph."""
        states = tuple(rounds(union, levels, matrices, design))
        return cls(int(union.sources[0]), tuple(levels), states)


class Tracer:
    """Traces the score of one relation.

    vector: (n,) the relation, whose score is Σ_p vector_p log state_p.
    """

    def __init__(
        self, swept: Rounds, matrices: Sequence[Tensor], design: Design, vector: Tensor
    ) -> None:
        self._source = swept.source
        self._levels = swept.levels
        self._states = swept.states
        self._matrices = matrices
        self._design = design
        self._vector = vector
        self._visits = 0

    def paths(self, tail: int, most: int) -> list[tuple[NodeStep, ...]]:
        """At most so many paths from source to tail, strongest first; each ends in another edge.

        No path visits a node twice. None where the tail was not reached.
        """
        return list(islice(self._endings(tail), most))

    def _endings(self, tail: int) -> Iterator[tuple[NodeStep, ...]]:
        if tail == self._source or not self._levels:
            return
        unchanged = torch.eye(len(self._vector)).to(self._vector)
        last = self._spoken_to(tail, len(self._levels))
        for source, label in self._strongest(tail, last, unchanged):
            self._visits = 0
            after = self._matrices[label]
            before = self._back(source, last - 1, after, frozenset({tail}))
            if before is not None:
                yield (*before, (source, label, tail))

    def _back(
        self, node: int, step: int, after: Tensor, visited: frozenset[int]
    ) -> tuple[NodeStep, ...] | None:
        """The strongest way from the source to a node within so many rounds.

        after: (n, n) what the rest of the path makes of the node's state.
        """
        if node == self._source:
            return ()
        self._visits += 1
        step = self._spoken_to(node, step)
        if step == 0 or node in visited or self._visits > _MOST_VISITS:
            return None
        for source, label in islice(self._strongest(node, step, after), _TRIED):
            before = self._back(source, step - 1, self._matrices[label] @ after, visited | {node})
            if before is not None:
                return (*before, (source, label, node))
        return None

    def _spoken_to(self, node: int, step: int) -> int:
        """The last round up to this one in which a node got messages; 0 for none."""
        while step and not bool((self._levels[step - 1].nodes == node).any()):
            step -= 1
        return step

    def _strongest(self, node: int, step: int, after: Tensor) -> list[tuple[int, int]]:
        """Source and label of the messages that a node got in a round, strongest first."""
        if step == 0:
            return []
        level = self._levels[step - 1]
        place = torch.nonzero(level.nodes == node).view(-1)
        spoken = level.spoken[level.heard == place]
        labels = _labels(level).to(spoken.device)[spoken]
        sources = level.source[spoken]
        states = self._states[step - 1][sources]
        used, group = labels.unique(return_inverse=True)
        messages = torch.empty_like(states)
        for i, label in enumerate(used.tolist()):
            messages[group == i] = states[group == i] @ self._matrices[label]
        # What is left without a message, and of messages that say the same, so that none is
        # missed, what each says alone.
        left = self._scores(without_each(messages, self._design), after).tolist()
        alone = self._scores(messages, after).tolist()
        ends = list(zip(sources.tolist(), labels.tolist(), strict=True))
        order = sorted(range(len(ends)), key=lambda i: (left[i], -alone[i], ends[i]))
        return [ends[i] for i in order]

    def _scores(self, states: Tensor, after: Tensor) -> Tensor:
        return logarithms(states @ after) @ self._vector


def _labels(level: Level) -> Tensor:
    """(messages,) the label of each."""
    return torch.repeat_interleave(torch.tensor(level.labels), torch.tensor(level.counts))


def without_each(messages: Tensor, design: Design) -> Tensor:
    """(messages, n) ψ of all messages but one, for each; uniform facets where it is the only."""
    count = len(messages)
    if count == 1:
        return torch.full_like(messages, 1 / design.facet)
    if design.pooling == "min":
        least = messages.topk(2, 0, largest=False)
        place = torch.arange(count, device=messages.device).unsqueeze(1)
        others = torch.where(place == least.indices[0], least.values[1], least.values[0])
        return _normalised(others, design)
    logs = logarithms(messages)
    return _softmax(logs.sum(0, keepdim=True) - logs, count - 1, design)


def _normalised(states: Tensor, design: Design) -> Tensor:
    facets = states.view(-1, design.facets, design.facet) + TRACE
    return (facets / facets.sum(-1, keepdim=True)).flatten(1)


def _softmax(sums: Tensor, count: int, design: Design) -> Tensor:
    sums = sums / count if design.pooling == "mean" else sums
    return torch.softmax(sums.view(-1, design.facets, design.facet), -1).flatten(1)
