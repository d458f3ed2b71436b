"""What is being written: there whole or not at all, and never left behind for ever."""

from __future__ import annotations

import errno
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from kgreason.files import replacing, temporary_file, temporary_folder
from kgreason.knowledge import KnowledgeGraph


def test_a_file_is_there_whole_or_as_it_was(tmp_path: Path) -> None:
    path = tmp_path / "a.txt"
    with replacing(path) as place:
        place.write_text("first")
        assert not path.exists()
    assert path.read_text() == "first"
    with pytest.raises(ValueError, match="half"):
        _fail_half_way(path)
    assert path.read_text() == "first"
    assert list(tmp_path.iterdir()) == [path]


def _fail_half_way(path: Path) -> None:
    with replacing(path) as place:
        place.write_text("sec")
        raise ValueError("half way")


def test_a_file_is_readable_by_those_the_user_allows(tmp_path: Path) -> None:
    (tmp_path / "plain").write_text("")
    with replacing(tmp_path / "a") as place:
        place.write_text("a")
    (tmp_path / "folder").mkdir()
    with temporary_folder(tmp_path) as place:
        place.replace(tmp_path / "b")
    for made, plain in (("a", "plain"), ("b", "folder")):
        assert (tmp_path / made).stat().st_mode == (tmp_path / plain).stat().st_mode


def test_a_name_may_be_as_long_as_the_system_allows(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    with replacing(path) as place:
        place.write_text("a")
    assert path.read_text() == "a"


def test_what_others_are_writing_stays(tmp_path: Path) -> None:
    with temporary_file(tmp_path) as one, temporary_folder(tmp_path) as two:
        (two / "x").write_text("")
        one.write_text("one")
        for name in "ab":
            with replacing(tmp_path / name) as place:
                place.write_text(name)
        assert one.read_text() == "one"
        assert (two / "x").exists()
        (tmp_path / ".kgreason-other").write_text("of another kind")
    names = {path.name for path in tmp_path.iterdir()}
    assert names == {"a", "b", ".kgreason-other"}


def test_many_writers_in_one_folder(tmp_path: Path) -> None:
    def write(name: str) -> None:
        for count in range(40):
            with replacing(tmp_path / name) as place:
                place.write_text(f"{name} {count}")

    writers = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {n: f"{n} 39" for n in "abcd"}


WRITER = """
import sys, time
from pathlib import Path
from kgreason.files import replacing, temporary_folder
folder = Path(sys.argv[1])
with replacing(folder / "a.txt") as one, temporary_folder(folder) as two:
    one.write_text("half")
    (two / "table").write_text("half")
    print("writing", flush=True)
    time.sleep(60)
"""
LOADER = """
import sys, time
import polars as pl
write = pl.DataFrame.write_parquet
def slow(frame, path, **options):
    if "tail" not in frame.columns:
        return write(frame, path, **options)
    path.write_bytes(b"half")
    print("writing", flush=True)
    time.sleep(60)
pl.DataFrame.write_parquet = slow
from kgreason.cli import main
main()
"""


@contextmanager
def writing(program: str, *arguments: object) -> Iterator[subprocess.Popen[str]]:
    """A process in the middle of writing."""
    command = [sys.executable, "-c", program, *map(str, arguments)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "writing\n"
        yield process
        process.kill()


def left(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir() if path.name.startswith(".")}


def test_the_next_write_removes_what_a_killed_one_left(tmp_path: Path) -> None:
    with writing(WRITER, tmp_path) as process:
        assert len(left(tmp_path)) == 2
        with replacing(tmp_path / "b.txt") as place:
            place.write_text("b")
        assert len(left(tmp_path)) == 2
        process.kill()
        process.wait()
        assert len(left(tmp_path)) == 2
        with replacing(tmp_path / "b.txt") as place:
            place.write_text("b")
    assert {path.name for path in tmp_path.iterdir()} == {"b.txt"}


@pytest.mark.parametrize("present", [False, True])
def test_a_load_that_was_ended_leaves_nothing_for_long(present: bool, tmp_path: Path) -> None:
    """Ended by an interrupt or a request it cleans up itself; after a kill the next load does."""
    old = KnowledgeGraph.from_triples([("a", "r", "b")])
    store = tmp_path / "g.kg"
    if present:
        old.save(store)
    for number, code in ((signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)):
        with writing(LOADER, "load", "pykeen:nations", "-o", store, "--quiet") as process:
            place = store if present else tmp_path
            assert left(place)
            process.send_signal(number)
            assert process.wait() == code
        assert store.exists() == present
        assert bool(left(place)) == (number == signal.SIGKILL)
    KnowledgeGraph.from_triples([("a", "r", "b"), ("b", "r", "c")]).save(store)
    assert left(tmp_path) | left(store) == set()
    assert len(KnowledgeGraph.open(store).facts()) == 2
    assert len(list(store.iterdir())) == 5


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("Error while serializing: I/O error: No space left on device (os error 28)"),
        OSError("3072 requested and 1024 written"),
    ],
)
def test_errors_of_libraries_about_the_disk_are_errors_of_the_system(
    tmp_path: Path, error: Exception
) -> None:
    (tmp_path / "a").write_text("before")

    def write_half() -> None:
        with replacing(tmp_path / "a") as temporary:
            temporary.write_text("half")
            raise error

    with pytest.raises(OSError, match="No space left on device") as caught:
        write_half()
    assert caught.value.errno == errno.ENOSPC
    assert [path.name for path in tmp_path.iterdir()] == ["a"]
    assert (tmp_path / "a").read_text() == "before"


def test_other_errors_stay_what_they_are(tmp_path: Path) -> None:
    for error in (ValueError("no (os error)"), PermissionError(errno.EACCES, "denied")):
        with pytest.raises(type(error)) as caught, replacing(tmp_path / "a"):
            raise error
        assert caught.value is error
