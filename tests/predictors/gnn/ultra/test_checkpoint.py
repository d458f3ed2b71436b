"""Weights of ULTRA in files: wrapped, of another shape, damaged."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from kgreason.errors import CheckpointError, UsageError
from kgreason.predictors.checkpoints.exchange import export_checkpoint, import_checkpoint
from kgreason.predictors.checkpoints.format import read_checkpoint, save_checkpoint
from kgreason.predictors.gnn.ultra.checkpoint import restore_ultra
from kgreason.predictors.gnn.ultra.published import PUBLISHED
from kgreason.predictors.gnn.ultra.self_test import fault
from kgreason.predictors.load import load_predictor
from tests.predictors.gnn.ultra.toy import network, save
from tests.predictors.toy import toy_graph


def same(path: Path) -> bool:
    found = restore_ultra(path, read_checkpoint(path)).state_dict()
    return all(torch.equal(found[name], one) for name, one in network().state_dict().items())


@pytest.mark.parametrize("prefix", ["", "model.model.", "module."])
def test_weights_are_taken_out_of_their_wrappers(prefix: str, tmp_path: Path) -> None:
    wrapped = {prefix + name: one.clone() for name, one in network().state_dict().items()}
    save_file(wrapped, tmp_path / "w.safetensors")
    info = import_checkpoint(tmp_path / "w.safetensors", tmp_path / "u.safetensors", model="ultra")
    assert (info.model, info.dimension, info.entities, info.relations) == ("ultra", 8, 0, 0)
    assert same(tmp_path / "u.safetensors")
    export_checkpoint(tmp_path / "u.safetensors", tmp_path / "bare.safetensors")
    import_checkpoint(tmp_path / "bare.safetensors", tmp_path / "v.safetensors", model="ULTRA")
    assert same(tmp_path / "v.safetensors")


def _without_a_layer(weights: dict[str, Tensor]) -> None:
    for name in [one for one in weights if ".layers.5." in one]:
        del weights[name]


def _wider(weights: dict[str, Tensor]) -> None:
    weights["entity_model.mlp.0.weight"] = torch.zeros(16, 20)


def _whole_numbers(weights: dict[str, Tensor]) -> None:
    weights["entity_model.mlp.2.bias"] = torch.zeros(1, dtype=torch.int64)


def _not_a_number(weights: dict[str, Tensor]) -> None:
    weights["entity_model.mlp.2.bias"] = torch.tensor([torch.nan])


def _the_same_for_all(weights: dict[str, Tensor]) -> None:
    weights["entity_model.mlp.2.weight"].zero_()


def _seven_layers(weights: dict[str, Tensor]) -> None:
    for name in [one for one in weights if ".layers.5." in one]:
        weights[name.replace(".5.", ".6.")] = weights[name].clone()


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (_without_a_layer, r"layers\.5\..*is nothing"),
        (_seven_layers, r"layers\.6\..*expected nothing"),
        (_wider, r"mlp\.0\.weight' is \(16, 20\), expected \(16, 16\)"),
        (_whole_numbers, "no real numbers"),
        (_not_a_number, "not finite"),
        (_the_same_for_all, "tell no entity from another"),
    ],
)
def test_weights_that_do_not_fit_are_refused(spoil: object, message: str, tmp_path: Path) -> None:
    assert callable(spoil)
    weights = {name: one.clone() for name, one in network().state_dict().items()}
    spoil(weights)
    save_file(weights, tmp_path / "w.safetensors")
    with pytest.raises(CheckpointError, match=message):
        import_checkpoint(tmp_path / "w.safetensors", tmp_path / "u.safetensors", model="ultra")
    assert not (tmp_path / "u.safetensors").exists()


def test_another_width_than_the_metadata_says_is_refused(tmp_path: Path) -> None:
    path = save(tmp_path / "u.safetensors", network())
    checkpoint = read_checkpoint(path)
    wrong = replace(checkpoint.info, dimension=16)
    save_checkpoint(path, wrong, checkpoint.tensors)
    with pytest.raises(CheckpointError, match="expected"):
        load_predictor(path, toy_graph())


def test_other_models_need_the_graph_they_belong_to(tmp_path: Path) -> None:
    save_file({"entity": torch.zeros(3, 4), "relation": torch.zeros(2, 4)}, tmp_path / "c")
    (tmp_path / "c").rename(tmp_path / "c.safetensors")
    with pytest.raises(UsageError, match="belong to the names of one graph"):
        import_checkpoint(tmp_path / "c.safetensors", tmp_path / "d.safetensors")


@pytest.mark.data
@pytest.mark.parametrize("name", sorted(PUBLISHED))
def test_published_weights_pass_their_test(name: str, data: Path, tmp_path: Path) -> None:
    file = PUBLISHED[name].file.replace(".pth", ".safetensors")
    import_checkpoint(data / "ultra" / file, tmp_path / "u.safetensors", model="ultra")
    model = restore_ultra(tmp_path / "u.safetensors", read_checkpoint(tmp_path / "u.safetensors"))
    assert fault(model, PUBLISHED[name].probe) is None
    other = next(one.probe for one in PUBLISHED.values() if one.name != name)
    assert "from those that they should be" in str(fault(model, other))
