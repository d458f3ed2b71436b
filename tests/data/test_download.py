from __future__ import annotations

import errno
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from kgreason.data.download import Patience, download
from kgreason.errors import DataError, LimitError
from tests.data.server import File, serving

CONTENT = bytes(range(256)) * 4000
QUICK = Patience(timeout=5, attempts=3, pause=0.01)


def _leftovers(target: Path) -> list[str]:
    return sorted(path.name for path in target.parent.iterdir() if path != target)


def test_a_file_is_fetched_whole(tmp_path: Path) -> None:
    seen: list[tuple[int, int | None]] = []
    with serving({"/f": File(CONTENT)}) as site:
        given = download(
            [site.url("/f")], tmp_path / "f", lambda *now: seen.append(now), patience=QUICK
        )
        assert given == site.url("/f")
    assert (tmp_path / "f").read_bytes() == CONTENT
    assert seen[0] == (0, len(CONTENT))
    assert seen[-1] == (len(CONTENT), len(CONTENT))
    assert _leftovers(tmp_path / "f") == []


def test_broken_transfers_are_continued_where_they_broke(tmp_path: Path) -> None:
    with serving({"/f": File(CONTENT, cuts=[1000, 500_000])}) as site:
        download([site.url("/f")], tmp_path / "f", patience=QUICK)
        assert [wanted for _, wanted in site.requests] == [None, "bytes=1000-", "bytes=501000-"]
    assert (tmp_path / "f").read_bytes() == CONTENT


