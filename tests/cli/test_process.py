"""The real entry points, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

HEAVY = ("torch", "polars", "pandas", "rdflib", "pykeen", "numpy", "pyoxigraph", "safetensors")
PROGRAM = """
import sys
from typer.testing import CliRunner
from kgreason.cli import app
result = CliRunner().invoke(app, sys.argv[2:])
assert result.exit_code == 0, result.output
print(sorted(name for name in sys.argv[1].split(",") if name in sys.modules))
"""


def imported(among: tuple[str, ...], *arguments: str | Path) -> str:
    """Which of these modules a command imports."""
    command = [sys.executable, "-c", PROGRAM, ",".join(among), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()


def test_help_is_light() -> None:
    assert imported(HEAVY, "--help") == "[]"
    assert imported(HEAVY, "query", "--help") == "[]"


def test_a_plan_over_facts_needs_no_torch(friends: Path) -> None:
    question = "?y : exists x . friend(alice, x) & works_at(x, y)"
    arguments = ("explain", "-g", friends, "-q", question, "--plan")
    assert imported(("torch", "pykeen", "rdflib"), *arguments) == "[]"


def test_help_lists_the_exit_codes() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "kgreason", "--help"], capture_output=True, text=True, check=True
    )
    words = " ".join(ran.stdout.split())
    for code in ("2 usage or syntax", "3 unknown name", "5 limit exceeded", "130 interrupted"):
        assert code in words
    assert "\x1b" not in ran.stdout


def test_a_reader_that_goes_away_and_a_narrow_encoding(tmp_path: Path) -> None:
    (tmp_path / "g.tsv").write_text("".join(f"Größe\tr\tb{i}→\n" for i in range(8_000)))
    command = [sys.executable, "-m", "kgreason", "query", "-g", str(tmp_path / "g.tsv")]
    command += ["-q", "?y : r(Größe, y)", "--format", "table", "--limit", "all", "--no-witness"]
    with subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env={**os.environ, "PYTHONIOENCODING": "ascii"},
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.readline()
        assert b"b0?" in process.stdout.readline()
        process.stdout.close()
        assert process.stderr.read() == b""
        assert process.wait() == 0


def test_version() -> None:
    ran = subprocess.run(
        [sys.executable, "-m", "kgreason", "version"], capture_output=True, text=True, check=True
    )
    names = [line.split()[0] for line in ran.stdout.splitlines()]
    assert names[:3] == ["kgreason", "python", "torch"]
    assert {"pykeen", "polars", "pyoxigraph", "rdflib", "safetensors"} <= set(names)
