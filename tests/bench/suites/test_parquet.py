from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from kgreason.bench.sampling.missing import with_missing_links
from kgreason.bench.suites.check import check
from kgreason.bench.suites.load import read_suite
from kgreason.bench.suites.parquet import Origin, is_parquet_suite, read_origin, write_suite
from kgreason.bench.suites.questions import Suite
from kgreason.bench.suites.splits import Splits
from kgreason.binding import bind
from kgreason.errors import DataError, KgreasonError
from kgreason.files.parquet import seal_parquet
from kgreason.knowledge import KnowledgeGraph
from kgreason.syntax import parse_efo
from tests.bench import tiny


def converted(folder: Path, output: Path, *, count: bool = False) -> tuple[Suite, Suite]:
    """A suite of another layout, and what is read back of it."""
    suite = read_suite(folder)
    graph = KnowledgeGraph.load(suite.graph)
    if count:
        suite = with_missing_links(suite, graph, Splits.of(graph))
    origin = Origin.of(graph, str(suite.graph), Splits.of(graph), {"converted": folder.name})
    write_suite(output, suite.questions, graph, origin)
    return suite, read_suite(output)


def assert_equal(one: Suite, other: Suite) -> None:
    assert one.types == other.types
    assert one.graph == other.graph
    for name, asked in one.questions.items():
        for before, after in zip(asked, other.questions[name], strict=True):
            assert before.query == after.query
            assert np.array_equal(before.easy, after.easy)
            assert np.array_equal(before.hard, after.hard)


@pytest.fixture
def table(tmp_path: Path) -> Path:
    converted(tiny.write_betae(tmp_path / "tiny-betae"), tmp_path / "tiny.parquet")
    return tmp_path / "tiny.parquet"


def test_round_trip_of_both_layouts(tmp_path: Path) -> None:
    betae = tiny.write_betae(tmp_path / "tiny-betae")
    assert_equal(*converted(betae, tmp_path / "one.parquet"))
    tiny.write_efo1(tmp_path / "tiny-EFO1")
    assert_equal(*converted(tmp_path / "tiny-EFO1", tmp_path / "two.parquet"))
    assert not list(tmp_path.glob(".*.tmp"))


@pytest.mark.data
@pytest.mark.parametrize("name", ["FB15k-237-EFO1", "NELL-EFO1"])
def test_round_trip_of_published_suites(data: Path, tmp_path: Path, name: str) -> None:
    suite, again = converted(data / name, tmp_path / "suite.parquet", count=True)
    assert_equal(suite, again)
    counts = np.concatenate([q.missing for asked in again.questions.values() for q in asked])
    assert counts.min() == 1
    assert counts.max() > 1


def test_missing_links_by_hand(tmp_path: Path) -> None:
    suite, again = converted(
        tiny.write_betae(tmp_path / "tiny-betae"), tmp_path / "tiny.parquet", count=True
    )
    found = {q.key: q.missing for asked in suite.questions.values() for q in asked}
    assert {key: links.tolist() for key, links in found.items() if links is not None} == {
        (0, (0,)): [1],
        (1, (0,)): [],
        (2, (3,)): [1],
        (0, (0, 0)): [],
        # likes(0, 4) is observed, knows(4, 2) is not.
        (0, (0, 2)): [1],
        ((0, (0,)), (1, (0, -2))): [],
    }
    stored = [q.missing for asked in again.questions.values() for q in asked]
    assert [links is not None for links in stored] == [True] * 6


def test_missing_links_of_a_false_answer(tmp_path: Path) -> None:
    folder = tiny.write_betae(tmp_path / "tiny-betae")
    tiny.change(folder / "test-hard-answers.pkl", (0, (0,)), {5})
    with pytest.raises(DataError, match="no facts give"):
        converted(folder, tmp_path / "tiny.parquet", count=True)


def test_the_texts_ask_the_same(table: Path) -> None:
    suite = read_suite(table)
    vocabulary = KnowledgeGraph.load(suite.graph).vocabulary
    texts = pl.read_parquet(table)["question"].to_list()
    queries = [q.query for asked in suite.questions.values() for q in asked]
    assert [bind(parse_efo(text), vocabulary) for text in texts] == queries
    assert "?y : likes(e0, y) & !likes(e1, y)" in texts


def test_what_is_remembered(table: Path) -> None:
    origin = read_origin(table)
    assert origin.observed == ("train", "valid")
    assert origin.splits == {"train": 3, "valid": 1, "test": 2}
    assert origin.making == {"converted": "tiny-betae"}
    assert is_parquet_suite(table)
    assert not is_parquet_suite(table.parent)