@pytest.mark.parametrize("file", [File(ranges=False), File(etag=""), File(etag='W/"1"')])
def test_a_server_that_cannot_continue_gives_it_again(tmp_path: Path, file: File) -> None:
    file = File(CONTENT, etag=file.etag, ranges=file.ranges, cuts=[1000])
    with serving({"/f": file}) as site:
        download([site.url("/f")], tmp_path / "f", patience=QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT


def test_the_next_call_continues(tmp_path: Path) -> None:
    with serving({"/f": File(CONTENT, cuts=[700_000, 0, 0, 0])}) as site:
        with pytest.raises(DataError, match="ended after 700,000 of") as caught:
            download([site.url("/f")], tmp_path / "f", patience=QUICK)
        assert "the 700,000 bytes that came are kept" in str(caught.value)
        assert _leftovers(tmp_path / "f") == ["f.part", "f.part.json"]
        site.files["/f"].cuts.clear()
        site.requests.clear()
        download([site.url("/f")], tmp_path / "f", patience=QUICK)
        assert site.requests == [("/f", "bytes=700000-")]
    assert (tmp_path / "f").read_bytes() == CONTENT


def test_another_version_is_not_glued_to_the_old_one(tmp_path: Path) -> None:
    other = CONTENT[::-1]
    with serving({"/f": File(CONTENT, cuts=[700_000, 0, 0, 0])}) as site:
        with pytest.raises(DataError):
            download([site.url("/f")], tmp_path / "f", patience=QUICK)
        site.files["/f"] = File(other, etag='"2"')
        download([site.url("/f")], tmp_path / "f", patience=QUICK)
    assert (tmp_path / "f").read_bytes() == other


def test_a_part_that_is_whole_already(tmp_path: Path) -> None:
    with serving({"/f": File(CONTENT, cuts=[700_000, 0, 0, 0])}) as site:
        with pytest.raises(DataError):
            download([site.url("/f")], tmp_path / "f", patience=QUICK)
        (tmp_path / "f.part").write_bytes(CONTENT)
        site.files["/f"].cuts.clear()
        download([site.url("/f")], tmp_path / "f", patience=QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT


def test_a_longer_part_than_the_file_is_thrown_away(tmp_path: Path) -> None:
    with serving({"/f": File(CONTENT, cuts=[700_000, 0, 0, 0])}) as site:
        with pytest.raises(DataError):
            download([site.url("/f")], tmp_path / "f", patience=QUICK)
        (tmp_path / "f.part").write_bytes(CONTENT + b"more")
        site.files["/f"].cuts.clear()
        download([site.url("/f")], tmp_path / "f", patience=QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT


def test_a_body_that_always_ends_early_is_an_error(tmp_path: Path) -> None:
    with serving({"/f": File(CONTENT, ranges=False, cuts=[1000] * 9)}) as site:
        with pytest.raises(DataError, match="ended after 1,000 of 1,024,000 bytes"):
            download([site.url("/f")], tmp_path / "f", patience=QUICK)
        assert len(site.requests) == 3
    assert not (tmp_path / "f").exists()


@pytest.mark.parametrize("size", [500_000, None])
def test_a_body_without_end_is_not_read_beyond_the_size(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int | None
) -> None:
    monkeypatch.setattr("kgreason.data.download.MAX_BYTES", 2_000_000)
    with serving({"/f": File(CONTENT, length=False, endless=True)}) as site:
        with pytest.raises(DataError, match=r"at most .* are (published|fetched)") as caught:
            download([site.url("/f")], tmp_path / "f", patience=QUICK, size=size)
        assert len(site.requests) == 1
        assert site.sent < 20_000_000
    assert "fetch it by hand" in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_file_of_another_length_is_refused_before_it_is_read(tmp_path: Path) -> None:
    with serving({"/f": File(CONTENT), "/g": File(CONTENT[:9])}) as site:
        with pytest.raises(DataError, match=r"gives 1,024,000 bytes .*, at most 9 are"):
            download([site.url("/f")], tmp_path / "f", patience=QUICK, size=9)
        assert list(tmp_path.iterdir()) == []
        addresses = [site.url("/f"), site.url("/g")]
        assert download(addresses, tmp_path / "f", patience=QUICK, size=9) == addresses[1]
    assert (tmp_path / "f").read_bytes() == CONTENT[:9]


def test_a_body_of_unstated_length_is_whole_when_it_has_the_size(tmp_path: Path) -> None:
    size = len(CONTENT)
    with serving({"/f": File(CONTENT, length=False, cuts=[1000])}) as site:
        download([site.url("/f")], tmp_path / "f", patience=QUICK, size=size)
        assert [wanted for _, wanted in site.requests] == [None, "bytes=1000-"]
        assert (tmp_path / "f").read_bytes() == CONTENT
        site.files["/f"] = File(CONTENT[:1000], length=False)
        with pytest.raises(DataError, match="has 1,000 bytes, published are 1,024,000"):
            download([site.url("/f")], tmp_path / "g", patience=QUICK, size=size)
    assert not (tmp_path / "g").exists()


def test_a_piece_that_is_longer_than_the_file_is_begun_anew(tmp_path: Path) -> None:
    with serving({"/f": File(CONTENT, cuts=[700_000, 0, 0, 0])}) as site:
        with pytest.raises(DataError):
            download([site.url("/f")], tmp_path / "f", patience=QUICK, size=len(CONTENT))
        with (tmp_path / "f.part").open("ab") as part:
            part.write(CONTENT)
        site.files["/f"].cuts.clear()
        site.requests.clear()
        download([site.url("/f")], tmp_path / "f", patience=QUICK, size=len(CONTENT))
        assert site.requests == [("/f", None)]
    assert (tmp_path / "f").read_bytes() == CONTENT


def test_a_damaged_note_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "f.part").write_bytes(b"old")
    for note in (b"", b"[" * 99_999, b"[]", b"\xff"):
        (tmp_path / "f.part.json").write_bytes(note)
        with serving({"/f": File(CONTENT)}) as site:
            download([site.url("/f")], tmp_path / "f", patience=QUICK)
        assert (tmp_path / "f").read_bytes() == CONTENT


def test_a_passing_failure_is_tried_again(tmp_path: Path) -> None:
    with serving({"/f": File(CONTENT, statuses=[503, 429])}) as site:
        download([site.url("/f")], tmp_path / "f", patience=QUICK)
    assert (tmp_path / "f").read_bytes() == CONTENT


def test_a_missing_file_is_said_at_once(tmp_path: Path) -> None:
    with serving({}) as site:
        with pytest.raises(DataError, match="/gone: the server answered 404") as caught:
            download([site.url("/gone")], tmp_path / "f", patience=QUICK)
        assert len(site.requests) == 1
    assert "--from FILE" in str(caught.value)
    assert _leftovers(tmp_path / "f") == []


def test_the_next_address_is_asked(tmp_path: Path) -> None:
    with serving({"/f": File(CONTENT)}) as site:
        addresses = [site.url("/gone"), site.url("/f")]
        assert download(addresses, tmp_path / "f", patience=QUICK) == addresses[1]


def test_what_came_from_the_second_address_is_continued_there(tmp_path: Path) -> None:
    with serving({"/f": File(CONTENT, cuts=[700_000, 0, 0, 0])}) as site:
        addresses = [site.url("/gone"), site.url("/f")]
        with pytest.raises(DataError):
            download(addresses, tmp_path / "f", patience=QUICK)
        site.files["/f"].cuts.clear()
        site.requests.clear()
        download(addresses, tmp_path / "f", patience=QUICK)
        assert site.requests == [("/f", "bytes=700000-")]


def test_redirects_are_followed_but_not_to_files(tmp_path: Path) -> None:
    secret = tmp_path / "secret"
    secret.write_text("secret")
    with serving({"/f": File(CONTENT)}) as site:
        site.files["/away"] = File(redirect=site.url("/f"))
        site.files["/secret"] = File(redirect=secret.as_uri())
        site.files["/round"] = File(redirect=site.url("/round"))
        download([site.url("/away")], tmp_path / "f", patience=QUICK)
        assert (tmp_path / "f").read_bytes() == CONTENT
        for path in ("/secret", "/round"):
            with pytest.raises(DataError, match="the server answered 302"):
                download([site.url(path)], tmp_path / "g", patience=QUICK)
    assert not (tmp_path / "g").exists()


def test_a_broken_transfer_is_continued_behind_a_redirect(tmp_path: Path) -> None:
    with serving({"/f": File(CONTENT, cuts=[1000])}) as site:
        site.files["/away"] = File(redirect=site.url("/f"))
        download([site.url("/away")], tmp_path / "f", patience=QUICK)
        assert site.requests[-1] == ("/f", "bytes=1000-")
    assert (tmp_path / "f").read_bytes() == CONTENT


def test_no_network(tmp_path: Path) -> None:
    with serving({}) as site:
        address = site.url("/f")
    with pytest.raises(DataError, match="refused") as caught:
        download([address], tmp_path / "f", patience=QUICK)
    assert "check the network" in str(caught.value)


def test_an_unknown_host_is_said_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    patience = Patience(timeout=5, attempts=9, pause=60)
    with pytest.raises(DataError, match="Name or service not known") as caught:
        download(["http://host.invalid/f"], tmp_path / "f", patience=patience)
    assert "HTTPS_PROXY" in str(caught.value)


def test_a_full_disk_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with serving({"/f": File(CONTENT)}) as site:
        with monkeypatch.context() as patched:
            patched.setattr(shutil, "disk_usage", lambda _: shutil._ntuple_diskusage(9, 8, 1))
            with pytest.raises(LimitError, match="1,024,000 bytes are to come and 1 are free"):
                download([site.url("/f")], tmp_path / "f", patience=QUICK)

        def full(*_: object) -> None:
            raise OSError(errno.ENOSPC, "No space left on device")

        monkeypatch.setattr("kgreason.data.download._copy", full)
        with pytest.raises(LimitError, match="No space left"):
            download([site.url("/f")], tmp_path / "f", patience=QUICK)
        assert len(site.requests) == 2


def test_a_silent_server_is_given_up(tmp_path: Path) -> None:
    impatient = Patience(0.1, attempts=1, pause=0.01)
    silent = File(CONTENT, cuts=[10], pause=threading.Event())
    with serving({"/f": silent}) as site, pytest.raises(DataError, match="timed out"):
        download([site.url("/f")], tmp_path / "f", patience=impatient)


def test_kill_in_the_middle_then_continue(tmp_path: Path) -> None:
    held = threading.Event()
    with serving({"/f": File(CONTENT, cuts=[800_000], pause=held)}) as site:
        code = "import sys; from pathlib import Path; from kgreason.data.download import download; "
        code += "download([sys.argv[1]], Path(sys.argv[2]))"
        part = tmp_path / "f.part"
        command = [sys.executable, "-c", code, site.url("/f"), str(tmp_path / "f")]
        with subprocess.Popen(
            command, env={**os.environ, "PYTHONPATH": str(Path.cwd())}
        ) as process:
            for _ in range(1000):
                if part.exists() and part.stat().st_size >= 500_000:
                    break
                time.sleep(0.01)
            process.send_signal(signal.SIGKILL)
        held.set()
        site.files["/f"].pause = None
        came = part.stat().st_size
        assert 500_000 <= came <= 800_000
        download([site.url("/f")], tmp_path / "f", patience=QUICK)
        assert site.requests[-1] == ("/f", f"bytes={came}-")
    assert (tmp_path / "f").read_bytes() == CONTENT
