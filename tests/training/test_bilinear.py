from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn.functional import cross_entropy

from kgreason.predictors.embedding.compositions import COMPOSITIONS
from kgreason.predictors.scorer import Coverage
from kgreason.training import bilinear as module
from kgreason.training.bilinear import BilinearTrainer
from kgreason.training.facts import TrainingFacts
from kgreason.training.options import Options
from kgreason.training.softmax import softmax_loss

FACTS = torch.tensor([[0, 0, 1], [0, 0, 2], [3, 0, 1], [1, 1, 3], [4, 1, 4], [2, 1, 0]])
ENTITIES, RELATIONS, RANK = 5, 2, 3
# Rows of weights as the numbers that the papers speak of.
NUMBERS: dict[str, Callable[[Tensor], Tensor]] = {
    "complex": lambda rows: torch.complex(*rows.chunk(2, 1)),
    "distmult": lambda rows: rows,
}
models = pytest.mark.parametrize("model", sorted(COMPOSITIONS))


def options(**other: Any) -> Options:
    settings: dict[str, Any] = {
        "model": "complex",
        "dimension": RANK,
        "epochs": 1,
        "batch_size": 100,
        "learning_rate": 0.1,
        "regularization": 0.05,
        "patience": 0,
        "evaluate_every": 1,
        "precision": "float32",
        "seed": 7,
        "device": "cpu",
    }
    return Options(**{**settings, **other})


def trainer(**other: Any) -> BilinearTrainer:
    none = FACTS[:0]
    facts = TrainingFacts(FACTS, none, none, Coverage(), ENTITIES, ())
    return BilinearTrainer(facts, RELATIONS, options(**other))


def ignore(share: float) -> None:
    """Nobody looks."""


def weights(of: BilinearTrainer) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in of.weights().items()}


@models
def test_an_epoch_is_a_step_of_the_loss_over_single_facts(model: str) -> None:
    """Lacroix et al., eq. 2 and 4, fact by fact over complex or real numbers, by autograd."""
    forward = FACTS * torch.tensor([1, 2, 1])
    backward = forward.flip(1) + torch.tensor([0, 1, 0])
    heads, relations, tails = torch.cat((forward, backward)).unbind(1)
    pairs = len(set(zip(heads.tolist(), relations.tolist(), strict=True)))
    assert pairs < len(heads)
    trained = trainer(model=model, batch_size=pairs)
    random = torch.Generator().manual_seed(1)
    start = {k: torch.randn(t.shape, generator=random) for k, t in trained.weights().items()}
    trained.adopt(start)
    share: list[float] = []
    loss = trained.epoch(share.append)
    parameters = [tensor.requires_grad_() for tensor in start.values()]
    entity, relation = map(NUMBERS[model], parameters)
    h, r, t = entity[heads], relation[relations], entity[tails]
    expected = cross_entropy(((h * r) @ entity.conj().T).real, tails)
    penalty = sum((part.abs() ** 3).sum() for part in (h, r, t)) / len(heads)
    (expected + 0.05 * penalty).backward()
    assert loss == pytest.approx(expected.item(), rel=1e-6)
    assert share == [1.0]
    # After one step, Adagrad's sums are the squares of the gradients.
    for number, parameter in enumerate(parameters):
        assert parameter.grad is not None
        squares = trained.state()[f"optimizer.{number}.sum"]
        torch.testing.assert_close(squares, parameter.grad**2, rtol=1e-4, atol=1e-9)


def test_every_pair_is_visited_once_in_an_epoch(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[int, int, int]] = []

    def spying(queries: Tensor, entity: Tensor, batch: Any, dtype: Any) -> Any:
        heads, relations = batch.heads[batch.rows], batch.relations[batch.rows]
        seen.extend(zip(heads.tolist(), relations.tolist(), batch.tails.tolist(), strict=True))
        assert len(batch.heads) <= 2
        return softmax_loss(queries, entity, batch, dtype)

    monkeypatch.setattr(module, "softmax_loss", spying)
    trainer(batch_size=2).epoch(ignore)
    forward = [(h, 2 * r, t) for h, r, t in FACTS.tolist()]
    backward = [(t, 2 * r + 1, h) for h, r, t in FACTS.tolist()]
    assert sorted(seen) == sorted(forward + backward)


def test_without_a_penalty() -> None:
    free, bound = trainer(regularization=0.0), trainer(regularization=5.0)
    for _ in range(20):
        free.epoch(ignore)
        bound.epoch(ignore)
    assert free.weights()["entity"].norm() > bound.weights()["entity"].norm()


@models
def test_a_restored_trainer_goes_on_in_the_precision_it_had(
    model: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "fastest_dtype", lambda device: torch.bfloat16)
    first = trainer(model=model, precision="auto", batch_size=2)
    first.epoch(ignore)
    state = {name: tensor.clone() for name, tensor in first.state().items()}
    monkeypatch.setattr(module, "fastest_dtype", lambda device: torch.float32)
    second = trainer(model=model, precision="auto", batch_size=2, seed=8)
    second.restore(state, 1)
    assert first.epoch(ignore) == second.epoch(ignore)
    for left, right in zip(first.weights().values(), second.weights().values(), strict=True):
        assert torch.equal(left, right)


def test_weights_can_be_taken_back() -> None:
    trained = trainer()
    before = weights(trained)
    trained.epoch(ignore)
    assert not torch.equal(trained.weights()["entity"], before["entity"])
    trained.adopt(before)
    assert torch.equal(trained.weights()["entity"], before["entity"])
