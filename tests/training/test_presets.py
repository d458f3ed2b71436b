from __future__ import annotations

from pathlib import Path

import pytest

from kgreason.predictors import inspect
from kgreason.predictors.kinds import KINDS
from kgreason.training import train
from kgreason.training.presets import preset
from tests.predictors.toy import toy_graph


@pytest.mark.parametrize("name", sorted(KINDS["complex"].presets))
def test_a_preset_names_its_source(name: str) -> None:
    found = preset("complex", name.upper())
    assert found is KINDS["complex"].presets[name]
    assert "Lacroix" in found.source or "Arakelyan" in found.source


def test_what_is_given_goes_before_the_preset(tmp_path: Path) -> None:
    settings = {"dimension": 4, "epochs": 1, "seed": 0, "progress": False}
    train(toy_graph(), tmp_path / "m", preset="wn18rr", regularization=0.0, **settings)  # type: ignore[arg-type]
    info = inspect(tmp_path / "m")
    assert info.dimension == 4
    assert (info.training["regularization"], info.training["batch_size"]) == (0.0, 100)


def test_without_a_name_the_model_decides() -> None:
    assert preset("complex", None).evaluate_every == 1
    assert preset("distmult", None) is preset("complex", None)
    assert preset("rotate", None).regularization == 0
