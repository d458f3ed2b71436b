"""PyKEEN's own training loops, one epoch at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from tempfile import TemporaryDirectory
from typing import Any

import torch
from torch import Tensor

from kgreason.errors import UsageError
from kgreason.predictors.checkpoints.format import Checkpoint
from kgreason.predictors.embedding.pykeen import build_model, checkpoint_of, hushed, rebuild
from kgreason.predictors.scorer import Coverage, Scorer
from kgreason.training.facts import TrainingFacts
from kgreason.training.options import Options
from kgreason.training.state import pack_optimizer, unpack_optimizer

# Costly per fact and cheap per entity: these score all tails of a pair at once.
_ALL_TAILS = frozenset(("conve", "proje", "tucker"))
_WEIGHT = "model."


class PyKEENTrainer:
    """Any PyKEEN model, its own loss, inverse triples, Adam."""

    def __init__(self, facts: TrainingFacts, relations: int, options: Options) -> None:
        with hushed():
            from pykeen.training import LCWATrainingLoop, SLCWATrainingLoop
            from pykeen.triples import CoreTriplesFactory

        self._options = options
        self._arguments = {"embedding_dim": options.dimension, **options.arguments}
        try:
            model = build_model(
                options.model,
                facts.entities,
                relations,
                inverse=True,
                arguments=self._arguments,
                seed=options.seed,
            )
        except (TypeError, ValueError, KeyError, AssertionError) as error:
            raise UsageError(
                f"PyKEEN cannot make {options.model} with {self._arguments}: {error}",
                remedy="change the dimension or the arguments",
            ) from error
        self._model = model.to(options.device)
        self._factory = CoreTriplesFactory(
            facts.train, facts.entities, relations, create_inverse_triples=True
        )
        self._optimizer = torch.optim.Adam(model.parameters(), lr=options.learning_rate)
        kind = LCWATrainingLoop if options.model in _ALL_TAILS else SLCWATrainingLoop
        self._loop = kind(
            model=self._model,
            triples_factory=self._factory,
            optimizer=self._optimizer,
            automatic_memory_optimization=False,
        )
        self._random = torch.Generator().manual_seed(options.seed).get_state()
        self._epochs = 0

    def epoch(self, show: Callable[[float], None]) -> float:
        """One pass over all facts; the mean loss. `show` is told when it is done."""
        with self._own_random(), TemporaryDirectory() as folder:
            losses = self._loop.train(
                self._factory,
                num_epochs=self._epochs + 1,
                batch_size=self._options.batch_size,
                continue_training=self._epochs > 0,
                use_tqdm=False,
                pin_memory=False,
                checkpoint_directory=folder,
                clear_optimizer=False,
            )
        self._epochs += 1
        show(1.0)
        return float(losses[-1])

    def weights(self) -> dict[str, Tensor]:
        """The model as it stands; the tensors change with training."""
        return dict(self._model.state_dict())

    def adopt(self, weights: dict[str, Tensor]) -> None:
        """Take over what `weights` once gave."""
        self._model.load_state_dict(weights)

    def state(self) -> dict[str, Tensor]:
        """Everything the next epoch depends on."""
        return {
            "random": self._random,
            **{_WEIGHT + name: tensor for name, tensor in self.weights().items()},
            **pack_optimizer(self._loop.optimizer),
        }

    def restore(self, state: dict[str, Tensor], epochs: int) -> None:
        """Continue from `state()` after `epochs` epochs."""
        weights = {
            name.removeprefix(_WEIGHT): tensor
            for name, tensor in state.items()
            if name.startswith(_WEIGHT)
        }
        self.adopt(weights)
        unpack_optimizer(self._loop.optimizer, state)
        self._random = state["random"]
        # The loop counts its own epochs and goes on after the last one.
        self._loop._epoch = self._epochs = epochs

    def scorer(self) -> Scorer:
        """The model as it stands (a copy: training goes on with its own weights)."""
        checkpoint = checkpoint_of(self._model, self._sizes(), arguments=self._arguments)
        return rebuild("the model in training", checkpoint)

    def checkpoint(
        self, vocabulary: Any, coverage: Coverage, training: dict[str, Any]
    ) -> Checkpoint:
        """The model as it stands, to be written."""
        return checkpoint_of(
            self._model,
            vocabulary,
            arguments=self._arguments,
            coverage=coverage,
            training=training,
        )

    def _sizes(self) -> Any:
        return _Sizes(self._model.num_entities, self._model.num_real_relations)

    @contextmanager
    def _own_random(self) -> Iterator[None]:
        """PyKEEN draws from the global generator and is talkative: lend it one, and hush it."""
        with hushed(), torch.random.fork_rng(devices=[]):
            torch.set_rng_state(self._random)
            yield
            self._random = torch.get_rng_state()


class _Sizes:
    """A vocabulary's sizes alone."""

    def __init__(self, entities: int, relations: int) -> None:
        self.entity_count = entities
        self.relation_count = relations

    def fingerprint(self) -> str:
        return ""
