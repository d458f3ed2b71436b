"""`kgreason bench sample` and `kgreason bench convert`."""

from __future__ import annotations

from pathlib import Path

from kgreason.bench.suites.load import read_suite
from kgreason.bench.suites.parquet import read_origin
from tests.bench import tiny
from tests.cli.conftest import Run

UMLS = "pykeen:umls"
FEW = ("--types", "1p,2in", "--per-type", "4", "--seed", "5")


def test_the_same_seed_gives_the_same_bytes(run: Run, tmp_path: Path) -> None:
    paths = [tmp_path / f"{name}.parquet" for name in ("one", "two", "both", "other")]
    ran = run("bench", "sample", UMLS, *FEW, "-o", paths[0])
    assert ran.code == 0, ran.err
    assert ran.out == ""
    assert "8 questions of 2 types" in ran.err
    assert run("bench", "sample", UMLS, *FEW, "-o", paths[1]).code == 0
    assert run("bench", "sample", UMLS, *FEW, "-o", paths[2], "--processes", "2").code == 0
    assert run("bench", "sample", UMLS, *FEW[:-1], "6", "-o", paths[3]).code == 0
    first, *others = (path.read_bytes() for path in paths)
    assert [first == other for other in others] == [True, True, False]
    checked = run("bench", "check", paths[0])
    assert checked.code == 0, checked.err
    assert checked.out.splitlines()[-1].startswith("8 of 8 questions")
    assert read_origin(paths[0]).making["seed"] == 5


def test_a_graph_without_splits(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "ring.tsv"
    lines = [f"e{i}\tnext\te{(i + 1) % 40}\ne{i}\tskip\te{(i + 2) % 40}\n" for i in range(40)]
    path.write_text("".join(lines))
    ran = run("bench", "sample", path, "-o", tmp_path / "s.parquet", *FEW)
    assert ran.code == 2
    assert "--hold-out" in ran.err
    ran = run("bench", "sample", path, "-o", tmp_path / "s.parquet", *FEW, "--hold-out", "0.2")
    assert ran.code == 2
    assert "name of a folder" in ran.err
    ran = run("bench", "sample", path, "-o", tmp_path / "suite", *FEW, "--hold-out", "0.2")
    assert ran.code == 0, ran.err
    suite = read_suite(tmp_path / "suite")
    assert suite.graph == tmp_path / "suite" / "graph.kg"
    assert run("bench", "check", tmp_path / "suite").code == 0


def test_types_of_ones_own_and_types_that_do_not_exist(run: Run, tmp_path: Path) -> None:
    types = tmp_path / "mine.efo"
    types.write_text("back: ?y : ^$r1($s1, y)\nnever: ?y : $r1($s1, y) & !$r1($s1, y)\n")
    table = tmp_path / "s.parquet"
    given = ("--types-file", types, "--per-type", "2", "--attempts", "20")
    ran = run("bench", "sample", UMLS, "-o", table, *given)
    assert ran.code == 0, ran.err
    assert "never: only 0 of 2 questions in 40 tries" in ran.err
    assert read_suite(table).types == ("back",)
    types.write_text("back: ?y : $r1($s1")
    ran = run("bench", "sample", UMLS, "-o", table, *given)
    assert ran.code == 2
    assert "mine.efo, line 1" in ran.err


def test_convert(run: Run, tmp_path: Path) -> None:
    folder = tiny.write_betae(tmp_path / "tiny-betae")
    ran = run("bench", "convert", folder, "-o", tmp_path / "tiny.parquet", "--missing-links")
    assert ran.code == 0, ran.err
    assert "6 questions of 3 types" in ran.err
    checked = run("bench", "check", tmp_path / "tiny.parquet")
    assert checked.out.splitlines()[-1] == "6 of 6 questions have exactly the published answers"
    other = tiny.write_efo1(tmp_path / "more-EFO1")
    assert run("bench", "convert", other, "-o", tmp_path / "m.parquet", "-g", folder).code == 0


def test_mistakes(run: Run, tmp_path: Path) -> None:
    table = tmp_path / "s.parquet"
    assert run("bench", "sample", UMLS, "-o", table, "--types", "9z").code == 2
    assert run("bench", "sample", UMLS, "-o", table, "--types", "").code == 2
    assert run("bench", "sample", UMLS, "-o", table, "--observed", "nothing").code == 2
    assert run("bench", "sample", UMLS, "-o", tmp_path / "no" / "s.parquet").code == 2
    assert run("bench", "sample", tmp_path / "none.tsv", "-o", table).code == 1
    assert run("bench", "convert", tmp_path, "-o", table).code == 1
    (tmp_path / "file").write_text("")
    assert run("bench", "sample", UMLS, "-o", tmp_path / "file").code == 2
    assert not table.exists()
