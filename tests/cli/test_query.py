"""`kgreason query`."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pyoxigraph
import pytest

from kgreason.cli import query as query_module
from kgreason.cli.common.terminal import Terminal
from tests.cli.conftest import Ran, Run

WORK = "?y : exists x . friend(alice, x) & works_at(x, y)"
DRUGS = "SELECT ?d WHERE { ?d ex:treats ex:headache }"
TSV_OF_WORK = "?y\t?score\n<initech>\t1.0e0\n"


def table(run: Run, *arguments: str | Path) -> Ran:
    return run("query", "--format", "table", *arguments)


def test_a_table_names_answer_score_standing_and_witness(run: Run, friends: Path) -> None:
    ran = table(run, "-g", friends, "-q", WORK)
    assert ran.code == 0
    assert ran.out.splitlines() == [
        "#  ?y        score",
        "1  initech  1.0000  known",
        "     with ?x = bob",
        "     friend(alice, bob)      1.0000  fact",
        "     works_at(bob, initech)  1.0000  fact",
    ]
    assert "1 of 1 answers" in ran.err
    assert "product logic" in ran.err
    assert "observed: train" in ran.err


def test_labels_stand_before_the_short_form_of_their_term(run: Run, drugs: Path) -> None:
    ran = table(run, "-g", drugs, "-q", DRUGS, "--no-witness")
    assert [line.split("  ")[1] for line in ran.out.splitlines()[1:]] == [
        'Aspirin, "plain" (ex:aspirin)',
        "Ibuprofen <&> Größe (ex:ibuprofen)",
    ]


def test_without_a_witness_there_is_a_line_an_answer(run: Run, friends: Path) -> None:
    ran = table(run, "-g", friends, "-q", WORK, "--no-witness", "--quiet")
    assert len(ran.out.splitlines()) == 2
    assert ran.err == ""


def test_a_pipe_gets_tsv(run: Run, friends: Path) -> None:
    assert run("query", "-g", friends, "-q", WORK).out == TSV_OF_WORK


@pytest.mark.parametrize("name", ["json", "xml", "tsv", "application/sparql-results+json"])
def test_result_documents_are_read_by_another_engine(run: Run, drugs: Path, name: str) -> None:
    ran = run("query", "-g", drugs, "-q", DRUGS, "--format", name)
    kinds = {
        "json": pyoxigraph.QueryResultsFormat.JSON,
        "xml": pyoxigraph.QueryResultsFormat.XML,
        "tsv": pyoxigraph.QueryResultsFormat.TSV,
    }
    kind = kinds.get(name, pyoxigraph.QueryResultsFormat.JSON)
    parsed = pyoxigraph.parse_query_results(ran.out, format=kind)
    assert isinstance(parsed, pyoxigraph.QuerySolutions)
    rows = [(str(row["d"]), str(row["score"])) for row in parsed]
    score = '"1.0"^^<http://www.w3.org/2001/XMLSchema#double>'
    assert [name for name, _ in rows] == [
        "<http://example.org/aspirin>",
        "<http://example.org/ibuprofen>",
    ]
    assert {float(value.split('"')[1]) for _, value in rows} == {1.0}, score


def test_csv_reads_back(run: Run, drugs: Path) -> None:
    ran = run("query", "-g", drugs, "-q", "SELECT ?n ?d { ?d ex:strips ?n }", "--format", "csv")
    assert list(csv.reader(io.StringIO(ran.out, newline=""))) == [
        ["n", "d", "score"],
        ["10", "http://example.org/aspirin", "1.0"],
        ["20", "http://example.org/ibuprofen", "1.0"],
    ]
    assert ran.out.count("\r\n") == 3


@pytest.mark.parametrize(("tail", "expected"), [("bob", True), ("carol", False)])
def test_yes_or_no(run: Run, friends: Path, tail: str, expected: bool) -> None:
    question = f"ask : friend(alice, {tail})"
    shown = table(run, "-g", friends, "-q", question).out
    assert shown == ("true  1.0000  known\n" if expected else "false  0.0000\n")
    ran = run("query", "-g", friends, "-q", question, "--format", "json")
    assert json.loads(ran.out) == {"head": {}, "boolean": expected}


def test_the_question_comes_from_a_file_or_standard_input(
    run: Run, friends: Path, tmp_path: Path
) -> None:
    (tmp_path / "q.efo").write_text("\ufeff# who employs alice's friends?\n" + WORK)
    from_file = run("query", "-g", friends, "--query-file", tmp_path / "q.efo")
    piped = run("query", "-g", friends, text=WORK)
    dash = run("query", "-g", friends, "--query-file", "-", text=WORK)
    assert from_file.out == piped.out == dash.out == TSV_OF_WORK


def test_the_graph_comes_from_standard_input(run: Run, friends: Path) -> None:
    content = friends.read_bytes()
    ran = run("query", "-g", "-", "--input-format", "tsv", "-q", WORK, text=content)
    assert ran.out == TSV_OF_WORK
    both = run("query", "-g", "-", "--input-format", "tsv", text=content)
    assert both.code == 2
    assert "both the graph and the question" in both.err


def test_limits(run: Run, friends: Path) -> None:
    def rows(*arguments: str) -> int:
        ran = run("query", "-g", friends, "--format", "csv", *arguments)
        assert ran.code == 0, ran.err
        return len(ran.out.splitlines()) - 1

    everything = "?x ?y : friend(x, y) | works_at(x, y) | likes(x, y)"
    assert rows("-q", everything) == 7
    assert rows("-q", everything, "--limit", "2") == 2
    assert rows("-q", everything, "--limit", "all") == 7
    assert rows("-q", "SELECT * { ?x <friend> ?y } LIMIT 1") == 1


def test_the_own_limit_of_a_question_replaces_the_default(run: Run, tmp_path: Path) -> None:
    (tmp_path / "g.tsv").write_text("".join(f"a\tr\tb{i}\n" for i in range(30)))
    default = run("query", "-g", tmp_path / "g.tsv", "-q", "SELECT ?y { <a> <r> ?y }")
    own = run("query", "-g", tmp_path / "g.tsv", "-q", "SELECT ?y { <a> <r> ?y } LIMIT 25")
    assert (len(default.out.splitlines()), len(own.out.splitlines())) == (11, 26)
    assert "10 of 30 answers" in default.err


def test_ranks_go_on_after_an_offset(run: Run, friends: Path) -> None:
    ran = table(run, "-g", friends, "-q", "SELECT ?x ?y { ?x <friend> ?y } LIMIT 2 OFFSET 1")
    assert [line.split()[0] for line in ran.out.splitlines() if "known" in line] == ["2", "3"]


def test_ordering_by_a_truth_that_is_not_selected(run: Run, friends: Path) -> None:
    text = "SELECT ?y { <alice> <friend> ?y } ORDER BY DESC(?score)"
    assert run("query", "-g", friends, "-q", text).out == "?y\t?score\n<bob>\t1.0e0\n"


@pytest.mark.parametrize("name", ["a.json", "a.srj", "a.xml", "a.csv", "a.tsv", "a.txt"])
def test_the_suffix_of_the_output_tells_the_format(
    run: Run, friends: Path, tmp_path: Path, name: str
) -> None:
    ran = run("query", "-g", friends, "-q", WORK, "-o", tmp_path / name)
    starts = {"json": "{", "srj": "{", "xml": "<?xml", "csv": "y,score", "tsv": "?y\t", "txt": "#"}
    assert (ran.code, ran.out) == (0, "")
    assert (tmp_path / name).read_text().startswith(starts[name.split(".")[1]])
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted(["friends.tsv", name])


def test_nothing_is_left_of_an_output_that_failed(run: Run, friends: Path, tmp_path: Path) -> None:
    out = tmp_path / "a.json"
    out.write_text("before")
    ran = run("query", "-g", friends, "-q", "?y : freind(alice, y)", "-o", out)
    assert ran.code == 3
    assert out.read_text() == "before"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["a.json", "friends.tsv"]


def test_an_estimate_runs_nothing(run: Run, friends: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("an engine was made")

    monkeypatch.setattr(query_module, "make_engine", refuse)
    ran = run("query", "-g", friends, "-q", WORK, "--estimate")
    assert ran.code == 0
    assert ran.out.startswith("about 2 rows, ")
    assert "FLOPs, largest intermediate" in ran.out


def test_explanation_and_times_go_to_standard_error(run: Run, friends: Path) -> None:
    ran = run("query", "-g", friends, "-q", WORK, "--explain", "--time")
    assert ran.out == TSV_OF_WORK
    assert "Project ∃ ?x" in ran.err
    assert "time: graph " in ran.err


def test_no_answers_are_said_to_be_none(run: Run, friends: Path) -> None:
    ran = table(run, "-g", friends, "-q", "?y : likes(bob, y)")
    assert (ran.code, ran.out) == (0, "")
    assert "0 of 0 answers" in ran.err
    assert "a model (-m) predicts" in ran.err


def test_control_characters_in_names_are_spelled_out(run: Run, tmp_path: Path) -> None:
    (tmp_path / "g.tsv").write_text("a\tr\tb\x1b[31mred\n")
    ran = table(run, "-g", tmp_path / "g.tsv", "-q", "?y : r(a, y)")
    assert "b\\x1b[31mred" in ran.out
    explained = run("explain", "-g", tmp_path / "g.tsv", "-q", '?x : r(x, "b\x1b[31mred")')
    assert explained.code == 0, explained.err
    assert "\x1b" not in explained.out


@pytest.mark.parametrize("argument", ["--no-color", None])
def test_styles_are_for_terminals_that_want_them(
    friends: Path, monkeypatch: pytest.MonkeyPatch, argument: str | None
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert Terminal().out.color_system is not None
    assert Terminal(color=False).out.color_system is None
    monkeypatch.setenv("NO_COLOR", "1")
    assert Terminal().out.color_system is None
