"""EpiGNN on a knowledge graph: which tail, among all that the rest of the graph leads to.

The edge that is asked for and its inverse are taken out of the graph of that question: they would
give the answer away.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from kgreason.errors import UsageError
from kgreason.knowledge import FactIndex
from kgreason.predictors.checkpoint import Checkpoint
from kgreason.predictors.epignn import Design, EpiGNN, logarithms
from kgreason.predictors.epignn_checkpoint import TrainedEpiGNN
from kgreason.predictors.epignn_neighbours import Asked, Neighbours, Surroundings
from kgreason.predictors.epignn_scorer import EpiGNNScorer
from kgreason.predictors.epignn_sweep import sweep
from kgreason.predictors.epignn_union import Longs
from kgreason.predictors.scorers import Coverage, Scorer
from kgreason.training.epignn_odds import fit_odds
from kgreason.training.facts import TrainingFacts
from kgreason.training.options import Options
from kgreason.training.state import pack_optimizer, unpack_optimizer

_ARGUMENTS: Mapping[str, Any] = {"facets": 8, "pooling": "mean", "rounds": 4}


class EpiGNNTrainer:
    """Softmax over reached tails, for every fact in both directions, by AdamW."""

    def __init__(self, facts: TrainingFacts, relations: int, options: Options) -> None:
        """`options.arguments`: facets, pooling and rounds of a sweep.

        Raises UsageError for other arguments, or values that are none.
        """
        design, self.rounds = _chosen(options)
        self._options, self._facts = options, facts
        self._random = torch.Generator().manual_seed(options.seed)
        head, relation, tail = facts.train.numpy().T
        self._neighbours = Neighbours.of(
            np.concatenate((head, tail)),
            np.concatenate((2 * relation, 2 * relation + 1)),
            np.concatenate((tail, head)),
            facts.entities,
        )
        self._known = _index(facts.train, facts.entities, relations)
        self._questions = np.concatenate(
            (
                np.stack((head, 2 * relation, tail), 1),
                np.stack((tail, 2 * relation + 1, head), 1),
            )
        )
        self.model = EpiGNN(design, 2 * relations, self._random).to(options.device)
        self._optimizer = torch.optim.AdamW(self.model.parameters(), lr=options.learning_rate)

    def epoch(self) -> float:
        """One pass over all facts; the mean loss, of facts whose tail is reached without them."""
        order = torch.randperm(len(self._questions), generator=self._random).numpy()
        size = self._options.batch_size
        total, count = 0.0, 0
        for start in range(0, len(order), size):
            losses = self._losses(self._questions[order[start : start + size]])
            if not len(losses):
                continue
            self._optimizer.zero_grad()
            losses.mean().backward()
            self._optimizer.step()
            total += float(losses.detach().sum())
            count += len(losses)
        return total / max(1, count)

    def _losses(self, questions: Longs) -> Tensor:
        """(answerable questions,) −log of the tail's share among the reached tails."""
        head, relation, tail = questions.T
        rounds = np.full(len(head), self.rounds, dtype=np.int64)
        around = self._neighbours.around(head, rounds, Asked(relation, tail))
        device = self.model.relation.device
        graph = torch.from_numpy(around.union.graph).to(device)
        vectors = self.model.relations().flatten(1) * self.model.factors().unsqueeze(1)
        asked = vectors[torch.from_numpy(relation).to(device)] / self.model.design.facets
        levels = around.union.levels(device)
        matrices = self.model.forward_matrices().unbind()
        logs = logarithms(sweep(around.union, levels, matrices, self.model.design))
        scores = (logs * asked.index_select(0, graph)).sum(1)
        target, hidden = self._answers(questions, around)
        scores = scores.masked_fill(torch.from_numpy(hidden).to(device), -torch.inf)
        total = _logsumexp(scores, graph, len(head))
        answered = torch.from_numpy(np.flatnonzero(target >= 0)).to(device)
        at = torch.from_numpy(target[target >= 0]).to(device)
        return total[answered] - scores[at]

    def _answers(
        self, questions: Longs, around: Surroundings
    ) -> tuple[Longs, np.ndarray[Any, np.dtype[np.bool_]]]:
        """(questions,) node of the tail, −1 where not reached; (nodes,) bool, known otherwise."""
        head, relation, tail = questions.T
        graph, entity = around.union.graph, around.entity
        is_tail = entity == tail[graph]
        target = np.full(len(head), -1, dtype=np.int64)
        target[graph[is_tail]] = np.flatnonzero(is_tail)
        hidden = self._known.contains(head[graph], relation[graph], entity) & ~is_tail
        return target, hidden

    def state(self) -> dict[str, Tensor]:
        """Everything the next epoch depends on."""
        return {
            "random": self._random.get_state(),
            **self.model.state_dict(),
            **pack_optimizer(self._optimizer),
        }

    def restore(self, state: dict[str, Tensor], epochs: int) -> None:
        """Continue from `state()` after `epochs` epochs."""
        self.model.load_state_dict({name: state[name] for name in self.model.state_dict()})
        self._random.set_state(state["random"])
        unpack_optimizer(self._optimizer, state)

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


def _chosen(options: Options) -> tuple[Design, int]:
    given = {**_ARGUMENTS, **options.arguments}
    unknown = sorted(set(given) - set(_ARGUMENTS))
    whole = all(isinstance(given[name], int) for name in ("facets", "rounds"))
    if unknown or not whole or given["rounds"] < 1:
        raise UsageError(
            f"epignn has no argument {unknown[0]!r}"
            if unknown
            else f"facets = {given['facets']!r}, rounds = {given['rounds']!r}",
            remedy="arguments: facets and rounds, whole numbers above 0; pooling, one of min, "
            "product, mean",
        )
    design = Design(options.dimension, given["facets"], given["pooling"], scaled=True)
    return design, given["rounds"]


def _index(facts: Tensor, entities: int, relations: int) -> FactIndex:
    return FactIndex.from_facts(facts.numpy().astype(np.int32), entities, relations)


def _logsumexp(scores: Tensor, graph: Tensor, graphs: int) -> Tensor:
    """(graphs,) log Σ exp of the scores of each graph's nodes."""
    most = scores.detach().new_full((graphs,), -torch.inf)
    most = most.scatter_reduce(0, graph, scores.detach(), "amax")
    shares = (scores - most[graph]).exp()
    return most + torch.zeros_like(most).index_add(0, graph, shares).log()
