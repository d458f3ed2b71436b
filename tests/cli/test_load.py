"""`kgreason load`."""

from __future__ import annotations

from pathlib import Path

from kgreason.knowledge import KnowledgeGraph
from tests.cli.conftest import FRIENDS, Run


def test_load_says_what_it_read(run: Run, friends: Path, tmp_path: Path) -> None:
    ran = run("load", friends, "-o", tmp_path / "g.kg", "--name", "people")
    assert (ran.code, ran.out) == (0, "")
    assert ran.err.startswith("people\n")
    assert "facts      7" in ran.err
    assert f"written to {tmp_path / 'g.kg'}" in ran.err
    opened = KnowledgeGraph.open(tmp_path / "g.kg")
    assert (opened.name, opened.entity_count, opened.relation_count) == ("people", 7, 3)


def test_several_sources_standard_input_and_labels(run: Run, drugs: Path, tmp_path: Path) -> None:
    (tmp_path / "labels.tsv").write_text("alice\tAlice Liddell\n")
    ran = run(
        *("load", "-", "-o", tmp_path / "g.kg", "--input-format", "tsv"),
        *("--labels", tmp_path / "labels.tsv"),
        text=FRIENDS,
    )
    assert ran.code == 0
    asked = run(
        *("query", "-g", tmp_path / "g.kg", "-g", drugs, "--format", "table"),
        *("-q", "?x : friend(x, bob)"),
    )
    assert "1  Alice Liddell (alice)  1.0000  known" in asked.out


def test_malformed_statements(run: Run, tmp_path: Path) -> None:
    (tmp_path / "g.tsv").write_text("a\tr\tb\nonly two\tcolumns\n")
    strict = run("load", tmp_path / "g.tsv", "-o", tmp_path / "g.kg")
    assert strict.code == 1
    assert "line 2" in strict.err
    assert not (tmp_path / "g.kg").exists()
    lenient = run("load", tmp_path / "g.tsv", "-o", tmp_path / "g.kg", "--lenient")
    assert lenient.code == 0
    assert "skipped    1" in lenient.err


def test_a_file_in_the_way_is_kept(run: Run, friends: Path) -> None:
    ran = run("load", friends, "-o", friends)
    assert ran.code == 2
    assert friends.read_text() == FRIENDS


def test_labels_from_a_relation_of_the_graph(run: Run, tmp_path: Path) -> None:
    (tmp_path / "g.nt").write_text(
        '<http://x/a> <http://x/name> "Ada" .\n<http://x/b> <http://x/r> <http://x/a> .\n'
    )
    (tmp_path / "q.rq").write_text("SELECT ?y { <http://x/b> <http://x/r> ?y }")
    ran = run(
        *("query", "-g", tmp_path / "g.nt", "--label-property", "http://x/name"),
        *("--query-file", tmp_path / "q.rq", "--format", "table"),
    )
    assert "1  Ada (<http://x/a>)  1.0000  known" in ran.out, ran.err
