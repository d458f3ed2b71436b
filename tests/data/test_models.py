"""Pretrained models by name: fetched, checked, imported, found."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from kgreason import Engine
from kgreason.data import models
from kgreason.data.models import pull_model
from kgreason.errors import CheckpointError, DataError, UsageError
from kgreason.files.cache import find_model_file, model_at_hand, model_path
from kgreason.predictors.gnn.ultra.published import PUBLISHED, weights_digest
from kgreason.training import train
from tests.data.server import File, Site, serving
from tests.data.test_pull import QUICK
from tests.predictors.gnn.ultra.toy import network
from tests.predictors.toy import toy_graph


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("KGREASON_CACHE", str(tmp_path / "cache"))
    with serving({}) as served:
        yield served


def packed(seed: int = 0) -> bytes:
    """A training state as torch writes it: weights, and an optimizer beside them."""
    content = io.BytesIO()
    torch.save({"model": network(64, seed).state_dict(), "optimizer": {"step": 3}}, content)
    return content.getvalue()


@pytest.fixture
def published(site: Site, monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The content of a file that is published as `ultra`, in place of the real one."""
    content = packed()
    digest = weights_digest(network(64).state_dict())
    own = replace(PUBLISHED["ultra"], size=len(content), digest=digest, folder=site.url(""))
    monkeypatch.setattr(models, "PUBLISHED", {"ultra": own})
    return content


def test_a_model_is_pulled_once_and_named_from_then_on(
    site: Site, published: bytes, tmp_path: Path
) -> None:
    site.files["/ultra_4g.pth"] = File(published)
    assert find_model_file("ultra") == "ultra"
    with pytest.raises(UsageError, match="no model 'ultra'") as caught:
        Engine(toy_graph(), "ultra")
    assert "kgreason model pull ultra" in str(caught.value)
    path = pull_model("ultra", patience=QUICK)
    assert path == model_path("ultra")
    assert [one.name for one in path.parent.iterdir()] == ["ultra.safetensors"]
    assert pull_model("ultra") == path
    assert len(site.requests) == 1
    engine = Engine(toy_graph(), "ultra")
    assert engine.recipe.models == (str(path),)
    assert engine.predictor.name.startswith("ULTRA")
    assert len(engine.ask("?y : knows(p0, y)", limit=5)) == 5


def test_a_file_fetched_by_hand(site: Site, published: bytes, tmp_path: Path) -> None:
    file = tmp_path / "u.pth"
    file.write_bytes(published)
    assert pull_model("ultra", source=file).exists()
    assert file.exists()
    assert site.requests == []


def test_other_weights_than_published_are_refused(
    site: Site, published: bytes, tmp_path: Path
) -> None:
    file = tmp_path / "u.pth"
    file.write_bytes(packed(seed=1))
    with pytest.raises(DataError, match="not hold the weights that were published as ultra"):
        pull_model("ultra", source=file)
    file.write_bytes(published[:-300])
    with pytest.raises(CheckpointError, match="no plain tensor file"):
        pull_model("ultra", source=file)
    with pytest.raises(UsageError, match="no file"):
        pull_model("ultra", source=tmp_path / "absent")
    with pytest.raises(UsageError, match="nearest: ultra"):
        pull_model("ultr", source=file)
    assert list(model_path("ultra").parent.iterdir()) == []


@pytest.mark.data
def test_the_published_weights_have_these_digests(data: Path) -> None:
    from kgreason.predictors.checkpoints.tensor_file import read_safetensors

    for name, file in (("ultra", "ultra_4g"), ("ultra-3g", "ultra_3g"), ("ultra-50g", "ultra_50g")):
        tensors, _ = read_safetensors(data / "ultra" / f"{file}.safetensors")
        assert weights_digest(tensors) == PUBLISHED[name].digest


def test_auto_takes_what_is_at_hand(site: Site, published: bytes, tmp_path: Path) -> None:
    graph = tmp_path / "my.graph.tsv"
    graph.write_text("a\tr\tb\nb\tr\tc\n", encoding="utf-8")
    assert Engine(str(graph), "auto").recipe.models == ("facts",)
    file = tmp_path / "u.pth"
    file.write_bytes(published)
    pulled = pull_model("ultra", source=file)
    assert Engine(str(graph), "auto").recipe.models == (str(pulled),)
    beside = tmp_path / "my.safetensors"
    beside.write_bytes(pulled.read_bytes())
    assert Engine(str(graph), "auto").recipe.models == (str(beside),)
    assert model_at_hand(["-"]) == str(pulled)


def test_it_is_not_trained(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="ultra is not trained here") as caught:
        train(toy_graph(), tmp_path / "u.safetensors", model="ultra", epochs=1)
    assert "kgreason model pull ultra" in str(caught.value)
