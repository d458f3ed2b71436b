from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from kgreason.errors import KgreasonError, PredictorError, UsageError
from kgreason.knowledge import KnowledgeGraph
from kgreason.predictors import inspect, load_checkpoint, load_predictor
from kgreason.predictors.scorer import Scorer
from kgreason.training import train
from kgreason.training.facts import choose_facts
from kgreason.training.metrics import SAMPLE, evaluate, sample
from kgreason.training.progress import EpochReport
from kgreason.training.state import state_path
from tests.predictors.toy import toy_graph

SMALL: dict[str, Any] = {"dimension": 8, "epochs": 5, "progress": False, "seed": 0}


class InterruptionError(Exception):
    """Stands for a process that ends in the middle of a run."""


def stop_at(epoch: int) -> Any:
    def on_epoch(report: EpochReport) -> None:
        if report.epoch == epoch:
            raise InterruptionError

    return on_epoch


def test_complex_learns_umls(tmp_path: Path) -> None:
    graph = KnowledgeGraph.load("pykeen:umls")
    said: list[str] = []
    out = tmp_path / "umls.safetensors"
    result = train(graph, out, epochs=10, seed=0, progress=False, say=said.append)
    assert result.metrics is not None
    assert result.metrics.mrr > 0.85
    assert result.metrics.hits_at_1 <= result.metrics.hits_at_3 <= result.metrics.hits_at_10
    assert said[0] == "seed 0"
    assert said[1] == (
        "judged by the filtered MRR of 652 of 652 validation facts, both directions; "
        "ends after 10 judgements without a better one"
    )
    assert said[-3].startswith("validation, 652 of 652 facts: MRR 0.9")
    assert said[-2].startswith("test, 661 of 661 facts: MRR 0.9")
    assert said[-1] == (
        "protocol: among 135 entities, known facts of all splits (train, valid, test) filtered, "
        "ties at their mean rank"
    )
    assert result.test is not None
    assert result.test.ranked == 2 * len(graph.facts(("test",)))
    assert list(tmp_path.iterdir()) == [out]
    predictor = load_predictor(out, graph)
    assert len(predictor.rows(torch.arange(5), torch.arange(5))) == 5


def test_distmult_learns_umls(tmp_path: Path) -> None:
    graph = KnowledgeGraph.load("pykeen:umls")
    out = tmp_path / "umls.safetensors"
    result = train(graph, out, model="DistMult", dimension=64, epochs=8, seed=0, progress=False)
    assert result.metrics is not None
    assert result.metrics.mrr > 0.8
    info = inspect(out)
    assert (info.model, info.dimension) == ("distmult", 64)
    assert load_file(out)["entity"].shape == (135, 64)


@pytest.mark.parametrize("model", ["complex", "distmult", "rotate"])
def test_an_interrupted_run_ends_as_if_it_had_not_been(model: str, tmp_path: Path) -> None:
    graph = toy_graph()
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    train(graph, whole, model=model, **SMALL)
    with pytest.raises(InterruptionError):
        train(graph, parted, model=model, on_epoch=stop_at(3), **SMALL)
    assert not parted.exists()
    assert state_path(parted).exists()
    done: list[int] = []
    train(graph, parted, model=model, on_epoch=lambda report: done.append(report.epoch), **SMALL)
    assert done == [4, 5]
    assert not state_path(parted).exists()
    left, right = load_file(whole), load_file(parted)
    assert left.keys() == right.keys()
    for name, tensor in left.items():
        assert torch.equal(tensor, right[name])


