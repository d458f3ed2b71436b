"""`kgreason data`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from kgreason.data import catalog
from tests.cli.conftest import Run
from tests.data.server import File, serving
from tests.data.test_pull import ARCHIVE, TOY


@pytest.fixture(autouse=True)
def _toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("KGREASON_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "*")
    with serving({"/toy.zip": File(ARCHIVE)}) as site:
        toy = replace(TOY, addresses=(site.url("/toy.zip"),))
        gone = replace(TOY, name="gone", addresses=(site.url("/gone"),))
        unknown = replace(toy, name="unknown", sha256="")
        for one in (toy, gone, unknown):
            monkeypatch.setitem(catalog(), one.name, one)
        yield


def test_list_says_what_is_there(run: Run) -> None:
    listed = run("data", "list")
    assert listed.code == 0
    rows = {line.split()[0]: line.split()[1:5] for line in listed.out.splitlines()}
    assert rows["plus-h"] == ["plus-h", "1,676", "MB", "no"]
    assert rows["toy"] == ["betae", "0", "MB", "no"]
    run("data", "pull", "toy")
    rows = {line.split()[0]: line.split()[1:5] for line in run("data", "list").out.splitlines()}
    assert rows["toy"][3] == "yes"


def test_show(run: Run) -> None:
    shown = run("data", "show", "plus-h")
    assert shown.code == 0
    assert "\nlicence    GPL-3.0" in shown.out
    assert "@inproceedings{gregucci2025cqa," in shown.out
    assert "by hand from https://drive.google.com" in run("data", "show", "real-efo1-nell995").out


def test_pull_prints_the_folders_of_questions(run: Run, tmp_path: Path) -> None:
    ran = run("data", "pull", "toy", "--to", tmp_path / "here")
    assert (ran.code, ran.out) == (0, f"{tmp_path / 'here' / 'toy' / 'toy'}\n")
    assert "licence: MIT" in ran.err
    again = run("data", "pull", "toy", "--to", tmp_path / "here")
    assert again.out == ran.out
    assert "there already" in again.err
    assert "SHA-256" not in ran.err
    assert f"this one has {TOY.sha256}" in run("data", "pull", "unknown").err


def test_verify(run: Run, tmp_path: Path) -> None:
    assert run("data", "verify", "toy").code == 1
    run("data", "pull", "toy")
    assert run("data", "verify", "toy").out == "2 files of toy are as they were pulled\n"
    (tmp_path / "cache/datasets/toy/toy/train.txt").write_text("changed")
    ran = run("data", "verify", "toy")
    assert (ran.code, ran.out) == (1, "changed  toy/train.txt\n")
    assert "1 of 2 files" in ran.err


def test_bars_on_a_terminal(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    ran = run("data", "pull", "toy")
    assert ran.code == 0
    assert "toy: fetching" in ran.err
    assert "toy: unpacking" in ran.err
    assert "toy: verifying" in run("data", "verify", "toy").err


def test_mistakes(run: Run, tmp_path: Path) -> None:
    assert run("data", "pull", "tyo").code == 3
    assert run("data", "pull", "efok-cqa-fb15k").code == 2
    assert run("data", "pull", "toy", "--from", tmp_path / "absent").code == 2
    gone = run("data", "pull", "gone")
    assert gone.code == 1
    assert "404" in gone.err
    assert "Traceback" not in gone.err
