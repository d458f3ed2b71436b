from __future__ import annotations

import json
import signal
import subprocess
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random

import pytest

from kgreason.bench.runs import records
from kgreason.bench.runs.records import Record, read_run
from kgreason.bench.runs.run import Task, answer, run
from kgreason.bench.runs.settings import RunSettings
from kgreason.bench.runs.thresholds import total
from kgreason.bench.suites.load import read_suite
from kgreason.bench.suites.questions import Suite
from kgreason.errors import DataError, UsageError
from kgreason.knowledge import KnowledgeGraph
from kgreason.methods.methods import METHODS
from kgreason.predictors import CalibratedPredictor
from kgreason.settings import Settings
from tests.bench.random_suite import write_suite, write_weights


@dataclass(frozen=True)
class Bench:
    suite: Suite
    graphs: dict[Path, KnowledgeGraph]
    settings: RunSettings
    folder: Path

    def run(self, name: str = "run.jsonl", **changes: object) -> list[Record]:
        settings = replace(self.settings, **changes)  # type: ignore[arg-type]
        return bare(run([self.suite], self.graphs, settings, self.folder / name).records)


def bare(records: tuple[Record, ...] | list[Record]) -> list[Record]:
    """Records without the time."""
    return [replace(record, seconds=0.0) for record in records]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    suite = read_suite(write_suite(tmp_path / "random"))
    graphs = {suite.graph: KnowledgeGraph.load(suite.graph)}
    model = write_weights(tmp_path / "model.safetensors")
    return Bench(suite, graphs, RunSettings(method=METHODS["exact"], model=model), tmp_path)


