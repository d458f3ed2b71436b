from __future__ import annotations

import hashlib
import io
import stat
import tarfile
import zipfile
from pathlib import Path

import pytest

from kgreason.data import extract as module
from kgreason.data.extract import Digest, extract
from kgreason.errors import DataError, LimitError

FILES = {"a/b.txt": b"hello", "a/c/d.bin": b"\0" * 3000, "e": b""}


def _zip(path: Path, files: dict[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as packed:
        for name, content in files.items():
            packed.writestr(name, content)
    return path


def _tar(path: Path, files: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as packed:  # type: ignore[call-overload]
        for name, content in files.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            packed.addfile(info, io.BytesIO(content))
    return path


@pytest.mark.parametrize("pack", [_zip, _tar])
def test_files_come_out_as_they_went_in(tmp_path: Path, pack: object) -> None:
    assert callable(pack)
    seen: list[tuple[int, int]] = []
    archive = pack(tmp_path / "archive", {**FILES, "./f/": b""} if pack is _zip else FILES)
    found = extract(archive, tmp_path / "out", lambda *now: seen.append(now))
    assert found == {
        name: Digest(len(content), hashlib.sha256(content).hexdigest())
        for name, content in FILES.items()
    }
    for name, content in FILES.items():
        assert (tmp_path / "out" / name).read_bytes() == content
    assert seen[-1] == (3005, 3005)


@pytest.mark.parametrize(
    "name", ["../evil", "a/../../evil", "/evil", "..\\evil", "C:\\evil", "C:evil", "a\\..\\evil"]
)
@pytest.mark.parametrize("pack", [_zip, _tar])
def test_paths_that_leave_the_folder_are_refused(tmp_path: Path, pack: object, name: str) -> None:
    assert callable(pack)
    archive = pack(tmp_path / "archive", {"good": b"good", name: b"evil"})
    with pytest.raises(DataError, match="leaves the folder"):
        extract(archive, tmp_path / "in" / "out")
    assert [path.name for path in tmp_path.rglob("*")] == ["archive"]


def test_links_are_refused(tmp_path: Path) -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16
    with zipfile.ZipFile(tmp_path / "z", "w") as packed:
        packed.writestr(info, "/etc/passwd")
    with pytest.raises(DataError, match="link"):
        extract(tmp_path / "z", tmp_path / "out")
    for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE):
        with tarfile.open(tmp_path / "t", "w") as packed_tar:
            member = tarfile.TarInfo("link")
            member.type, member.linkname = kind, "/etc/passwd"
            packed_tar.addfile(member)
        with pytest.raises(DataError, match="link"):
            extract(tmp_path / "t", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_floods_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = _zip(tmp_path / "z", {"zeros": b"\0" * 5_000_000, "b": b""})
    monkeypatch.setattr(module, "MAX_BYTES", 1_000_000)
    with pytest.raises(LimitError, match="5,000,000 bytes in 2 files"):
        extract(archive, tmp_path / "out")
    monkeypatch.setattr(module, "MAX_BYTES", 1 << 40)
    monkeypatch.setattr(module, "MAX_FILES", 1)
    with pytest.raises(LimitError):
        extract(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_same_path_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="same path"):
        extract(_tar(tmp_path / "t", {"a/b": b"1", "a//b": b"2"}), tmp_path / "out")


@pytest.mark.parametrize("pack", [_zip, _tar])
def test_damage_is_told(tmp_path: Path, pack: object) -> None:
    assert callable(pack)
    archive = pack(tmp_path / "archive", {"a": bytes(range(256)) * 100, "b": b"x" * 9})
    whole = archive.read_bytes()
    for place in range(12, len(whole) - 30, 37):
        archive.write_bytes(whole[:place] + bytes([whole[place] ^ 0xFF]) + whole[place + 1 :])
        try:
            extract(archive, tmp_path / f"out{place}")
        except DataError:
            continue
    archive.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(DataError):
        extract(archive, tmp_path / "out")
    archive.write_bytes(b"<html>quota exceeded</html>")
    with pytest.raises(DataError, match="neither a zip nor a tar"):
        extract(archive, tmp_path / "out")
