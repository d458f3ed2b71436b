"""Options of how files are read."""

from __future__ import annotations

from pathlib import Path

from kgreason.cli.common.reading import ReadingOptions
from kgreason.knowledge import ReadingLimits
from tests.cli.conftest import Run


def test_the_limits_are_those_of_python() -> None:
    assert ReadingOptions().limits() == ReadingLimits()


def test_limits_are_told_and_can_be_set(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "g.ttl"
    path.write_text(f"<http://e/a> <http://e/p>\n{'(' * 600}{')' * 600} .")
    refused = run("load", path, "-o", tmp_path / "g.kg")
    assert refused.code == 5
    assert refused.err.startswith(f"error: {path}, line 2: nested more than 500 deep\n")
    assert "--limit-nesting" in refused.err
    assert run("load", path, "-o", tmp_path / "g.kg", "--limit-nesting", "600").code == 0
    path.write_text("<http://e/a> <http://e/p> ((1)) .")
    for option in ("length", "nesting", "expansion", "growth", "prefixes"):
        wrong = run("load", path, "-o", tmp_path / "g.kg", f"--limit-{option}", "1")
        right = run("load", path, "-o", tmp_path / "g.kg", f"--limit-{option}", "9999")
        assert (wrong.code, right.code) in ((2, 0), (5, 0), (0, 0))
        if option in ("length", "nesting"):
            assert wrong.code > 0
        assert wrong.err.count("error: ") == (wrong.code > 0)


def test_labels_are_read_under_the_limits(run: Run, friends: Path, tmp_path: Path) -> None:
    labels = tmp_path / "labels.tsv"
    labels.write_text(f"alice\tAlice\nbob\t{'B' * 2_000}\n")
    command = ("load", friends, "-o", tmp_path / "g.kg", "--labels", labels)
    assert run(*command).code == 0
    refused = run(*command, "--limit-length", "1500")
    assert refused.code == 5
    assert "labels.tsv, line 2: a line longer than 1,500 bytes" in refused.err
