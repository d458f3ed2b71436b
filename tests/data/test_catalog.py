from __future__ import annotations

from pathlib import Path

import pytest

from kgreason.data import catalog, find_dataset
from kgreason.data.catalog import LAYOUTS, read_dataset
from kgreason.errors import DataError, UnknownNameError

TEXT = """\
name = "toy"
title = "Toy"
layout = "betae"
page = "https://example.org"
licence = "MIT"
archive = "toy.zip"
"""


def test_every_description_is_whole() -> None:
    assert {one.layout for one in catalog().values()} == set(LAYOUTS)
    for name, one in catalog().items():
        assert one.name == name
        assert {"type", "key", "title", "author", "year"} <= set(one.citation)
        assert one.bibtex().startswith(f"@{one.citation['type']}{{{one.citation['key']},\n")
        assert one.suites
        for file in one.files:
            assert any(file.startswith(f"{suite}/") for suite in one.suites), file


def test_the_descriptions_are_at_the_top_too() -> None:
    top = Path(__file__).parents[2] / "datasets"
    assert sorted(path.stem for path in top.glob("*.toml")) == list(catalog())


def test_an_unknown_name_offers_near_ones() -> None:
    with pytest.raises(UnknownNameError, match="betae") as caught:
        find_dataset("beta")
    assert caught.value.exit_code == 3


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ("x", "not TOML"),
        ("licence_text = 'MIT'", "unknown field 'licence_text'"),
        ("sha256 = 5", "'sha256' is not a text"),
        ("sha256 = 'abc'", "64 hexadecimal"),
        ("md5 = 'abc'", "32 hexadecimal"),
        ("size = 0", "'size'"),
        ("files = 'x'", "'files' is not a list"),
        ("files = [1]", "'files' is not a list"),
        ("citation = 'x'", "'citation'"),
        ("addresses = ['file:///etc/passwd']", "not an http address"),
    ],
)
def test_a_wrong_description_is_told(change: str, problem: str) -> None:
    assert read_dataset(TEXT, "toy.toml").licence == "MIT"
    with pytest.raises(DataError, match=f"toy.toml: .*{problem}"):
        read_dataset(TEXT + change, "toy.toml")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('"MIT"', '""', "'licence' is missing"),
        ('"betae"', '"gamma"', "the layout 'gamma'"),
        ('"toy"', '"../toy"', "small letters"),
    ],
)
def test_a_wrong_value_is_told(old: str, new: str, problem: str) -> None:
    with pytest.raises(DataError, match=problem):
        read_dataset(TEXT.replace(old, new), "toy.toml")
