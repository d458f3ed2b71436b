"""The table of model kinds: how a model is found by name and by file, and that all entries hold."""

from __future__ import annotations

from dataclasses import FrozenInstanceError
from importlib import import_module
from pathlib import Path

import pytest
import torch

from kgreason.cli.common.options import ReasoningOptions
from kgreason.cli.train import TrainingOptions
from kgreason.errors import CheckpointError, UsageError
from kgreason.predictors.calibrated.calibrations import CALIBRATIONS, parse_calibration
from kgreason.predictors.checkpoints.format import save_checkpoint
from kgreason.predictors.kinds import KINDS, find_model, kind_of, kind_of_model, load_checkpoint
from kgreason.predictors.load import common_dtypes, with_predicted_relations
from kgreason.predictors.scorer import DTYPES
from kgreason.training.loop import Trainer
from tests.predictors.gnn.epignn.test_scorer import of_graph
from tests.predictors.toy import complex_info, toy_graph, weights

GRAPH = toy_graph()
TRAINED = sorted(name for name, kind in KINDS.items() if kind.trainer)


@pytest.mark.parametrize("name", sorted(KINDS))
def test_entries_are_whole(name: str) -> None:
    kind = KINDS[name]
    assert kind.name == name
    assert set(kind.dtypes) <= set(DTYPES)
    assert parse_calibration(kind.calibration).name.startswith(kind.calibration.partition(":")[0])
    assert bool(kind.trainer) == (kind.usual is not None)
    # What is taken over is checked by scoring, except where there is no graph to score.
    assert bool(kind.adopt) == (bool(kind.scorer) or bool(kind.over and not kind.relations))
    with pytest.raises(FrozenInstanceError):
        kind.name = "other"  # type: ignore[misc]


@pytest.mark.parametrize("name", TRAINED)
def test_trainers_are_where_the_table_says(name: str) -> None:
    module, _, trainer = KINDS[name].trainer.partition(":")
    found = getattr(import_module(module), trainer)
    members = {member for member in vars(Trainer) if not member.startswith("_")}
    assert members == {"epoch", "weights", "adopt", "state", "restore", "scorer", "checkpoint"}
    assert all(callable(getattr(found, member)) for member in members)


def test_models_are_found_in_any_spelling() -> None:
    for spelled, kind, model in (
        ("ComplEx", "complex", "complex"),
        ("Dist-Mult", "distmult", "distmult"),
        ("EpiGNN", "epignn", "epignn"),
        ("trans_e", "pykeen", "transe"),
        ("RotatE", "pykeen", "rotate"),
    ):
        found, name = find_model(spelled)
        assert (found.name, name) == (kind, model)
    for wrong in ("facts", "rules", "mixture", "pykeen", "rgcn", "comple"):
        with pytest.raises(UsageError):
            find_model(wrong)
    assert kind_of_model("TransE") is kind_of_model("transe") is KINDS["pykeen"]


def test_files_are_told_by_suffix_or_by_what_they_say(tmp_path: Path) -> None:
    assert kind_of(None) is KINDS["facts"]
    for suffix, name in ((".txt", "rules"), (".json", "mixture")):
        (tmp_path / f"m{suffix}").touch()
        assert kind_of(tmp_path / f"m{suffix}") is KINDS[name]
    save_checkpoint(tmp_path / "m", complex_info(GRAPH), weights(GRAPH))
    assert kind_of(tmp_path / "m") is KINDS["complex"]
    with pytest.raises(UsageError, match="there is no model"):
        kind_of(tmp_path / "none")


def test_what_several_models_have_in_common(tmp_path: Path) -> None:
    complex_, rules, epignn = (tmp_path / name for name in ("m", "r.txt", "e"))
    save_checkpoint(complex_, complex_info(GRAPH), weights(GRAPH))
    rules.touch()
    checkpoint = of_graph(GRAPH).checkpoint()
    save_checkpoint(epignn, checkpoint.info, checkpoint.tensors)
    assert common_dtypes([complex_]) == {"float32", "float64", "bfloat16"}
    assert common_dtypes([complex_, rules]) == common_dtypes(["facts"]) == {"float32", "float64"}
    assert with_predicted_relations(GRAPH, [rules]) is GRAPH, "rules name no relations"
    assert with_predicted_relations(GRAPH, [epignn, complex_]) is GRAPH, "tied to the graph's names"
    with pytest.raises(CheckpointError, match="graph it is given"):
        load_checkpoint(epignn)


def test_a_scorer_refuses_tensors_that_do_not_fit(tmp_path: Path) -> None:
    tensors = weights(GRAPH)
    tensors["relation"] = torch.cat((tensors["relation"], tensors["relation"]), 1)
    save_checkpoint(tmp_path / "m", complex_info(GRAPH), tensors)
    with pytest.raises(CheckpointError, match="entity rows hold 16 numbers, relation rows 32"):
        load_checkpoint(tmp_path / "m")


def test_the_help_names_what_there_is() -> None:
    """It is typed by hand, because the tables need torch, which takes long to start."""
    training, reasoning = TrainingOptions.__annotations__, ReasoningOptions.__annotations__
    assert all(name in training["model"].lower() for name in TRAINED)
    presets = [name for kind in KINDS.values() for name in kind.presets]
    assert all(name in training["preset"] for name in presets)
    assert all(name in reasoning["calibration"] for name in CALIBRATIONS)
