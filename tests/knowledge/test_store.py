"""The store: round trip, laziness, replacement, damage."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from kgreason.errors import DataError, UsageError
from kgreason.files import checksums
from kgreason.knowledge import KnowledgeGraph
from kgreason.knowledge import store as store_module
from tests.knowledge.test_rdf import put, statements
from tests.knowledge.test_vocabulary import TURTLE


@pytest.fixture
def graph(tmp_path: Path) -> KnowledgeGraph:
    return KnowledgeGraph.load(put(tmp_path / "g.ttl", TURTLE))


@pytest.fixture
def stored(graph: KnowledgeGraph, tmp_path: Path) -> Path:
    graph.save(tmp_path / "g.kg")
    return tmp_path / "g.kg"


def table(folder: Path, key: str) -> Path:
    (found,) = folder.glob(f"{key}-*.parquet")
    return found


def test_a_store_gives_back_the_graph(graph: KnowledgeGraph, stored: Path) -> None:
    for again in (KnowledgeGraph.open(stored), KnowledgeGraph.load(stored)):
        assert again.name == graph.name
        assert np.array_equal(again.facts(), graph.facts())
        mine, theirs = again.vocabulary, graph.vocabulary
        assert mine.fingerprint() == theirs.fingerprint()
        assert mine.prefixes == theirs.prefixes
        assert mine.labels.equals(theirs.labels)
        assert mine.literal.tolist() == theirs.literal.tolist()
        assert again.describe() == graph.describe()
        again.verify()
    assert not [p for p in stored.iterdir() if p.name.startswith(".")]


def test_splits_survive(tmp_path: Path) -> None:
    graph = KnowledgeGraph.load("pykeen:nations")
    graph.save(tmp_path / "n.kg")
    again = KnowledgeGraph.open(tmp_path / "n.kg")
    assert again.fact_counts == graph.fact_counts
    assert np.array_equal(again.facts(["valid"]), graph.facts(["valid"]))


def test_opening_reads_only_the_manifest(stored: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    reads: list[str] = []
    read = pl.read_parquet

    def noted(path: Path, **options: bool) -> pl.DataFrame:
        reads.append(path.name.split("-")[0])
        return read(path, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(pl, "read_parquet", noted)
    graph = KnowledgeGraph.open(stored)
    assert "entities, 3 relations" in repr(graph)
    assert reads == []
    graph.index()
    graph.index()
    assert reads == ["facts"]
    assert len(graph.vocabulary.entity_names) == graph.entity_count
    assert sorted(reads) == ["entities", "facts", "labels", "relations"]


def test_a_store_may_be_one_of_several_sources(stored: Path, tmp_path: Path) -> None:
    more = put(tmp_path / "more.tsv", "<http://e/q1>\t<http://e/p1>\tnew\n")
    graph = KnowledgeGraph.load(stored, more)
    assert ("<http://e/q1>", "<http://e/p1>", "new") in statements(graph)
    assert graph.vocabulary.display(0) == "Alice"
    assert graph.vocabulary.prefixes["other"] == "http://o#"


def test_replacing_keeps_one_whole_store(graph: KnowledgeGraph, stored: Path) -> None:
    before = {path.name for path in stored.iterdir()}
    KnowledgeGraph.from_triples([("a", "r", "b")], name="small").save(stored)
    assert KnowledgeGraph.open(stored).name == "small"
    assert len(list(stored.iterdir())) == len(before)
    reopened = KnowledgeGraph.open(stored)
    reopened.save(stored)
    assert statements(KnowledgeGraph.open(stored)) == {("a", "r", "b")}


@pytest.mark.parametrize("stage", ["_write_table", "_write_manifest"])
def test_an_interrupted_save_loses_nothing(
    stage: str, stored: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    small = KnowledgeGraph.from_triples([("a", "r", "b")])
    with monkeypatch.context() as patch:
        patch.setattr(store_module, stage, interrupted)
        for target in (stored, tmp_path / "fresh.kg"):
            with pytest.raises(KeyboardInterrupt):
                small.save(target)
    assert not (tmp_path / "fresh.kg").exists()
    assert {p.name for p in tmp_path.iterdir()} == {"g.ttl", "g.kg"}
    KnowledgeGraph.open(stored).verify()
    assert KnowledgeGraph.open(stored).name == "g"


def test_only_stores_are_replaced(graph: KnowledgeGraph, tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    put(folder / "precious.txt", "keep")
    with pytest.raises(UsageError, match="not a store"):
        graph.save(folder)
    with pytest.raises(UsageError, match="a file is in the way"):
        graph.save(tmp_path / "g.ttl")
    assert (folder / "precious.txt").read_text() == "keep"
    (tmp_path / "empty").mkdir()
    graph.save(tmp_path / "empty")
    assert KnowledgeGraph.open(tmp_path / "empty").name == "g"


@pytest.mark.parametrize("key", ["entities", "relations", "labels", "facts"])
def test_a_truncated_or_missing_table_is_seen_when_opening(key: str, stored: Path) -> None:
    file = table(stored, key)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DataError, match=rf"{key}-.*bytes instead of") as caught:
        KnowledgeGraph.open(stored)
    assert "again" in str(caught.value)
    file.unlink()
    with pytest.raises(DataError, match=rf"{key}-.*cannot be read"):
        KnowledgeGraph.open(stored)


def sealed(manifest: dict[str, Any]) -> str:
    """A manifest with the right checksum of itself."""
    return json.dumps({**manifest, "sha256": store_module._manifest_checksum(manifest)})


def test_a_changed_table_is_seen_by_its_checksum(stored: Path) -> None:
    for key, use in USES.items():
        file = table(stored, key)
        whole = file.read_bytes()
        for content in (flipped(whole, len(whole) // 2), flipped(whole, 5), b"x" * len(whole)):
            file.write_bytes(content)
            graph = KnowledgeGraph.open(stored)
            for read in (KnowledgeGraph.verify, use):
                with pytest.raises(DataError, match=rf"{key}-.*: damaged.*checksum") as caught:
                    read(graph)
                assert "kgreason load" in str(caught.value)
            with pytest.raises(DataError, match="damaged"):
                use(KnowledgeGraph.load(stored, stored))
        file.write_bytes(whole)
        use(KnowledgeGraph.open(stored))


USES: dict[str, Callable[[KnowledgeGraph], object]] = {
    "facts": KnowledgeGraph.facts,
    "labels": lambda graph: graph.vocabulary,
    "entities": lambda graph: graph.vocabulary,
    "relations": lambda graph: graph.vocabulary,
}


def flipped(content: bytes, place: int) -> bytes:
    return content[:place] + bytes([content[place] ^ 1]) + content[place + 1 :]


def test_a_table_is_hashed_once_per_process_while_it_does_not_change(
    stored: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed: list[str] = []
    sha256 = checksums.sha256

    def noted(path: Path) -> str:
        hashed.append(path.name.split("-")[0])
        return sha256(path)

    monkeypatch.setattr(checksums, "sha256", noted)
    for file in stored.iterdir():
        os.utime(file, (1e9, 1e9))
    # Times are compared with the present: what was just written may change unseen by its times.
    monkeypatch.setattr(checksums, "_SETTLED", 0)
    for _ in range(3):
        KnowledgeGraph.open(stored).facts()
    assert hashed == ["facts"]
    facts = table(stored, "facts")
    whole = facts.read_bytes()
    facts.write_bytes(flipped(whole, 30))
    os.utime(facts, (1e9, 1e9))
    with pytest.raises(DataError, match="damaged"):
        KnowledgeGraph.open(stored).facts()
    facts.write_bytes(whole)
    monkeypatch.setattr(checksums, "_SETTLED", 10**18)
    hashed.clear()
    for _ in range(2):
        KnowledgeGraph.open(stored).facts()
    assert hashed == ["facts", "facts"]


def test_tables_in_each_others_place_are_seen(tmp_path: Path) -> None:
    KnowledgeGraph.load("pykeen:nations").save(tmp_path / "n.kg")
    manifest = json.loads((tmp_path / "n.kg/manifest.json").read_text())
    one, other = (tmp_path / "n.kg" / manifest["facts"][s]["name"] for s in ("valid", "test"))
    one.write_bytes(other.read_bytes())
    with pytest.raises(DataError, match=r"facts-.*"):
        KnowledgeGraph.open(tmp_path / "n.kg").facts()


@pytest.mark.parametrize("name", ["head", "tail"])
def test_ids_out_of_range_are_seen_when_read(name: str, stored: Path) -> None:
    manifest = json.loads((stored / "manifest.json").read_text())
    entry = manifest["facts"]["train"]
    rows = pl.read_parquet(stored / entry["name"]).with_columns(pl.lit(10**6, pl.Int32).alias(name))
    rows.write_parquet(stored / entry["name"])
    entry["size"] = (stored / entry["name"]).stat().st_size
    entry["sha256"] = checksums.sha256(stored / entry["name"])
    put(stored / "manifest.json", sealed(manifest))
    with pytest.raises(DataError, match="an id is out of range"):
        KnowledgeGraph.open(stored).index()


CHANGES = [
    ({"version": 99}, "version 99"),
    ({"format": "else"}, "not the manifest of a store"),
    ({"tables": {}}, "damaged"),
    ({"facts": {"train": {"name": "../x", "rows": 1, "size": 1, "sha256": ""}}}, "damaged"),
    ({"facts": []}, "damaged"),
    ({"prefixes": 3}, "damaged"),
]


@pytest.mark.parametrize(("change", "message"), [*CHANGES, ({"name": "else"}, "damaged")])
def test_a_changed_manifest(change: dict[str, object], message: str, stored: Path) -> None:
    manifest = json.loads((stored / "manifest.json").read_text())
    put(stored / "manifest.json", json.dumps({**manifest, **change}))
    with pytest.raises(DataError, match=message):
        KnowledgeGraph.open(stored)


@pytest.mark.parametrize(("change", "message"), CHANGES)
def test_a_manifest_with_a_right_checksum_of_a_wrong_content(
    change: dict[str, object], message: str, stored: Path
) -> None:
    manifest = json.loads((stored / "manifest.json").read_text())
    put(stored / "manifest.json", sealed({**manifest, **change}))
    with pytest.raises(DataError, match=message):
        KnowledgeGraph.open(stored)


def test_a_store_without_checksums_of_an_earlier_version_is_told(stored: Path) -> None:
    manifest = json.loads((stored / "manifest.json").read_text())
    del manifest["sha256"]
    put(stored / "manifest.json", json.dumps({**manifest, "version": 1}))
    with pytest.raises(DataError, match="version 1, this reads version 2") as caught:
        KnowledgeGraph.load(stored)
    assert "kgreason load" in str(caught.value)


@pytest.mark.parametrize("content", ["", "{", '{"format": 1}', "[" * 100_000])
def test_a_damaged_store_is_told_and_can_be_made_again(
    content: str, graph: KnowledgeGraph, stored: Path
) -> None:
    put(stored / "manifest.json", content)
    for read in (KnowledgeGraph.open, KnowledgeGraph.load):
        with pytest.raises(DataError, match=r"g\.kg"):
            read(stored)
    graph.save(stored)
    assert statements(KnowledgeGraph.open(stored)) == statements(graph)


def test_what_is_no_store(stored: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="not a store"):
        KnowledgeGraph.open(tmp_path / "absent.kg")
    with pytest.raises(DataError, match="not a store"):
        KnowledgeGraph.open(tmp_path)
    put(stored / "manifest.json", '{"format": ')
    with pytest.raises(DataError, match=r"manifest\.json: damaged"):
        KnowledgeGraph.open(stored)
