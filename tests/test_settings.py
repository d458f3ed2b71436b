"""Settings and recipes: read from texts, checked once, pickled, and the key of kept rows."""

from __future__ import annotations

import dataclasses
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from kgreason.errors import UsageError
from kgreason.knowledge import KnowledgeGraph
from kgreason.predictors import scorer
from kgreason.settings import (
    DTYPES,
    FACTS,
    USUAL,
    Choices,
    Recipe,
    Settings,
    machine_memory,
    size,
    spell_size,
    truth,
)
from kgreason.truth import GODEL, Hamacher


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
    for text in ("x", "", "1,0"):
        with pytest.raises(UsageError, match="not a truth"):
            truth(text)


@pytest.mark.parametrize("count", [1, 1000, 1 << 10, 3 << 20, 2 << 30, 5 << 40, (1 << 30) + 1])
def test_a_size_is_spelled_as_it_is_read(count: int) -> None:
    assert size(spell_size(count)) == count


def test_settings_are_read_from_texts() -> None:
    read = Settings.of(
        logic="hamacher:2",
        observed="train, valid",
        observed_truth="0.5",
        max_memory="1GiB",
        row_cache="rows",
    )
    assert read == Settings(
        logic=Hamacher(2),
        observed=("train", "valid"),
        observed_truth=0.5,
        max_memory=1 << 30,
        row_cache=Path("rows"),
    )
    assert Settings.of() == USUAL
    assert read.but(observed_truth="none").observed_truth is None
    assert Settings.of(observed=["a"]).observed == ("a",)
    assert Settings.of(observed_truth=np.float32(1)).observed_truth == 1.0  # type: ignore[arg-type]


MANY_DIGITS = 10**9999
BAD: dict[str, list[object]] = {
    "logic": [None, 3, "prodct", "hamacher:-1"],
    "semantics": [None, "sets", 1, ["text"]],
    "observed": [5, [1], ["a", None]],
    "observed_truth": [0, -1, 1.5, float("nan"), True, "x", "2", [], MANY_DIGITS],
    "calibration": [None, 3],
    "device": [None, "", "cuda:x", "CPU", 0],
    "dtype": ["float16", None, 32],
    "max_memory": [0, -1, 10**30, True, 1.5, None, "lots", "900TiB", "1e9", -MANY_DIGITS],
    "row_cache": [5, []],
    "frontier": [0, -1, "8", True],
    "memory": ["2GiB"],
    "a very long name" * 100: [1],
}
WRONG = [(name, value) for name, values in BAD.items() for value in values]


@pytest.mark.parametrize(("name", "value"), WRONG, ids=range(len(WRONG)))
def test_a_wrong_setting_is_one_clear_error(name: str, value: object) -> None:
    with pytest.raises(UsageError) as caught:
        Settings.of(**{name: value})  # type: ignore[arg-type]
    assert caught.value.remedy
    assert len(str(caught.value)) < 400


def test_more_memory_than_there_is_is_told_with_both_numbers() -> None:
    there = machine_memory()
    assert there == os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    assert Settings(max_memory=there).max_memory == there
    with pytest.raises(UsageError, match="this machine has"):
        Settings(max_memory=there + 1)
    # What another device has is not known here.
    assert Settings(max_memory=there + 1, device="cuda").max_memory == there + 1


def test_each_setting_is_spelled_in_one_class_and_in_what_people_write() -> None:
    own = {field.name for field in dataclasses.fields(Settings)}
    assert own == set(Choices.__annotations__)
    assert set(DTYPES) == set(scorer.DTYPES)


def test_splits_are_the_usual_ones_unless_named() -> None:
    facts = [("a", "r", "b")]
    plain = KnowledgeGraph.from_triples(facts)
    assert USUAL.splits(plain) == plain.splits == ("train",)
    frame = {"head": ["a", "a"], "relation": ["r", "r"], "tail": ["b", "c"]}
    import polars as pl

    graph = KnowledgeGraph.from_frame(pl.DataFrame(frame | {"split": ["train", "test"]}))
    assert USUAL.splits(graph) == ("train",)
    assert Settings.of(observed="all").splits(graph) == ("train", "test")
    assert Settings.of(observed="test").splits(graph) == ("test",)
    with pytest.raises(UsageError, match="no split 'tset'") as caught:
        Settings.of(observed="tset").splits(graph)
    assert "nearest: test" in str(caught.value)
    other = KnowledgeGraph.from_frame(pl.DataFrame(frame | {"split": ["one", "two"]}))
    assert USUAL.splits(other) == ("one", "two")


