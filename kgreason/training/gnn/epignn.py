"""EpiGNN on a knowledge graph: which tail, among all that the rest of the graph leads to.

The edge that is asked for and its inverse are taken out of the graph of that question: they would
give the answer away. Questions of one head share a sweep, without the edges that any of them asks
for, a few of the head's many.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import cross_entropy

from kgreason.errors import DataError, UsageError
from kgreason.knowledge import FactIndex
from kgreason.predictors.checkpoints.format import Checkpoint
from kgreason.predictors.gnn.epignn.batch import MOST_ROUNDS
from kgreason.predictors.gnn.epignn.checkpoint import TrainedEpiGNN
from kgreason.predictors.gnn.epignn.model import Design, EpiGNN, logarithms
from kgreason.predictors.gnn.epignn.neighbours import Asked, Neighbours, Surroundings
from kgreason.predictors.gnn.epignn.propagation import sweep
from kgreason.predictors.gnn.epignn.scorer import EpiGNNScorer
from kgreason.predictors.gnn.odds import fit_odds
from kgreason.predictors.scorer import Coverage, Scorer
from kgreason.ragged import Longs, offsets_of, segments
from kgreason.training.facts import TrainingFacts
from kgreason.training.gnn.rounds import fitting_rounds
from kgreason.training.options import Options
from kgreason.training.state import pack_optimizer, unpack_optimizer

_ARGUMENTS: Mapping[str, Any] = {"facets": 8, "pooling": "mean", "rounds": None, "questions": 0}
# Questions of one head in a sweep: at most so many, and such a share of all that it has.
_TOGETHER = 16
_SHARE = 0.2
# The share of epochs, at the end, over which the learning rate falls to 0.
_DECAY = 0.25


class EpiGNNTrainer:
    """Softmax over reached tails, for every fact in both directions, by AdamW."""

    def __init__(self, facts: TrainingFacts, relations: int, options: Options) -> None:
        """`options.arguments`: facets, pooling, rounds (`fitting_rounds`), questions of an epoch.

        Raises UsageError for other arguments, or values that are none.
        """
        design, rounds, self._most = _chosen(options)
        self._options, self._facts = options, facts
        self._random = torch.Generator().manual_seed(options.seed)
        head, relation, tail = facts.train.numpy().T
        self._neighbours = Neighbours.of(
            np.concatenate((head, tail)),
            np.concatenate((2 * relation, 2 * relation + 1)),
            np.concatenate((tail, head)),
            facts.entities,
        )
        self._done = 0
        self._known = _index(facts.train, facts.entities, relations)
        self._questions = np.concatenate(
            (
                np.stack((head, 2 * relation, tail), 1),
                np.stack((tail, 2 * relation + 1, head), 1),
            )
        )
        self.rounds = rounds or fitting_rounds(self._neighbours, self._questions, self._random)
        self.model = EpiGNN(design, 2 * relations, self._random).to(options.device)
        self._optimizer = torch.optim.AdamW(self.model.parameters(), lr=options.learning_rate)

    def epoch(self, show: Callable[[float], None]) -> float:
        """One pass over all facts, or so many questions; the mean loss of reached tails.

        show: told after every step which share of the facts is done. Raises DataError where no tail
        is reached without the fact itself.
        """
        left = 1 - self._done / self._options.epochs
        for group in self._optimizer.param_groups:
            group["lr"] = self._options.learning_rate * min(1.0, left / _DECAY)
        self._done += 1
        total, count, asked = 0.0, 0, 0
        for batch in self._batches():
            asked += sum(map(len, batch))
            show(min(1.0, asked / (self._most or len(self._questions))))
            losses = self._losses(batch)
            if not len(losses):
                continue
            self._optimizer.zero_grad()
            losses.mean().backward()
            self._optimizer.step()
            total += float(losses.detach().sum())
            count += len(losses)
        if not count and asked == len(self._questions):
            raise DataError(
                f"within {self.rounds} rounds, the facts do not lead to each other in any way but "
                "the one they state: there is nothing to learn from",
                remedy="give more rounds, or a graph in which several ways lead from one entity to "
                "another",
            )
        return total / max(1, count)

    def _batches(self) -> Iterator[list[Longs]]:
        """Questions in groups of one head, a random few groups at a time."""
        order = torch.randperm(len(self._questions), generator=self._random).numpy()
        order = order[np.argsort(self._questions[order, 0], kind="stable")]
        groups: list[Longs] = []
        heads = np.flatnonzero(np.diff(self._questions[order, 0])) + 1
        for asked in np.split(order, heads):
            size = max(1, min(_TOGETHER, int(_SHARE * len(asked))))
            groups += [asked[i : i + size] for i in range(0, len(asked), size)]
        batch: list[Longs] = []
        left = self._most or len(self._questions)
        for place in torch.randperm(len(groups), generator=self._random).tolist():
            if left <= 0:
                break
            left -= len(groups[place])
            batch.append(self._questions[groups[place]])
            if sum(map(len, batch)) >= self._options.batch_size:
                yield batch
                batch = []
        if batch:
            yield batch

    def _losses(self, groups: list[Longs]) -> Tensor:
        """(answerable questions,) −log of the tail's share among the reached tails.

        groups: (questions, 3) of one head each, which one sweep answers.
        """
        around = self._around(groups)
        device, design = self.model.relation.device, self.model.design
        levels, matrices = around.union.levels(device), self.model.forward_matrices().unbind()
        logs = logarithms(sweep(around.union, levels, matrices, design))
        vectors = self.model.relations().flatten(1) * self.model.factors().unsqueeze(1)
        parts = logs.split(np.diff(around.starts).tolist())
        entities = np.split(around.entity, around.starts[1:-1])
        losses = []
        for questions, states, reached in zip(groups, parts, entities, strict=True):
            target, hidden = self._answers(questions, reached)
            asked = vectors[torch.from_numpy(questions[:, 1]).to(device)] / design.facets
            scores = (asked @ states.T).masked_fill(torch.from_numpy(hidden).to(device), -torch.inf)
            answered = np.flatnonzero(target >= 0)
            at = torch.from_numpy(target[answered]).to(device)
            losses.append(cross_entropy(scores[answered], at, reduction="none"))
        return torch.cat(losses)

    def _around(self, groups: list[Longs]) -> Surroundings:
        """What is reached from each group's head without the edges that are asked for."""
        questions = np.concatenate(groups)
        group = segments(offsets_of([len(one) for one in groups]))
        heads = np.array([one[0, 0] for one in groups])
        rounds = np.full(len(groups), self.rounds, dtype=np.int64)
        asked = Asked(group, questions[:, 1], questions[:, 2])
        return self._neighbours.around(heads, rounds, asked)

    def _answers(self, questions: Longs, reached: Longs) -> tuple[Longs, NDArray[np.bool_]]:
        """Where the tails are and which others are known.

        reached: (nodes,) ascending entities. Gives (questions,) positions of the tails among them,
        −1 where not reached, and (questions, nodes) bool.
        """
        head, relation, tail = (column[:, None] for column in questions.T)
        is_tail = reached == tail
        target = np.where(is_tail.any(1), is_tail.argmax(1), -1)
        every = np.broadcast_arrays(head, relation, reached)
        known = self._known.contains(*(column.ravel() for column in every))
        return target, known.reshape(is_tail.shape) & ~is_tail

    def weights(self) -> dict[str, Tensor]:
        """The model as it stands; the tensors change with training."""
        return dict(self.model.state_dict())

    def adopt(self, weights: dict[str, Tensor]) -> None:
        """Take over what `weights` once gave."""
        self.model.load_state_dict(weights)

    def state(self) -> dict[str, Tensor]:
        """Everything the next epoch depends on."""
        return {
            "random": self._random.get_state(),
            **self.weights(),
            **pack_optimizer(self._optimizer),
        }

    def restore(self, state: dict[str, Tensor], epochs: int) -> None:
        """Continue from `state()` after `epochs` epochs."""
        self.adopt({name: state[name] for name in self.weights()})
        self._random.set_state(state["random"])
        unpack_optimizer(self._optimizer, state)
        self._done = epochs

    def scorer(self) -> Scorer:
        """The model as it stands, over the training graph."""
        relations = self.model.relation_count
        odds = torch.tensor([1.0, 0.0]).repeat(relations, 1)
        trained = self._trained(tuple(map(str, range(relations // 2))), odds)
        facts, every = self._facts.train.numpy(), np.arange(relations)
        return EpiGNNScorer(
            trained, facts, self._facts.entities, every, device=self._options.device
        )

    def checkpoint(
        self, vocabulary: Any, coverage: Coverage, training: dict[str, Any]
    ) -> Checkpoint:
        """The model as it stands, with odds fitted to the validation facts, to be written."""
        both = torch.cat((self._facts.train, self._facts.validation))
        known = _index(both, self._facts.entities, self.model.relation_count // 2)
        odds = fit_odds(self.scorer(), self._facts.validation, known)
        trained = self._trained(tuple(vocabulary.relation_names.to_list()), odds)
        return trained.checkpoint(entities=self._facts.entities, training=training)

    def _trained(self, names: tuple[str, ...], odds: Tensor) -> TrainedEpiGNN:
        return TrainedEpiGNN(self.model, names, False, self.rounds, odds)


def _chosen(options: Options) -> tuple[Design, int | None, int]:
    given = {**_ARGUMENTS, **options.arguments}
    unknown = sorted(set(given) - set(_ARGUMENTS))
    facets, rounds, questions = (given[name] for name in ("facets", "rounds", "questions"))
    bounded = rounds is None or (type(rounds) is int and 1 <= rounds <= MOST_ROUNDS)
    whole = type(facets) is int and type(questions) is int and questions >= 0
    if unknown or not whole or not bounded:
        raise UsageError(
            f"epignn has no argument {unknown[0]!r}"
            if unknown
            else f"facets = {facets!r}, rounds = {rounds!r}, questions = {questions!r}",
            remedy=f"arguments: facets and rounds, whole numbers above 0, of rounds at most "
            f"{MOST_ROUNDS}; pooling, one of min, product, mean; questions, at most so many an "
            "epoch, 0 for every fact both ways",
        )
    return Design(options.dimension, facets, given["pooling"], scaled=True), rounds, questions


def _index(facts: Tensor, entities: int, relations: int) -> FactIndex:
    return FactIndex.from_facts(facts.numpy().astype(np.int32), entities, relations)
