"""Rows kept in files: what is found again, by whom, and what is made of damage."""

from __future__ import annotations

import gc
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from kgreason.engine import Engine
from kgreason.errors import UsageError
from kgreason.knowledge import KnowledgeGraph
from kgreason.predictors import FactPredictor
from kgreason.predictors.checkpoints.format import save_checkpoint
from kgreason.predictors.rowcache.cache import RowCache
from kgreason.predictors.rowcache.file import SUFFIX
from kgreason.truth.rows import TruthRows
from tests.predictors.toy import complex_info, toy_graph, weights

KEY = {"model": "one"}
WIDTH = 40
QUESTION = "?y : exists x . knows(p0, x) & knows(x, y)"


def row(key: int) -> torch.Tensor:
    dense = torch.zeros(WIDTH)
    dense[key % 5 : 5 + key % 11] = (key + 1) / 1000
    return dense


def rows(keys: list[int]) -> TruthRows:
    return TruthRows.from_dense(torch.stack([row(key) for key in keys]))


def cache(folder: Path, notes: list[str] | None = None, **key: str) -> RowCache:
    return RowCache(folder, {**KEY, **key}, pytest.fail if notes is None else notes.append)


def add(kept: RowCache, *passes: list[int]) -> None:
    for keys in passes:
        kept.add(torch.tensor(keys), rows(keys))
    kept.flush()


def check(kept: RowCache, keys: list[int], held: list[bool]) -> None:
    found, taken = kept.find(torch.tensor(keys))
    assert found.tolist() == held
    wanted = [row(key) for key, is_held in zip(keys, held, strict=True) if is_held]
    assert torch.equal(taken.dense(WIDTH), torch.stack(wanted) if wanted else torch.zeros(0, WIDTH))


def files(folder: Path) -> list[Path]:
    return sorted(folder.rglob(f"*{SUFFIX}"))


def test_what_was_added_is_found_in_any_order_and_by_the_next(tmp_path: Path) -> None:
    first = cache(tmp_path)
    check(first, [1, 2], [False, False])
    add(first, [1, 5, 10], [0, 7])
    add(first, [3])
    for one in (first, cache(tmp_path)):
        check(one, [7, 2, 3, 5, 0], [True, False, True, True, True])
        check(one, [11, 12], [False, False])
        check(one, [10, 1], [True, True])
    assert len(files(tmp_path)) == 2


def test_nothing_added_writes_nothing_and_use_ends_with_writing(tmp_path: Path) -> None:
    kept = cache(tmp_path)
    kept.flush()
    assert files(tmp_path) == []
    kept.add(torch.tensor([4, 9]), rows([4, 9]))
    kept.add(torch.tensor([9]), rows([9]))
    assert files(tmp_path) == []
    del kept
    gc.collect()
    check(cache(tmp_path), [9, 4], [True, True])


def test_another_key_finds_nothing(tmp_path: Path) -> None:
    add(cache(tmp_path), [1, 2])
    check(cache(tmp_path, model="two"), [1, 2], [False, False])
    check(cache(tmp_path, dtype="bfloat16"), [1, 2], [False, False])


def test_double_truths_come_back_as_they_were(tmp_path: Path) -> None:
    kept = cache(tmp_path)
    dense = torch.rand(3, WIDTH, dtype=torch.float64)
    kept.add(torch.arange(3), TruthRows.from_dense(dense))
    kept.flush()
    _, found = cache(tmp_path).find(torch.arange(3))
    assert torch.equal(found.dense(WIDTH), dense)


@pytest.mark.parametrize(
    ("at", "told"),
    [
        (0, "not a file of rows"),
        (20, "header"),
        (-1, "checksums they were written with"),
        (None, "bytes instead of"),
    ],
)
def test_a_damaged_file_is_left_out_with_a_note(tmp_path: Path, at: int | None, told: str) -> None:
    add(cache(tmp_path), [2, 3])
    (whole,) = files(tmp_path)
    add(cache(tmp_path), [6])
    content = bytearray(whole.read_bytes())
    if at is None:
        del content[-3:]
    else:
        content[at] ^= 0xFF
    whole.write_bytes(bytes(content))
    notes: list[str] = []
    kept = cache(tmp_path, notes)
    check(kept, [2, 3, 6], [False, False, True])
    check(kept, [3, 6], [False, True])
    assert len(notes) == 1
    assert str(whole) in notes[0]
    assert told in notes[0]