def test_an_unfinished_run_of_other_settings_is_not_gone_on_with(tmp_path: Path) -> None:
    graph, out = toy_graph(), tmp_path / "m"
    with pytest.raises(InterruptionError):
        train(graph, out, on_epoch=stop_at(2), **SMALL)
    with pytest.raises(UsageError, match="other learning_rate"):
        train(graph, out, learning_rate=0.5, **SMALL)
    with pytest.raises(UsageError, match="with seed 0"):
        train(graph, out, **{**SMALL, "seed": 1})
    result = train(graph, out, **{**SMALL, "seed": None})
    assert result.seed == 0
    with pytest.raises(InterruptionError):
        train(graph, out, on_epoch=stop_at(2), **SMALL)
    done: list[int] = []
    train(graph, out, resume=False, on_epoch=lambda report: done.append(report.epoch), **SMALL)
    assert done == [1, 2, 3, 4, 5]


def test_an_unfinished_run_may_be_ended_elsewhere(tmp_path: Path) -> None:
    graph = toy_graph()
    with pytest.raises(InterruptionError):
        train(graph, tmp_path / "m", on_epoch=stop_at(3), **SMALL)
    result = train(graph, tmp_path / "m", **{**SMALL, "epochs": 3})
    assert result.epochs == 3
    whole = train(graph, tmp_path / "whole", **{**SMALL, "epochs": 3})
    assert whole.loss == result.loss
    assert load_file(tmp_path / "m").keys() == load_file(tmp_path / "whole").keys()
    for name, tensor in load_file(tmp_path / "m").items():
        assert torch.equal(tensor, load_file(tmp_path / "whole")[name])


def test_a_drawn_seed_is_told_and_repeats_the_run(tmp_path: Path) -> None:
    graph = toy_graph()
    first = train(graph, tmp_path / "a", **{**SMALL, "seed": None})
    train(graph, tmp_path / "b", **{**SMALL, "seed": first.seed})
    left, right = (load_file(tmp_path / name) for name in ("a", "b"))
    assert all(torch.equal(left[name], right[name]) for name in left)


@pytest.mark.parametrize("model", ["complex", "distmult", "rotate"])
def test_the_best_epoch_is_written_interrupted_or_not(model: str, tmp_path: Path) -> None:
    graph = toy_graph()
    whole, parted = tmp_path / "whole", tmp_path / "parted"
    settings: dict[str, Any] = {
        **SMALL,
        "model": model,
        "epochs": 60,
        "validation": 0.3,
        "patience": 2,
        "evaluate_every": 1,
    }
    result = train(graph, whole, **settings)
    assert result.epoch < result.epochs < 60
    with pytest.raises(InterruptionError):
        train(graph, parted, on_epoch=stop_at(result.epochs - 1), **settings)
    again = train(graph, parted, **settings)
    assert (again.epoch, again.epochs, again.metrics) == (
        result.epoch,
        result.epochs,
        result.metrics,
    )
    left, right = load_file(whole), load_file(parted)
    assert all(torch.equal(left[name], right[name]) for name in left)


def test_literals_are_left_out(tmp_path: Path) -> None:
    graph = toy_graph()
    result = train(graph, tmp_path / "m", **SMALL)
    assert result.notes == ("6 facts with literals are not trained on.",)
    coverage = load_checkpoint(tmp_path / "m", graph.vocabulary).coverage
    assert coverage.entities is not None
    assert not graph.vocabulary.literal[coverage.entities.numpy()].any()
    assert coverage.relations is not None
    assert coverage.relations.tolist() == [True, True, True, True, False, False]


def test_held_out_facts_are_neither_trained_on_nor_lost() -> None:
    graph = KnowledgeGraph.load("pykeen:nations")
    every = len(graph.facts(("train",)))
    facts = choose_facts(graph, 0.25, seed=1)
    assert len(facts.validation) == every // 4
    assert len(facts.train) + len(facts.validation) == every
    assert choose_facts(graph, None, seed=1).train.shape[0] == every
    assert len(choose_facts(graph, 0, seed=1).validation) == 0


def test_the_test_split_is_judged_unless_it_is_trained_on_or_held_out() -> None:
    graph = KnowledgeGraph.load("pykeen:nations")
    every = len(graph.facts(("test",)))
    assert len(choose_facts(graph, None, seed=1).test) == every
    assert len(choose_facts(graph, 0.1, seed=1).test) == every
    held = choose_facts(graph, "test", seed=1)
    assert (len(held.test), len(held.validation)) == (0, every)
    assert len(choose_facts(toy_graph(), None, seed=1).test) == 0


