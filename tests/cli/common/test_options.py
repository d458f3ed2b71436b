"""How option texts are read."""

from __future__ import annotations

import pytest

from kgreason.cli.common.options import names, offer
from kgreason.cli.train import parse_arguments, parse_validation
from kgreason.errors import UsageError


def test_lists_of_names() -> None:
    assert names(None) is None
    assert names("train, valid,") == ("train", "valid")


def test_completion_offers_what_fits() -> None:
    assert offer("text", "dnf")("d") == ["dnf"]


def test_training_settings() -> None:
    assert parse_validation(None) is None
    assert parse_validation("0.1") == 0.1
    assert parse_validation("valid") == "valid"
    assert parse_arguments(["p=2", "norm=true", "kind=l2"]) == {"p": 2, "norm": True, "kind": "l2"}
    for text in ("p", "=2", "a b=2"):
        with pytest.raises(UsageError, match="NAME=VALUE"):
            parse_arguments([text])
