from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from kgreason.errors import DataError
from kgreason.knowledge import KnowledgeGraph
from tests.bench import tiny
from tests.bench.suites import layouts


@pytest.mark.parametrize("write", [layouts.write_query2box, layouts.write_kgindex])
def test_the_same_graph_in_every_layout(tmp_path: Path, write: Any) -> None:
    betae = KnowledgeGraph.load(tiny.write_graph(tmp_path / "betae"))
    graph = KnowledgeGraph.load(write(tmp_path / "other"))
    assert graph.splits == betae.splits
    assert graph.vocabulary.fingerprint() == betae.vocabulary.fingerprint()
    for split in betae.splits:
        assert sorted(graph.facts([split]).tolist()) == sorted(betae.facts([split]).tolist())


@pytest.mark.parametrize(
    "names",
    [
        {0: "+likes", 1: "-likes", 2: "+knows", 3: "-knows"},
        {0: "-likes", 1: "+likes", 2: "-knows", 3: "+knows"},
        {0: 17, 1: 18, 2: 19, 3: 20},
    ],
)
def test_query2box_relations_in_other_spellings(tmp_path: Path, names: dict[int, Any]) -> None:
    folder = layouts.write_query2box(tmp_path / "q")
    tiny.dump(folder / "ind2rel.pkl", names)
    links = {((0, (0,)),): {1}, ((1, (1,)),): {0}}
    tiny.dump(folder / "train_ans_1c.pkl", links)
    tiny.dump(folder / "valid_ans_1c_hard.pkl", {})
    tiny.dump(folder / "test_ans_1c_hard.pkl", {})
    head, tail = (1, 0) if names[0] == "-likes" else (0, 1)
    assert KnowledgeGraph.load(folder).facts().tolist() == [[head, 0, tail]]


@pytest.mark.parametrize(
    ("file", "value", "problem"),
    [
        ("ind2ent.pkl", {1: "a"}, "ids 0"),
        ("ind2rel.pkl", {0: "likes", 1: "knows", 2: "hates"}, "in pairs"),
        ("train_ans_1c.pkl", [], "not a dictionary"),
        ("train_ans_1c.pkl", {((0, (0, 0)),): {1}}, "not a dictionary"),
        ("train_ans_1c.pkl", {((0, (0,)),): {"x"}}, "not a dictionary"),
        ("train_ans_1c.pkl", {((0, (9,)),): {1}}, "does not have"),
        ("train_ans_1c.pkl", {((0, (0,)),): {9}}, "does not have"),
    ],
)
def test_damaged_query2box_graphs_are_named(
    tmp_path: Path, file: str, value: Any, problem: str
) -> None:
    folder = layouts.write_query2box(tmp_path / "q")
    tiny.dump(folder / file, value)
    with pytest.raises(DataError, match=problem) as caught:
        KnowledgeGraph.load(folder)
    assert file in str(caught.value)


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", {"e": {}}, {"e": [], "r": {}}, {"e": {"a": 0, "b": 0}, "r": {}}),
        *({"e": {"a": "0"}, "r": {}}, {"e": {"a": 1}, "r": {}}, {"e": {"a": 0}, "r": {"+r": 0}}),
    ],
)
def test_damaged_indices_are_named(tmp_path: Path, content: Any) -> None:
    folder = layouts.write_kgindex(tmp_path / "g")
    text = content if isinstance(content, str) else json.dumps(content)
    (folder / "kgindex.json").write_text(text)
    with pytest.raises(DataError, match=r"kgindex\.json"):
        KnowledgeGraph.load(folder)


def test_damaged_facts_are_named(tmp_path: Path) -> None:
    folder = layouts.write_kgindex(tmp_path / "g")
    (folder / "test_kg.tsv").write_text("0\t0\t6\n")
    with pytest.raises(DataError, match=r"test_kg\.tsv, line 1"):
        KnowledgeGraph.load(folder)
    (folder / "test_kg.tsv").unlink()
    with pytest.raises(DataError, match="no such file"):
        KnowledgeGraph.load(folder)
