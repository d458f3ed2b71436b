from __future__ import annotations

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from kgreason.errors import CheckpointError, DataError, PredictorError, UsageError
from kgreason.predictors.checkpoints.format import (
    Checkpoint,
    CheckpointInfo,
    read_checkpoint,
    save_checkpoint,
)
from kgreason.predictors.gnn.epignn.checkpoint import read_epignn, restore_epignn
from kgreason.predictors.gnn.epignn.graphs import PairGraph
from kgreason.predictors.gnn.epignn.model import Design
from kgreason.predictors.gnn.epignn.pairs import score_pairs
from kgreason.training.gnn.pairs import (
    SETTINGS,
    PairExamples,
    PairSettings,
    PairTrainer,
    train_pairs,
    train_suite,
)

NAMES = ("before", "equal", "after")
SMALL = PairSettings(Design(16, 4), "margin", 25, 32, 0.05)


def rows(lengths: tuple[int, ...] = (1, 2, 3, 4)) -> list[tuple[PairGraph, int]]:
    """Chains whose steps are `before` and `equal`, or `after` and `equal`."""
    found: list[tuple[PairGraph, int]] = []
    for length in lengths:
        for pattern in range(2**length):
            steps = [pattern >> i & 1 for i in range(length)]
            for side in (0, 2):
                edges = [(i, side if step else 1, i + 1) for i, step in enumerate(steps)]
                found.append(((edges, 0, length), side if any(steps) else 1))
    return found


def test_equal_rows_are_merged_and_counted() -> None:
    examples = PairExamples.of([*rows((1,)), *rows((1,))])
    assert examples.given == 8
    assert len(examples.labels) == len(examples.graphs) == 3
    assert sorted(examples.weights.tolist()) == [2, 2, 4]


@pytest.mark.parametrize("loss", ["margin", "cross-entropy"])
def test_a_transitive_relation_is_learned_and_carries_over_to_longer_chains(loss: str) -> None:
    settings = PairSettings(Design(16, 4), loss, 60, 32, 0.05)  # type: ignore[arg-type]
    found = train_pairs(PairExamples.of(rows()), NAMES, settings, seed=0)
    assert found.accuracy > 0.9
    longer = PairExamples.of(rows((6,)))
    answers = score_pairs(found.model, longer.graphs).argmax(1)
    assert float((answers == longer.labels).double().mean()) > 0.8
    assert found.temperature > 0


def test_the_same_seed_gives_the_same_weights(tmp_path: Path) -> None:
    ways = tmp_path / "a", tmp_path / "b"
    for way in ways:
        train_suite(rows(), NAMES, SMALL, way, seed=3)
    left, right = (read_checkpoint(way).tensors for way in ways)
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_a_checkpoint_keeps_the_model_and_its_relations(tmp_path: Path) -> None:
    trained, notes = train_suite(rows(), NAMES, SMALL, tmp_path / "m", seed=0)
    again = read_epignn(tmp_path / "m")
    assert again.names == NAMES
    assert again.exclusive
    assert torch.equal(again.odds, trained.odds)
    graphs = PairExamples.of(rows()).graphs
    assert torch.equal(score_pairs(again.model, graphs), score_pairs(trained.model, graphs))
    assert "distinct" in notes[0]


def test_published_settings() -> None:
    assert {name: (s.design.dimension, s.design.pooling) for name, s in SETTINGS.items()} == {
        "clutrr": (64, "product"),
        "rcc8": (32, "min"),
        "interval": (64, "min"),
    }
    assert {s.batch_size for s in SETTINGS.values()} == {128}


def test_the_margin_is_to_the_best_other_relation() -> None:
    examples = PairExamples.of(rows())
    trainer = PairTrainer(examples, len(NAMES), SMALL, 0)
    chosen = trainer.train[:6]
    scores = score_pairs(trainer.model, examples.graphs.at(chosen.numpy()))
    losses = trainer._losses(chosen).detach()
    for loss, row, label in zip(losses, scores, examples.labels[chosen], strict=True):
        others = [float(score) for i, score in enumerate(row) if i != int(label)]
        expected = max(0.0, 1 - float(row[label]) + max(others))
        assert float(loss) == pytest.approx(expected, abs=1e-5)


def test_larger_graphs_are_judged_too(tmp_path: Path) -> None:
    found = train_pairs(PairExamples.of(rows()), NAMES, SMALL, seed=0)
    assert found.carried is not None
    assert 0 <= found.carried <= 1
    _, notes = train_suite(rows(), NAMES, SMALL, tmp_path / "m", seed=0)
    assert f"{100 * found.carried:.2f} % of larger graphs" in notes[1]
    one_step = [(([(0, i % 3, 1)], 0, 1), (i + 1) % 3) for i in range(3)]
    alone = train_pairs(PairExamples.of(one_step), NAMES, SMALL, seed=0)
    assert alone.carried is None, "nothing is held out of three graphs"


def test_what_cannot_be_trained_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="only one relation"):
        train_suite(rows(), NAMES[:1], SMALL, tmp_path / "m", seed=0)
    with pytest.raises(UsageError, match="cannot write"):
        train_suite(rows(), NAMES, SMALL, tmp_path, seed=0)
    diverging = PairSettings(Design(16, 4), "cross-entropy", 3, 32, 1e30)
    with pytest.raises(PredictorError, match="diverged"):
        train_suite(rows(), NAMES, diverging, tmp_path / "m", seed=0)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"names": NAMES[:2]}, "names 2 different relations"),
        ({"dimension": 20}, "its tensors are"),
        ({"dimension": 18}, "metadata is damaged"),
        ({"arguments": {}}, "metadata is damaged"),
        ({"model": "complex"}, "holds the model complex"),
    ],
)
def test_damaged_checkpoints_are_refused(
    change: dict[str, object], message: str, tmp_path: Path
) -> None:
    trained, _ = train_suite(rows(), NAMES, SMALL, tmp_path / "m", seed=0)
    checkpoint = trained.checkpoint()
    given = {name: getattr(checkpoint.info, name) for name in CheckpointInfo.__slots__}
    info = CheckpointInfo(**{**given, **change})
    with pytest.raises(CheckpointError, match=message):
        restore_epignn("m", Checkpoint(info, checkpoint.tensors))


def test_weights_that_are_no_numbers_are_refused(tmp_path: Path) -> None:
    trained, _ = train_suite(rows(), NAMES, SMALL, tmp_path / "m", seed=0)
    checkpoint = trained.checkpoint()
    checkpoint.tensors["composition"][0, 0, 0, 0] = torch.nan
    with pytest.raises(CheckpointError, match="finite"):
        save_checkpoint(tmp_path / "n", checkpoint.info, checkpoint.tensors)
    save_file(dict(checkpoint.tensors), tmp_path / "n", checkpoint.info.metadata())
    with pytest.raises(CheckpointError, match="checksums are missing"):
        read_epignn(tmp_path / "n")