def test_a_sample_is_spread_evenly() -> None:
    few, many = torch.arange(30).reshape(10, 3), torch.arange(15000).reshape(5000, 3)
    assert torch.equal(sample(few), few)
    spread = sample(many)[:, 0] // 3
    assert len(spread) == SAMPLE
    assert spread[-1] >= 4997
    assert set(spread.diff().tolist()) == {2, 3}


def test_ranks_are_filtered_and_ties_are_at_their_mean() -> None:
    class Flat(Scorer):
        """Scores every entity alike, but the first higher."""

        name, entity_count, relation_count, flops = "flat", 4, 2, 1.0
        device, dtype = torch.device("cpu"), torch.float32

        def scores(self, heads: torch.Tensor, relations: torch.Tensor) -> torch.Tensor:
            scores = torch.zeros(len(heads), 4)
            scores[:, 0] = 1
            return scores

    graph = KnowledgeGraph.from_triples([("a", "r", "b"), ("c", "r", "d")])
    metrics = evaluate(Flat(), torch.tensor([[0, 0, 1]]), graph.index())
    assert metrics is not None
    # b among a (better) and c, d (tied): rank 3; a alone at the top: rank 1.
    assert metrics.mrr == pytest.approx((1 / 3 + 1) / 2)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"model": "complexx"}, "no model"),
        ({"model": "nodepiece"}, "needs more than facts"),
        ({"dimension": 0}, "dimension is 0"),
        ({"epochs": -1}, "epochs is -1"),
        ({"batch_size": 0}, "batch size is 0"),
        ({"learning_rate": float("nan")}, "learning rate"),
        ({"regularization": -1.0}, "regularization"),
        ({"patience": -1}, "patience is -1"),
        ({"evaluate_every": 0}, "evaluate every is 0"),
        ({"precision": "float8"}, "precision 'float8'"),
        ({"model": "rotate", "precision": "bfloat16"}, "trained in float32"),
        ({"preset": "freebase"}, "no preset 'freebase'"),
        ({"model": "distmult", "preset": "wn18rr"}, "is for the model complex"),
        ({"seed": -1}, "seed"),
        ({"device": "abacus"}, "device"),
        ({"validation": "valid"}, "no split"),
        ({"validation": "train"}, "is trained on"),
        ({"validation": 1.0}, "outside"),
        ({"model": "transe", "arguments": {"nonsense": 1}}, "cannot make transe"),
        ({"model": "DistMult", "arguments": {"p": 2}}, "distmult takes no further arguments"),
    ],
)
def test_bad_settings_are_refused(settings: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message) as caught:
        train(toy_graph(), tmp_path / "m", **{**SMALL, **settings})
    assert caught.value.remedy
    assert list(tmp_path.iterdir()) == []


def test_a_graph_of_literals_alone_cannot_be_trained(tmp_path: Path) -> None:
    graph = KnowledgeGraph.from_triples([("a", "name", '"A"@en')])
    with pytest.raises(UsageError, match="no facts between entities"):
        train(graph, tmp_path / "m", **SMALL)


def test_a_diverging_run_says_so(tmp_path: Path) -> None:
    with pytest.raises(PredictorError, match="diverged"):
        train(toy_graph(), tmp_path / "m", **{**SMALL, "learning_rate": 1e30})
    assert not (tmp_path / "m").exists()


def test_an_output_that_cannot_be_written_is_refused_before_training(tmp_path: Path) -> None:
    def never(report: EpochReport) -> None:
        raise AssertionError

    (tmp_path / "file").write_text("")
    for out in (tmp_path, tmp_path / "file" / "m"):
        with pytest.raises(KgreasonError):
            train(toy_graph(), out, on_epoch=never, **SMALL)
