from __future__ import annotations

import hashlib
import io
import json
import sys
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kgreason.data import Dataset, Manifest, dataset_folder, pull, verify
from kgreason.data.download import Patience
from kgreason.data.pull import _alone
from kgreason.errors import DataError, UsageError
from kgreason.files.cache import cache_folder
from tests.data.server import File, Site, serving

QUICK = Patience(timeout=5, attempts=2, pause=0.01)
FILES = {"toy/train.txt": "0\t0\t1\n", "toy/test-queries.pkl": "x" * 5000}


def packed(files: dict[str, str]) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content)
    return stream.getvalue()


ARCHIVE = packed(FILES)
TOY = Dataset(
    name="toy",
    title="Toy",
    layout="betae",
    page="http://example.org/toy",
    licence="MIT",
    archive="toy.zip",
    size=len(ARCHIVE),
    sha256=hashlib.sha256(ARCHIVE).hexdigest(),
    md5=hashlib.md5(ARCHIVE).hexdigest(),
    suites=("toy",),
    files=("toy/train.txt",),
)


@pytest.fixture
def site(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    monkeypatch.setenv("KGREASON_CACHE", str(tmp_path / "cache"))
    with serving({"/toy.zip": File(ARCHIVE)}) as served:
        yield served


def _toy(site: Site, path: str = "/toy.zip") -> Dataset:
    return replace(TOY, addresses=(site.url(path),))


def test_pull_unpacks_into_the_cache_and_remembers(site: Site, tmp_path: Path) -> None:
    toy = _toy(site)
    pulled = pull(toy, patience=QUICK)
    assert pulled.folder == dataset_folder(toy) == tmp_path / "cache" / "datasets" / "toy"
    assert (pulled.fresh, pulled.first_use) == (True, False)
    assert (pulled.folder / "toy" / "train.txt").read_text() == FILES["toy/train.txt"]
    assert pulled.manifest.source == site.url("/toy.zip")
    assert pulled.manifest.archive.sha256 == toy.sha256
    assert sorted(path.name for path in pulled.folder.parent.iterdir()) == ["toy"]
    again = pull(toy, patience=QUICK)
    assert (again.fresh, again.manifest.files) == (False, pulled.manifest.files)
    assert len(site.requests) == 1


def test_to_another_folder(site: Site, tmp_path: Path) -> None:
    assert pull(_toy(site), to=tmp_path / "mine", patience=QUICK).folder == tmp_path / "mine/toy"


def test_an_archive_fetched_by_hand(site: Site, tmp_path: Path) -> None:
    (tmp_path / "mine.zip").write_bytes(ARCHIVE)
    with pytest.raises(UsageError, match="no address") as caught:
        pull(TOY, patience=QUICK)
    assert "http://example.org/toy" in str(caught.value)
    with pytest.raises(UsageError, match="no file"):
        pull(TOY, source=tmp_path / "absent.zip")
    assert pull(TOY, source=tmp_path / "mine.zip").fresh
    assert (tmp_path / "mine.zip").exists()
    assert site.requests == []


@pytest.mark.parametrize(
    "wrong", [{"sha256": "0" * 64}, {"sha256": "", "md5": "0" * 32}, {"sha256": "", "size": 5}]
)
def test_another_archive_than_published_is_refused(site: Site, wrong: dict[str, str]) -> None:
    toy = replace(_toy(site), **{"md5": "", **wrong})  # type: ignore[arg-type]
    with pytest.raises(DataError, match="not the archive that was published"):
        pull(toy, patience=QUICK)
    assert not dataset_folder(toy).exists()
    assert list(dataset_folder(toy).parent.iterdir()) == []


def test_an_unpublished_checksum_is_recorded_and_then_required(site: Site, tmp_path: Path) -> None:
    toy = replace(_toy(site), sha256="", md5="", size=None)
    assert pull(toy, patience=QUICK).first_use
    recorded = json.loads((tmp_path / "cache" / "checksums.json").read_text())
    assert recorded == {"toy": TOY.sha256}
    assert not pull(toy, to=tmp_path / "second", patience=QUICK).first_use
    site.files["/toy.zip"] = File(packed({**FILES, "more": "more"}), etag='"2"')
    with pytest.raises(DataError, match="recorded at the first pull"):
        pull(toy, to=tmp_path / "third", patience=QUICK)


def test_an_interrupted_pull_is_continued(site: Site) -> None:
    site.files["/toy.zip"].cuts = [2000, 0, 0]
    with pytest.raises(DataError, match="ended after 2,000"):
        pull(_toy(site), patience=QUICK)
    site.files["/toy.zip"].cuts.clear()
    assert pull(_toy(site), patience=QUICK).fresh
    assert site.requests[-1] == ("/toy.zip", "bytes=2000-")


def test_a_pull_killed_while_unpacking_needs_no_second_download(site: Site) -> None:
    toy = _toy(site)
    home = dataset_folder(toy).parent
    (home / ".kgreason-1-x.tmp").mkdir(parents=True)
    (home / "toy-toy.zip").write_bytes(ARCHIVE)
    assert pull(toy, patience=QUICK).fresh
    assert site.requests == []
    assert [path.name for path in home.iterdir()] == ["toy"]


def test_one_pull_at_a_time(site: Site) -> None:
    toy = _toy(site)
    dataset_folder(toy).parent.mkdir(parents=True)
    with _alone(dataset_folder(toy)), pytest.raises(DataError, match="another process"):
        pull(toy, patience=QUICK)
    assert pull(toy, patience=QUICK).fresh


def test_what_was_fetched_outlives_an_interrupted_unpacking(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(sys.modules["kgreason.data.pull"], "extract", interrupted)
        with pytest.raises(KeyboardInterrupt):
            pull(_toy(site), patience=QUICK)
    assert [path.name for path in dataset_folder(TOY).parent.iterdir()] == ["toy-toy.zip"]
    assert pull(_toy(site), patience=QUICK).fresh
    assert len(site.requests) == 1


def test_an_unsafe_archive_leaves_nothing(site: Site, tmp_path: Path) -> None:
    site.files["/evil.zip"] = File(packed({**FILES, "../../evil": "evil"}))
    evil = replace(_toy(site, "/evil.zip"), sha256="", md5="", size=None)
    with pytest.raises(DataError, match="leaves the folder"):
        pull(evil, patience=QUICK)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_an_archive_without_the_expected_files(site: Site) -> None:
    toy = replace(_toy(site), files=("toy/train.txt", "a", "b", "c", "d"))
    with pytest.raises(DataError, match="lacks a, b, c and 1 more"):
        pull(toy, patience=QUICK)
    assert not dataset_folder(toy).exists()


def test_a_folder_of_something_else_is_left_alone(site: Site) -> None:
    folder = dataset_folder(TOY)
    folder.mkdir(parents=True)
    (folder / "thesis.tex").write_text("years")
    with pytest.raises(UsageError, match="not pulled by kgreason"):
        pull(_toy(site), patience=QUICK)
    assert (folder / "thesis.tex").exists()
    (folder / "thesis.tex").unlink()
    assert pull(_toy(site), patience=QUICK).fresh


def test_verify_names_what_is_missing_or_changed(site: Site) -> None:
    pulled = pull(_toy(site), patience=QUICK)
    manifest = Manifest.read(pulled.folder)
    assert manifest is not None
    assert verify(pulled.folder, manifest).is_whole
    (pulled.folder / "toy/train.txt").write_text("0\t0\t2\n")
    (pulled.folder / "toy/test-queries.pkl").unlink()
    found = verify(pulled.folder, manifest)
    assert (found.checked, found.is_whole) == (2, False)
    assert (found.missing, found.changed) == (("toy/test-queries.pkl",), ("toy/train.txt",))


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "files": 3}'])
def test_a_damaged_manifest_is_named(tmp_path: Path, text: str) -> None:
    assert Manifest.read(tmp_path) is None
    (tmp_path / "kgreason-manifest.json").write_text(text)
    with pytest.raises(DataError, match="not a manifest"):
        Manifest.read(tmp_path)


def test_where_the_cache_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KGREASON_CACHE", str(tmp_path))
    assert cache_folder() == tmp_path
    monkeypatch.delenv("KGREASON_CACHE")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert cache_folder() == tmp_path / "xdg" / "kgreason"
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert cache_folder() == tmp_path / ".cache" / "kgreason"


@pytest.mark.parametrize("names", [("n" * 300,), ("d", "d/a.txt"), ("kgreason-manifest.json",)])
def test_an_archive_that_cannot_be_unpacked_is_not_kept(site: Site, names: tuple[str, ...]) -> None:
    content = packed({**FILES, **dict.fromkeys(names, "x")})
    site.files["/toy.zip"] = File(content)
    toy = replace(_toy(site), sha256="", md5="", size=len(content))
    for _ in range(2):
        with pytest.raises(DataError):
            pull(toy, patience=QUICK)
        assert list(dataset_folder(toy).parent.iterdir()) == []
    assert len(site.requests) == 2
    site.files["/toy.zip"] = File(ARCHIVE, etag='"2"')
    assert pull(_toy(site), patience=QUICK).fresh


@pytest.mark.parametrize("text", ["{", "[]", '{"toy": 3}', "[" * 99_999])
def test_damaged_records_are_told_before_anything_is_fetched(
    site: Site, tmp_path: Path, text: str
) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "checksums.json").write_text(text)
    with pytest.raises(DataError, match=r"checksums\.json: .*recorded checksums") as caught:
        pull(replace(_toy(site), sha256=""), patience=QUICK)
    assert "delete it" in str(caught.value)
    assert site.requests == []
    assert pull(_toy(site), patience=QUICK).fresh, "a published checksum needs no record"
