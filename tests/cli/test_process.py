"""The real entry points, in processes of their own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from kgreason.knowledge import KnowledgeGraph

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


PLAN = "explain -g friends.tsv --plan -q '?y : friend(alice, y)'"
ASKED = "explain -g friends.tsv --plan"
CLOSED = "standard output is closed"
STREAMS = [
    (PLAN, ">&-", 2, CLOSED),
    (PLAN, "> /dev/full", 1, "No space left on device\nfree some space"),
    (PLAN, "2>&-", 0, ""),
    (PLAN, "2> /dev/full", 0, ""),
    (PLAN, ">&- 2>&- <&-", 2, ""),
    (ASKED, "<&-", 2, "standard input is closed"),
    ("explain -g - --plan -q 'ask : a(b, c)' --input-format tsv", "<&-", 2, "input is closed"),
    ("explain -g friends.tsv --plan -q 'ask : a(b, c)'", "2>&-", 3, ""),
    ("--help", ">&-", 2, CLOSED),
    ("--help", "> /dev/full", 1, "No space left on device"),
    ("--version", "> /dev/full", 1, "No space left on device"),
    ("frobnicate", "2>&-", 2, ""),
]


def in_a_shell(folder: Path, line: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", line.replace("kgreason", f"{sys.executable} -m kgreason", 1)],
        capture_output=True,
        text=True,
        cwd=folder,
        check=False,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment},
    )


@pytest.mark.parametrize(("command", "streams", "code", "said"), STREAMS)
def test_closed_and_full_streams(
    friends: Path, command: str, streams: str, code: int, said: str
) -> None:
    ran = in_a_shell(friends.parent, f"kgreason {command} {streams}")
    assert ran.returncode == code, ran.stderr
    assert said in ran.stderr
    assert ran.stderr.count("error: ") == (code > 0 and "2>" not in streams)
    assert "Traceback" not in ran.stderr
    assert "Exception ignored" not in ran.stderr
    assert bool(ran.stdout) == (code == 0)


def test_no_file_gets_the_number_of_a_closed_stream(friends: Path) -> None:
    ran = in_a_shell(friends.parent, "kgreason load friends.tsv -o g.kg >&- 2>&- <&-")
    assert ran.returncode == 0
    graph = KnowledgeGraph.open(friends.with_name("g.kg"))
    graph.verify()
    assert graph.fact_counts == {"train": 7}


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_output_that_is_cut_short_is_not_a_success(friends: Path, unbuffered: str) -> None:
    line = f"ulimit -f 1; kgreason {PLAN} --format json > plan.json"
    friends.write_text("".join(f"alice\tfriend\tb{k}\n" for k in range(9)))
    question = "'?y : " + " | ".join(["friend(alice, y)"] * 99) + "'"
    ran = in_a_shell(
        friends.parent,
        line.replace("'?y : friend(alice, y)'", question),
        PYTHONUNBUFFERED=unbuffered,
    )
    assert ran.returncode == 1
    assert "error: File too large" in ran.stderr
    assert "Exception ignored" not in ran.stderr


def test_a_store_that_finds_no_room_leaves_nothing(friends: Path) -> None:
    friends.write_text("".join(f"a{k}\tr\tb{k * k}\n" for k in range(9_999)))
    ran = in_a_shell(friends.parent, "ulimit -f 8; kgreason load friends.tsv -o g.kg")
    assert ran.returncode == 1
    assert "error: g.kg: File too large" in ran.stderr
    assert [path.name for path in friends.parent.iterdir()] == ["friends.tsv"]


def test_a_reader_of_messages_that_goes_away_costs_no_results(friends: Path) -> None:
    line = f"(kgreason {PLAN} 2>&1 > plan.txt; echo $? > code) | true"
    in_a_shell(friends.parent, line)
    assert friends.with_name("code").read_text() == "0\n"
    assert "friend" in friends.with_name("plan.txt").read_text()


@pytest.mark.parametrize("command", ["--help", "query --help", PLAN])
def test_a_reader_that_goes_early_is_no_failure(friends: Path, command: str) -> None:
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "wb") as output:
        ran = subprocess.run(
            ["sh", "-c", f"exec {sys.executable} -m kgreason {command}"],
            stdout=output,
            stderr=subprocess.PIPE,
            cwd=friends.parent,
            check=False,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )
    assert (ran.returncode, ran.stderr) == (0, b"")
