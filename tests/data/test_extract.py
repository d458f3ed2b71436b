from __future__ import annotations

import gzip
import hashlib
import io
import stat
import struct
import tarfile
import zipfile
from pathlib import Path
from random import Random

import pytest

from kgreason.data import members as module
from kgreason.data.extract import Digest, extract
from kgreason.errors import DataError, LimitError
from tests.scripts import script

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
    with pytest.raises(LimitError, match="5,000,000 bytes in 1 files, or more"):
        extract(archive, tmp_path / "out")
    monkeypatch.setattr(module, "MAX_BYTES", 1 << 40)
    monkeypatch.setattr(module, "MAX_FILES", 1)
    with pytest.raises(LimitError):
        extract(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_the_same_path_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="same path"):
        extract(_tar(tmp_path / "t", {"a/b": b"1", "a//b": b"2"}), tmp_path / "out")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("x" * 300, "a name has 300 bytes, at most 255 can be stored"),
        ("d/" + "é" * 130 + "/a", "a name has 260 bytes"),
        ("a\nb", "is not the name of a file"),
        ("a\x1b[2J", "is not the name of a file"),
    ],
)
@pytest.mark.parametrize("pack", [_zip, _tar])
def test_names_that_no_disk_takes_are_refused_first(
    tmp_path: Path, pack: object, name: str, message: str
) -> None:
    assert callable(pack)
    with pytest.raises(DataError, match=message):
        extract(pack(tmp_path / "archive", {"good": b"good", name: b"x"}), tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("names", [("d", "d/a.txt"), ("d/a/b/c", "d/a")])
@pytest.mark.parametrize("pack", [_zip, _tar])
def test_a_file_is_no_folder(tmp_path: Path, pack: object, names: tuple[str, str]) -> None:
    assert callable(pack)
    with pytest.raises(DataError, match="is a file, and the folder of"):
        extract(pack(tmp_path / "archive", dict.fromkeys(names, b"x")), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_this_disk_does_not_take_is_named(tmp_path: Path) -> None:
    deep = "/".join(["x" * 250] * 20)
    with pytest.raises(DataError, match=r"cannot be stored here .File name too long") as caught:
        extract(_zip(tmp_path / "z", {deep: b"x"}), tmp_path / "out")
    assert "--to" in str(caught.value)


def test_an_archive_without_files_is_refused(tmp_path: Path) -> None:
    for archive in (_zip(tmp_path / "z", {}), _tar(tmp_path / "t", {})):
        with pytest.raises(DataError, match="no files"):
            extract(archive, tmp_path / "out")


def test_bombs_are_refused_before_they_are_decompressed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "HARMLESS_BYTES", 1 << 20)
    zeros = {"zeros": bytes(5 << 20)}
    for pack, mode in ((_zip, ""), (_tar, "w:gz"), (_tar, "w:bz2"), (_tar, "w:xz")):
        archive = pack(tmp_path / "archive", zeros, *([mode] if mode else []))
        with pytest.raises(LimitError, match="unpacks to 5,242,880 bytes in 1 files") as caught:
            extract(archive, tmp_path / "out")
        assert "by hand" in str(caught.value)
    assert not (tmp_path / "out").exists()


def _header(kind: bytes, size: int) -> bytes:
    """A tar header that speaks of `size` bytes of its own."""
    info = tarfile.TarInfo("x")
    info.type, info.size = kind, size
    return info.tobuf()


@pytest.mark.parametrize("kind", [tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME, tarfile.XGLTYPE])
def test_headers_that_would_fill_the_memory_are_refused(tmp_path: Path, kind: bytes) -> None:
    content = _header(kind, 1 << 32) + bytes(4096)
    (tmp_path / "plain").write_bytes(content)
    (tmp_path / "packed").write_bytes(gzip.compress(content))
    for name in ("plain", "packed"):
        with pytest.raises(DataError, match="a header states 4,294,967,296 bytes of its own"):
            extract(tmp_path / name, tmp_path / "out")


def test_a_list_that_goes_on_and_on_is_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_FILES", 100)
    many = b"".join(tarfile.TarInfo(f"f{i}").tobuf() for i in range(200))
    (tmp_path / "t").write_bytes(gzip.compress(many + bytes(1024)))
    with pytest.raises(LimitError, match="in 101 files, or more"):
        extract(tmp_path / "t", tmp_path / "out")


@pytest.mark.parametrize("place", [-1, -5])
def test_a_wrong_checksum_of_a_packed_tar_is_noticed(tmp_path: Path, place: int) -> None:
    archive = _tar(tmp_path / "t.tar.gz", FILES)
    content = bytearray(archive.read_bytes())
    content[place] ^= 1
    archive.write_bytes(content)
    with pytest.raises(DataError, match="cannot be unpacked"):
        extract(archive, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_zip_archive_with_a_shorter_list_is_noticed(tmp_path: Path) -> None:
    archive = _zip(tmp_path / "z", {"a": b"a", "b": b"b"})
    content = bytearray(archive.read_bytes())
    (length,) = struct.unpack_from("<L", content, len(content) - 10)
    struct.pack_into("<L", content, len(content) - 10, length // 2)
    # The list seems to begin later: where what is now its first half would lie.
    start = len(content) - 22 - length
    content[start : start + length // 2] = b""
    archive.write_bytes(content)
    with pytest.raises(DataError, match="1 files are listed, and it says that they are 2"):
        extract(archive, tmp_path / "out")


def test_a_tar_archive_that_ends_early_is_noticed(tmp_path: Path) -> None:
    plain = _tar(tmp_path / "t", {"a": b"a", "b": b"b"}, "w").read_bytes()
    for content, message in (
        (plain[:1024], "its end is missing"),
        (plain[:2048], "its end is missing"),
        (plain[:1024] + b"x" * 512 + plain[1536:], "no header where one should be"),
        (plain[:-512] + b"x" * 512, "no header where one should be"),
    ):
        (tmp_path / "t").write_bytes(content)
        with pytest.raises(DataError, match=message):
            extract(tmp_path / "t", tmp_path / "out")


@pytest.mark.parametrize("pack", [_zip, _tar])
def test_damage_is_told(tmp_path: Path, pack: object) -> None:
    assert callable(pack)
    files = {"a": bytes(range(256)) * 100, "b": b"x" * 9}
    archive = pack(tmp_path / "archive", files)
    whole, expected = archive.read_bytes(), extract(archive, tmp_path / "whole")
    damage = script("corruptions").CORRUPTIONS
    for number in range(160):
        random = Random(number)
        archive.write_bytes(damage[sorted(damage)[number % len(damage)]](whole, random))
        try:
            found = extract(archive, tmp_path / f"out{number}")
        except DataError:
            continue
        assert found == expected, number
    archive.write_bytes(b"<html>quota exceeded</html>")
    with pytest.raises(DataError, match="neither a zip nor a tar"):
        extract(archive, tmp_path / "out")