def test_another_graph_is_refused(table: Path, tmp_path: Path) -> None:
    suite = read_suite(table)
    assert check(suite, KnowledgeGraph.load(suite.graph)).is_exact
    lines = (suite.graph / "test.txt").read_text().splitlines()
    (suite.graph / "test.txt").write_text("\n".join(lines[:1] + lines[2:3]))
    with pytest.raises(DataError, match="is not about"):
        check(suite, KnowledgeGraph.load(suite.graph))


def test_a_graph_beside_the_suite_is_found(tmp_path: Path) -> None:
    folder = tiny.write_betae(tmp_path / "tiny-betae")
    graph = KnowledgeGraph.load(folder)
    origin = Origin.of(graph, "tiny-betae", Splits.of(graph), {})
    write_suite(tmp_path / "s.parquet", read_suite(folder).questions, graph, origin)
    assert read_suite(tmp_path / "s.parquet").graph == folder
    assert read_suite(tmp_path / "s.parquet", "other").graph == Path("other")


def written(path: Path, frame: pl.DataFrame, about: dict[str, Any], *, seal: bool = True) -> None:
    frame.write_parquet(path, metadata={"kgreason": json.dumps(about)})
    if seal:
        seal_parquet(path)


def told(table: Path) -> dict[str, Any]:
    about = json.loads(pl.read_parquet_metadata(table)["kgreason"])
    assert isinstance(about, dict)
    return about


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"template": pl.lit("?y : $r1($s1")}, "question 0: this bracket"),
        ({"template": pl.lit("?y : $r9($s1, y)")}, r"no id for \$r9"),
        ({"relations": pl.lit([-1])}, "negative id"),
        ({"entities": pl.lit("x")}, "the column 'entities' holds String"),
        ({"hard": pl.lit([3, 2])}, "not ascending"),
        ({"hard": pl.lit([None], dtype=pl.List(pl.Int64))}, "an answer is missing"),
        ({"missing": pl.lit([1, 1, 1, 1])}, "missing links of 4 answers"),
        ({"type": pl.lit(None, dtype=pl.String)}, "a value is missing"),
    ],
)
def test_damaged_tables(table: Path, columns: dict[str, Any], said: str) -> None:
    written(table, pl.read_parquet(table).with_columns(**columns), told(table))
    with pytest.raises(DataError, match=said):
        read_suite(table)


def test_every_flipped_bit_is_seen(table: Path) -> None:
    whole = table.read_bytes()
    for place in range(0, len(whole), 7):
        content = bytearray(whole)
        content[place] ^= 1 << place % 8
        table.write_bytes(content)
        with pytest.raises(DataError, match=r"tiny\.parquet: (cannot be read|damaged)"):
            read_suite(table)


def test_a_suite_of_an_earlier_version_has_no_checksum(table: Path) -> None:
    suite = read_suite(table)
    frame, about = pl.read_parquet(table), told(table)
    written(table, frame, about, seal=False)
    with pytest.raises(DataError, match="checksum is gone"):
        read_suite(table)
    written(table, frame, {**about, "version": 1}, seal=False)
    assert_equal(read_suite(table), suite)


def test_other_readers_see_the_same_table(table: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet")
    assert parquet.read_table(table).to_pylist() == pl.read_parquet(table).to_dicts()


def test_other_files(table: Path, tmp_path: Path) -> None:
    plain = tmp_path / "plain.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(plain)
    with pytest.raises(DataError, match="no suite of questions"):
        read_suite(plain)
    plain.write_bytes(table.read_bytes()[:100])
    with pytest.raises(DataError, match="cannot be read"):
        read_suite(plain)
    about, frame = told(table), pl.read_parquet(table)
    written(plain, frame, {**about, "version": 9})
    with pytest.raises(DataError, match="version 9"):
        read_suite(plain)
    written(plain, frame.drop("hard"), about)
    with pytest.raises(DataError, match="no column 'hard'"):
        read_suite(plain)
    del about["making"]
    written(plain, frame, about)
    with pytest.raises(DataError, match="damaged metadata"):
        read_suite(plain)


def test_nowhere_to_write(tmp_path: Path, table: Path) -> None:
    suite = read_suite(table)
    graph = KnowledgeGraph.load(suite.graph)
    with pytest.raises(KgreasonError, match="cannot write"):
        write_suite(tmp_path / "no" / "s.parquet", suite.questions, graph, read_origin(table))
