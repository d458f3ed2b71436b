"""How fast ComplEx or DistMult is trained here and by PyKEEN's loop, at equal rank and batch.

Both visit every distinct (head, relation) pair and its inverse once per epoch, score all entities,
take the cross-entropy of the tails and step with Adagrad, without a penalty, from equally small
random weights; PyKEEN by its LCWA loop with CrossEntropyLoss and inverse triples. One process, one
after the other, the same number of threads. Prints seconds and processor seconds per epoch, and the
filtered validation MRR of both directions after the last epoch.

    python benchmarks/training_speed.py GRAPH [--model distmult] [--entities 2000] [--rank 32]
"""

from __future__ import annotations

import argparse
import functools
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from kgreason.knowledge import FactIndex, KnowledgeGraph
from kgreason.predictors.checkpoints.layout import find_tables, in_parts
from kgreason.predictors.embedding.bilinear import BilinearScorer
from kgreason.predictors.embedding.compositions import COMPOSITIONS, DISTMULT
from kgreason.predictors.embedding.pykeen import hushed
from kgreason.predictors.scorer import Coverage
from kgreason.training.bilinear import BilinearTrainer
from kgreason.training.facts import TrainingFacts
from kgreason.training.metrics import evaluate, sample
from kgreason.training.options import Options

_RATE, _SCALE = 0.1, 1e-3


def dense_part(graph: KnowledgeGraph, entities: int) -> tuple[Tensor, Tensor, Tensor, int]:
    """Train, validation and all facts among the entities with most facts, renumbered."""
    train, valid, every = graph.facts(("train",)), graph.facts(("valid",)), graph.facts()
    degree = np.bincount(train[:, (0, 2)].ravel(), minlength=graph.entity_count)
    kept = np.sort(np.argsort(-degree, kind="stable")[:entities])
    position = np.full(graph.entity_count, -1, dtype=np.int64)
    position[kept] = np.arange(len(kept))

    def renumbered(facts: np.ndarray) -> Tensor:
        found = np.stack((position[facts[:, 0]], facts[:, 1], position[facts[:, 2]]), 1)
        return torch.from_numpy(found[(found[:, (0, 2)] >= 0).all(1)].astype(np.int64))

    return renumbered(train), renumbered(valid), renumbered(every), len(kept)


def ours(
    facts: Tensor, entities: int, relations: int, options: Options
) -> Callable[[], BilinearScorer]:
    """A run of all epochs that gives the model."""
    chosen = TrainingFacts(facts, facts[:0], facts[:0], Coverage(), entities, ())
    trainer = BilinearTrainer(chosen, relations, options)

    def run() -> BilinearScorer:
        for _ in range(options.epochs):
            trainer.epoch(lambda share: None)
        return BilinearScorer(COMPOSITIONS[options.model], *trainer.weights().values())

    return run


def theirs(
    facts: Tensor, entities: int, relations: int, options: Options
) -> Callable[[], BilinearScorer]:
    """The same by PyKEEN."""
    with hushed():
        from pykeen.models import model_resolver
        from pykeen.training import LCWATrainingLoop
        from pykeen.triples import CoreTriplesFactory

    factory = CoreTriplesFactory(facts, entities, relations, create_inverse_triples=True)
    small = functools.partial(torch.nn.init.normal_, std=_SCALE)
    composition = COMPOSITIONS[options.model]
    model = model_resolver.lookup(options.model)(
        triples_factory=factory,
        embedding_dim=options.dimension,
        entity_initializer=small,
        relation_initializer=small,
        regularizer_kwargs={"weight": 0.0, "p": 3.0},
        **({"entity_constrainer": None} if composition is DISTMULT else {}),
        loss="crossentropy",
        random_seed=options.seed,
    )
    optimizer = torch.optim.Adagrad(model.parameters(), lr=options.learning_rate)
    loop = LCWATrainingLoop(
        model=model,
        triples_factory=factory,
        optimizer=optimizer,
        automatic_memory_optimization=False,
    )

    def run() -> BilinearScorer:
        with hushed(), tempfile.TemporaryDirectory() as folder:
            loop.train(
                factory,
                num_epochs=options.epochs,
                batch_size=options.batch_size,
                use_tqdm=False,
                pin_memory=False,
                checkpoint_directory=folder,
            )
        found = find_tables(model.state_dict())
        assert found is not None
        return BilinearScorer(composition, *(in_parts(t, composition.parts) for t in found[:2]))

    return run


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("graph", help="a graph with the splits train and valid")
    parser.add_argument("--model", choices=sorted(COMPOSITIONS), default="complex")
    parser.add_argument("--entities", type=int, default=2000, help="those with most facts")
    parser.add_argument("--rank", type=int, default=32)
    parser.add_argument("--batch", type=int, default=250, help="pairs per step")
    parser.add_argument("--epochs", type=int, default=2)
    parser.add_argument("--threads", type=int, default=1)
    chosen = parser.parse_args()
    torch.set_num_threads(chosen.threads)
    graph = KnowledgeGraph.load(Path(chosen.graph))
    train, valid, every, entities = dense_part(graph, chosen.entities)
    known = FactIndex.from_facts(every.numpy().astype(np.int32), entities, graph.relation_count)
    options = Options(
        model=chosen.model,
        dimension=chosen.rank,
        epochs=chosen.epochs,
        batch_size=chosen.batch,
        learning_rate=_RATE,
        regularization=0.0,
        patience=0,
        evaluate_every=1,
        precision="float32",
        seed=0,
        device="cpu",
    )
    print(f"{len(train):,} facts, {entities:,} entities, {vars(chosen)}")
    seconds = {}
    for name, prepare in (("kgreason", ours), ("pykeen", theirs)):
        run = prepare(train, entities, graph.relation_count, options)
        wall, processors = time.perf_counter(), time.process_time()
        model = run()
        wall, processors = time.perf_counter() - wall, time.process_time() - processors
        seconds[name] = (wall / chosen.epochs, processors / chosen.epochs)
        metrics = evaluate(model, sample(valid), known)
        print(
            f"{name:9} {seconds[name][0]:8.2f} s  {seconds[name][1]:8.2f} processor s per epoch"
            f"  valid {metrics}",
            flush=True,
        )
    ratios = [theirs / ours for ours, theirs in zip(*seconds.values(), strict=True)]
    print(f"ratio     {ratios[0]:8.1f}    {ratios[1]:8.1f}")


if __name__ == "__main__":
    main()
