"""How option texts are read."""

from __future__ import annotations

import pytest

from kgreason.cli.common.options import names, offer, size, truth
from kgreason.cli.train import parse_arguments, parse_validation
from kgreason.errors import UsageError


@pytest.mark.parametrize(
    ("text", "bytes_"),
    [
        ("2GiB", 2 << 30),
        ("2gib", 2 << 30),
        ("2G", 2 << 30),
        ("512MB", 512_000_000),
        ("512MiB", 512 << 20),
        ("1.5 KiB", 1536),
        ("1kB", 1000),
        ("4096", 4096),
        ("10B", 10),
        ("1TiB", 1 << 40),
    ],
)
def test_sizes(text: str, bytes_: int) -> None:
    assert size(text) == bytes_


@pytest.mark.parametrize("text", ["", "GiB", "-1GiB", "2QiB", "two", "1e9", "0", "0.1B", "1 2"])
def test_what_is_no_size_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"is not a size|no memory at all"):
        size(text)


def test_truths() -> None:
    assert truth("1.0") == 1.0
    assert truth("none") is None
    for text in ("0", "nan", "1.1", "x", ""):
        with pytest.raises(UsageError, match="not a truth"):
            truth(text)


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