@pytest.mark.parametrize("place", [70, 200, 250, 400])
def test_no_changed_byte_goes_unnoticed(tmp_path: Path, place: int) -> None:
    add(cache(tmp_path), [2, 3, 4])
    (whole,) = files(tmp_path)
    content = bytearray(whole.read_bytes())
    content[min(place, len(content) - 1)] ^= 1
    whole.write_bytes(bytes(content))
    notes: list[str] = []
    check(cache(tmp_path, notes), [2, 3, 4], [False, False, False])
    assert len(notes) == 1


def test_a_foreign_file_is_left_out_with_a_note(tmp_path: Path) -> None:
    add(cache(tmp_path), [2])
    add(cache(tmp_path, model="two"), [2, 3])
    here = next(path for path in files(tmp_path) if path.stat().st_size < 10_000).parent
    (here / f"a{SUFFIX}").write_text("not at all")
    other = next(path for path in files(tmp_path) if path.parent != here)
    (here / other.name).write_bytes(other.read_bytes())
    notes: list[str] = []
    for key in ("one", "two"):
        cache(tmp_path, notes, model=key)
    assert len(notes) == 2
    assert any("not a file of rows" in note for note in notes)
    assert any("another model" in note for note in notes)


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(UsageError, match="cannot keep rows"):
        cache(tmp_path / "file")


def test_rows_that_cannot_be_written_are_told(tmp_path: Path) -> None:
    notes: list[str] = []
    kept = cache(tmp_path, notes)
    for folder in tmp_path.iterdir():
        folder.rmdir()
    add(kept, [1])
    assert len(notes) == 1
    assert "rows are not kept" in notes[0]
    kept.flush()
    assert len(notes) == 1


WRITER = """
import sys, torch
from pathlib import Path
from tests.predictors.rowcache.test_cache import cache, rows
first = int(sys.argv[2])
kept = cache(Path(sys.argv[1]))
print("ready", flush=True)
sys.stdin.readline()
for start in range(first, first + 60, 6):
    keys = list(range(start, start + 6))
    kept.add(torch.tensor(keys), rows(keys))
    kept.flush()
"""


def test_two_processes_write_at_once_without_harm(tmp_path: Path) -> None:
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path), str(first)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        for first in (0, 30)
    ]
    for writer in writers:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "ready\n"
    for writer in writers:
        writer.communicate("go\n")
        assert writer.returncode == 0
    assert len(files(tmp_path)) == 20
    assert list(tmp_path.rglob("*.tmp")) == []
    check(cache(tmp_path), list(range(90)), [True] * 90)


@pytest.fixture
def graph() -> KnowledgeGraph:
    return toy_graph()


@pytest.fixture
def model(graph: KnowledgeGraph, tmp_path: Path) -> Path:
    path = tmp_path / "model.safetensors"
    save_checkpoint(path, complex_info(graph), weights(graph))
    return path


def test_a_second_engine_scores_nothing(graph: KnowledgeGraph, model: Path, tmp_path: Path) -> None:
    plain = Engine(graph, model).ask(QUESTION, limit=None)
    kept = tmp_path / "rows"
    first = Engine(graph, model, row_cache=kept)
    cold = first.ask(QUESTION, limit=None)
    first.flush()
    warm = Engine(graph, model, row_cache=kept).ask(QUESTION, limit=None)
    assert plain.work is not None
    assert cold.work is not None
    assert warm.work is not None
    assert (cold.work.rows, cold.work.read) == (plain.work.rows, 0)
    assert (warm.work.rows, warm.work.read) == (0, plain.work.rows)
    assert [(a.entities, a.truth) for a in warm] == [(a.entities, a.truth) for a in plain]
    other = Engine(graph, model, calibration="softmax-degree:cut=0.01", row_cache=kept)
    assert other.ask(QUESTION).work.read == 0  # type: ignore[union-attr]


def test_a_small_memory_reads_again_what_it_let_go(
    graph: KnowledgeGraph, model: Path, tmp_path: Path
) -> None:
    kept = tmp_path / "rows"
    engine = Engine(graph, model, row_cache=kept, max_memory=200)
    first, other = "?y : knows(p0, y)", "?y : knows(p1, y)"
    work = []
    for question in (first, other, first, other):
        work.append(engine.ask(question, witness=False).work)
    assert sum(one.rows for one in work if one) == 2
    assert sum(one.read for one in work if one) > 0


def test_only_a_checkpoint_has_rows_to_keep(graph: KnowledgeGraph, tmp_path: Path) -> None:
    assert Engine(graph, "facts", row_cache=tmp_path / "none").notes == []
    assert not (tmp_path / "none").exists()
    with pytest.raises(UsageError, match="has no file"):
        Engine(graph, FactPredictor(graph.index()), row_cache=tmp_path)