def test_settings_and_recipes_are_values() -> None:
    settings = Settings.of(logic=GODEL, max_memory="1GiB", row_cache="rows")
    recipe = Recipe(("pykeen:umls",), ("facts", "model.safetensors"), settings)
    for one in (settings, recipe):
        assert pickle.loads(pickle.dumps(one)) == one
        assert hash(pickle.loads(pickle.dumps(one))) == hash(one)


def test_a_pickled_recipe_means_the_same_in_another_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("graph.tsv", "rules.txt", FACTS):
        (tmp_path / name).write_text("")
    monkeypatch.chdir(tmp_path)
    recipe = Recipe(("graph.tsv", "pykeen:umls"), (FACTS, "rules.txt"))
    moved = pickle.loads(pickle.dumps(recipe))
    assert moved.graph == (str(tmp_path / "graph.tsv"), "pykeen:umls")
    assert moved.models == (FACTS, str(tmp_path / "rules.txt"))


def test_facts_alone_have_truth_1() -> None:
    for plain in (1.0, None):
        Recipe(("g",), (FACTS,), Settings(observed_truth=plain))
    with pytest.raises(UsageError, match=r"truth 1 without a model, not 0\.9"):
        Recipe(("g",), (FACTS,), Settings(observed_truth=0.9))
    Recipe(("g",), ("model",), Settings(observed_truth=0.9))


PARTS: dict[str, list[object]] = {
    "graph": ["g", (), None, ("g", 5)],
    "models": ["facts", (), None, (5,)],
    "settings": [None, {}],
}


@pytest.mark.parametrize(
    ("part", "value"), [(part, value) for part, values in PARTS.items() for value in values]
)
def test_a_wrong_part_of_a_recipe_is_told(part: str, value: object) -> None:
    with pytest.raises(UsageError, match=part):
        Recipe(**{"graph": ("g",), part: value})  # type: ignore[arg-type]


def test_the_key_changes_with_all_that_decides_a_row_and_with_nothing_else(tmp_path: Path) -> None:
    graph = KnowledgeGraph.from_triples([("a", "r", "b"), ("b", "s", "c")])
    model, twin = tmp_path / "model", tmp_path / "twin"
    for path in (model, twin):
        path.write_bytes(b"weights")

    def key(settings: Settings = USUAL, model: Path = model, over: KnowledgeGraph = graph) -> str:
        return Recipe(over, (str(model),), settings).key(over)

    usual = key()
    assert len(usual) == 64
    same = {
        key(model=twin),
        key(Settings.of(logic="godel", semantics="dnf", max_memory="1MiB", frontier=3)),
        key(Settings.of(observed="train", device="cpu", row_cache="elsewhere")),
        key(over=KnowledgeGraph.from_triples([("a", "r", "b"), ("b", "s", "c")])),
    }
    assert same == {usual}
    changed = [
        key(Settings(observed_truth=None)),
        key(Settings(observed_truth=0.5)),
        key(Settings(calibration="sigmoid")),
        key(Settings(dtype="float64")),
        key(Settings(device="cuda")),
        key(Settings(observed=())),
        key(over=KnowledgeGraph.from_triples([("a", "r", "b"), ("b", "s", "a")])),
        Recipe(graph, (str(model), FACTS)).key(graph),
    ]
    assert len({usual, *changed}) == 1 + len(changed)
    twin.write_bytes(b"others")
    assert key(model=twin) != usual


def test_a_model_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    graph = KnowledgeGraph.from_triples([("a", "r", "b")])
    with pytest.raises(UsageError, match="cannot read the model"):
        Recipe(graph, (str(tmp_path / "none"),)).key(graph)