@pytest.mark.parametrize("name", ["exact", "fit"])
def test_a_row_cache_changes_no_figure_and_saves_the_scoring(
    bench: Bench, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    kept, method = bench.folder / "rows", METHODS[name]
    expected = bench.run(method=method)
    tight = Settings(row_cache=kept, max_memory=20_000)
    assert bench.run("cold.jsonl", method=method, machine=tight) == expected

    def fail(*_: object) -> None:
        pytest.fail("a row was scored")

    monkeypatch.setattr(CalibratedPredictor, "rows", fail)
    assert bench.run("warm.jsonl", method=method, machine=Settings(row_cache=kept)) == expected


def test_message_passing_has_no_rows_to_keep(bench: Bench) -> None:
    with pytest.raises(UsageError, match="no rows to keep"):
        bench.run(method=METHODS["nsmp"], machine=Settings(row_cache=bench.folder / "rows"))


@pytest.mark.parametrize("name", ["exact", "fit", "cqd-beam", "nsmp"])
def test_a_figure_depends_on_neither_order_nor_batch_nor_memory(bench: Bench, name: str) -> None:
    settings = replace(bench.settings, method=METHODS[name])
    expected = bench.run(method=METHODS[name])
    assert len(expected) == len(bench.suite)
    for batch, memory in ((1, 2 << 30), (7, 2 << 30), (64, 20_000), (5, 200_000)):
        changes = replace(settings, batch=batch, machine=Settings(max_memory=memory))
        tasks = [
            Task(bench.suite, kind, index, question)
            for kind, questions in bench.suite.questions.items()
            for index, question in enumerate(questions)
        ]
        Random(batch).shuffle(tasks)
        graph = bench.graphs[bench.suite.graph]
        found = {r.key: r for several in answer(tasks, graph, changes) for r in several}
        assert bare([found[record.key] for record in expected]) == expected, (batch, memory)


def test_a_tolerance_ends_the_work_early_and_says_how_exact_it_is(bench: Bench) -> None:
    exact = bench.run()
    assert all(record.slack == 0 for record in exact)
    close = bench.run("close.jsonl", tolerance=0.1)
    for record, other in zip(close, exact, strict=True):
        assert record.slack <= 0.1
        assert abs(record.figures["MRR"] - other.figures["MRR"]) <= record.slack + 1e-12
    assert any(record.slack for record in close)
    with pytest.raises(UsageError, match="tolerance"):
        bench.run("close.jsonl", tolerance=0.2)


def test_a_record_says_what_a_table_needs(bench: Bench) -> None:
    first = bench.run()[0]
    assert (first.suite, first.type, first.index) == ("random", "1p", 0)
    assert first.question == repr(bench.suite.questions["1p"][0].key)
    assert len(first.ranks) == 3
    assert first.figures["MRR"] == pytest.approx(sum(1 / rank for rank in first.ranks) / 3)
    header = json.loads((bench.folder / "run.jsonl").read_text().splitlines()[0])
    assert header["method"]["name"] == "exact"
    assert header["suites"][0]["types"]["2in"] == len(bench.suite.questions["2in"])
    assert len(header["model"]["sha256"]) == len(header["suites"][0]["sha256"]) == 64


def test_what_follows_from_observed_facts_ranks_first(bench: Bench) -> None:
    """With a trust of 1 no other entity has more truth."""
    trusted = total(bench.run())
    assert trusted["entailed"][0] > 0
    assert trusted["entailed"][1] == 0
    doubted = replace(METHODS["exact"], observed_truth=None)
    assert total(bench.run("doubted.jsonl", method=doubted))["entailed"][1] > 0


def test_truths_are_counted_where_a_threshold_is_asked_for(bench: Bench) -> None:
    plain = bench.run()
    counted = bench.run("counted.jsonl", threshold=0.5)
    assert [record.ranks for record in counted] == [record.ranks for record in plain]
    assert set(total(plain)) == {"entailed"}
    assert {"entailed", "entailed closed", "taken", "bin 0"} <= set(total(counted))
    assert total(counted)["entailed"] == total(plain)["entailed"]
    # Whatever the batch, and scores are no truths to count.
    tight = Settings(max_memory=1 << 20)
    assert bench.run("batched.jsonl", threshold=0.5, batch=5, machine=tight) == counted
    scored = bench.run("scored.jsonl", threshold=0.5, method=METHODS["nsmp"])
    assert set(total(scored)) == {"entailed", "entailed closed"}


def test_a_run_cut_anywhere_goes_on_to_the_same_end(bench: Bench) -> None:
    expected = bench.run(batch=9)
    whole = (bench.folder / "run.jsonl").read_bytes()
    header = whole.index(b"\n") + 1
    tight = Settings(max_memory=1 << 20)
    cuts = (0, 5, header - 1, header, header + 1, len(whole) // 2, len(whole) - 1, len(whole))
    for cut in cuts:
        (bench.folder / "cut.jsonl").write_bytes(whole[:cut])
        assert bench.run("cut.jsonl", batch=20, machine=tight) == expected, cut
        lines = (bench.folder / "cut.jsonl").read_bytes().splitlines()
        assert len(lines) == 1 + len(expected)


PROGRAM = """
import os, signal, sys
from kgreason.bench.runs import records
from kgreason.cli import app
write, writes = records.RunFile._write, int(sys.argv[1])
def ended(self, lines):
    global writes
    writes -= 1
    if writes:
        return write(self, lines)
    text = records.json.dumps(lines[0]).encode()
    self._file.write(text[: len(text) // 2])
    self._file.flush()
    os.kill(os.getpid(), signal.SIGKILL)
records.RunFile._write = ended
app(sys.argv[2:])
"""


def test_a_killed_run_is_gone_on_with(bench: Bench) -> None:
    expected = bench.run()
    output = bench.folder / "killed.jsonl"
    command = ["bench", "run", bench.suite.graph, "-m", bench.settings.model, "-o", output]
    command += ["--batch", "11"]
    # The first is ended while it writes its header, the others within a line of their batches.
    for writes in (1, 3, 2):
        ended = subprocess.run(
            [sys.executable, "-c", PROGRAM, str(writes), *map(str, command)], capture_output=True
        )
        assert ended.returncode == -signal.SIGKILL
        assert not output.read_bytes().endswith(b"\n")
    assert len(read_run(output).records) == 22
    assert bench.run("killed.jsonl") == expected
    assert bare(read_run(output).records) == expected


def test_a_run_of_something_else_is_refused(bench: Bench) -> None:
    bench.run()
    before = (bench.folder / "run.jsonl").read_bytes()
    other = write_weights(bench.folder / "other.safetensors", seed=1)
    for changes, part in (
        ({"method": METHODS["fit"]}, "method"),
        ({"ties": "optimistic"}, "ties"),
        ({"machine": Settings(observed=("train", "valid"))}, "facts_sha256"),
        ({"model": other}, "model"),
    ):
        with pytest.raises(UsageError, match=part):
            bench.run(**changes)
    with pytest.raises(UsageError, match="holds another run"):
        run([bench.suite], bench.graphs, bench.settings, bench.folder / "run.jsonl", limit=1)
    assert (bench.folder / "run.jsonl").read_bytes() == before


@pytest.mark.parametrize("content", ["notes, not a run", "notes\n", "[1]\n", '{"format": 0}\n'])
def test_a_file_that_is_no_run_is_left_alone(bench: Bench, content: str) -> None:
    path = bench.folder / "run.jsonl"
    path.write_text(content)
    with pytest.raises(DataError):
        bench.run()
    assert path.read_text() == content
    with pytest.raises(DataError):
        read_run(path)


@pytest.fixture
def lines(bench: Bench) -> list[bytes]:
    bench.run()
    return (bench.folder / "run.jsonl").read_bytes().splitlines(keepends=True)


def test_a_damaged_line_is_named(bench: Bench, lines: list[bytes]) -> None:
    path = bench.folder / "run.jsonl"
    digit = lines[2].index(b'"MRR": 0.') + len(b'"MRR": 0.')
    changed = lines[2].replace(lines[2][digit : digit + 1], b"5" if lines[2][digit] != 53 else b"6")
    for wrong in (b"{}\n", b"\n", b"[" * 10_000 + b"\n", changed, lines[2][:-3] + b"\n", lines[1]):
        path.write_bytes(b"".join([*lines[:2], wrong, *lines[3:]]))
        for read in (lambda: read_run(path), bench.run):
            with pytest.raises(DataError, match=r"run\.jsonl, line 3: ") as caught:
                read()
            assert "before line 3" in str(caught.value)
    # What the error offers does.
    path.write_bytes(b"".join(lines[:2]))
    bench.run()
    assert bare(read_run(path).records) == bench.run("again.jsonl")


def test_a_line_that_is_gone_moved_or_of_another_run_is_seen(
    bench: Bench, lines: list[bytes]
) -> None:
    path = bench.folder / "run.jsonl"
    bench.run("other.jsonl", ties="optimistic")
    other = (bench.folder / "other.jsonl").read_bytes().splitlines(keepends=True)
    for wrong, number in (
        ([*lines[:4], *lines[5:]], 5),
        ([*lines[:4], lines[5], lines[4], *lines[6:]], 5),
        ([*lines[:4], lines[3], *lines[4:]], 5),
        ([lines[0], *other[1:]], 2),
        ([other[0], *lines[1:]], 2),
        ([*lines[:4], lines[4][:-1], *lines[5:]], 5),
    ):
        path.write_bytes(b"".join(wrong))
        with pytest.raises(DataError, match=f"line {number}: "):
            read_run(path)


def test_every_flipped_bit_is_seen_or_asked_again(bench: Bench, lines: list[bytes]) -> None:
    path, whole = bench.folder / "run.jsonl", read_run(bench.folder / "run.jsonl")
    content = b"".join(lines[:4])
    for place in range(len(content)):
        damaged = bytearray(content)
        damaged[place] ^= 1 << place % 8
        path.write_bytes(damaged)
        if place < len(content) - 1:
            with pytest.raises(DataError, match=r"run\.jsonl, line [1-4]: "):
                read_run(path)
    # The end of the last line is gone, as when a run was killed.
    found = read_run(path).records
    assert len(found) == 2
    assert all(record in whole.records for record in found)


def test_a_run_of_an_earlier_format_is_told(bench: Bench, lines: list[bytes]) -> None:
    path = bench.folder / "run.jsonl"
    path.write_bytes(lines[0].replace(b'"format": 3', b'"format": 2'))
    with pytest.raises(DataError, match="format 2, not 3"):
        read_run(path)


@pytest.mark.parametrize(
    ("part", "value"), [("suites", 3), ("suites", [{}]), ("method", {}), ("method", {"name": 1})]
)
def test_a_header_without_its_parts_is_told(
    part: str, value: object, bench: Bench, lines: list[bytes]
) -> None:
    header = json.loads(lines[0])
    del header["sum"]
    text, _ = records._with_checksum({**header, part: value}, b"")
    (bench.folder / "run.jsonl").write_bytes(text)
    with pytest.raises(DataError, match="line 1: not a line"):
        read_run(bench.folder / "run.jsonl")


def test_types_limits_and_facts(bench: Bench) -> None:
    settings = RunSettings(method=METHODS["facts"], machine=Settings(observed=("all",)))
    seen: list[tuple[int, int]] = []
    found = run(
        [bench.suite],
        bench.graphs,
        settings,
        bench.folder / "facts.jsonl",
        types=["2in", "1p"],
        limit=2,
        progress=lambda done, total, _: seen.append((done, total)),
    )
    assert [r.type for r in found.records] == ["2in", "2in", "1p", "1p"]
    assert [r.index for r in found.records] == [0, 1, 0, 1]
    assert seen == [(4, 4)]
    assert found.header["model"] is None


def test_mistakes(bench: Bench) -> None:
    with pytest.raises(UsageError, match="needs a model"):
        bench.run(model=None)
    with pytest.raises(UsageError, match="needs no model"):
        bench.run(method=METHODS["facts"])
    with pytest.raises(UsageError, match="cannot read the model"):
        bench.run(model=bench.folder / "absent")
    with pytest.raises(UsageError, match="two suites"):
        run([bench.suite] * 2, bench.graphs, bench.settings, bench.folder / "run.jsonl")
    with pytest.raises(UsageError, match="cannot write"):
        bench.run("absent/run.jsonl")


@pytest.mark.data
def test_real_questions_have_the_same_ranks_in_any_batch(data: Path, tmp_path: Path) -> None:
    suite = read_suite(data / "FB15k-237-betae")
    graphs = {suite.graph: KnowledgeGraph.load(suite.graph)}
    model = data / "checkpoints" / "fb15k237-complex-r500.safetensors"
    found = []
    for batch, memory in ((64, 2 << 30), (3, 8 << 20)):
        settings = RunSettings(
            method=METHODS["qto"], model=model, batch=batch, machine=Settings(max_memory=memory)
        )
        output = tmp_path / f"{batch}.jsonl"
        types = ["1p", "2i", "3i", "2in", "3in", "2u"]
        found.append(run([suite], graphs, settings, output, types=types, limit=5))
    assert bare(found[0].records) == bare(found[1].records)
    assert len(found[0].records) == 30


@pytest.mark.data
def test_figures_agree_with_an_independent_implementation(data: Path, tmp_path: Path) -> None:
    """MRR × 100 of the first 100 questions as the data's README states it (bfloat16 scores)."""
    suite = read_suite(data / "FB15k-237-betae")
    graphs = {suite.graph: KnowledgeGraph.load(suite.graph)}
    model = data / "checkpoints" / "fb15k237-complex-r500.safetensors"
    settings = RunSettings(method=METHODS["exact"], model=model)
    stated = {"1p": 45.44, "2i": 36.98, "2in": 20.37}
    found = run([suite], graphs, settings, tmp_path / "run.jsonl", types=list(stated), limit=100)
    for kind, figure in stated.items():
        ranks = [record.figures["MRR"] for record in found.records if record.type == kind]
        assert len(ranks) == 100
        assert 100 * sum(ranks) / len(ranks) == pytest.approx(figure, abs=0.1), kind
