"""A sample of the damage that `benchmarks/corruptions.py` does, opened in this process."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from kgreason.errors import DataError
from tests.scripts import script


def test_no_damage_is_silent_or_ends_in_a_traceback() -> None:
    damage = script("corruptions")
    names = tuple(damage.TARGETS)
    verdicts = set()
    with damage.field_of(names) as made:
        for name, kind, random in damage.cases(108, 0, names):
            path = made.damaged(name, kind, random)
            verdict = damage.judge(name, path, made.expected[name])
            assert verdict in {"refused", "same"}, (name, kind, verdict)
            verdicts.add((name, verdict))
            shutil.rmtree(path.parent)
    assert verdicts >= {(name, "refused") for name in names}


def test_the_judge_sees_every_failure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    damage = script("corruptions")
    path = tmp_path / "x.txt"

    def content(which: Path) -> list[str]:
        text = which.read_text()
        if text == "damaged":
            raise DataError(f"{which}: damaged", remedy="make it again")
        if text == "vague":
            raise DataError("damaged")
        if text == "bad":
            raise KeyError("bad")
        return text.split(",")

    for resumes in (False, True):
        monkeypatch.setitem(damage.TARGETS, "text", damage.Target(content, content, resumes))
        for text, verdict in (
            ("a,b", "same"),
            ("a", "same" if resumes else "silent"),
            ("b", "silent"),
            ("a,b,c", "silent"),
            ("damaged", "refused"),
            ("vague", "vague"),
            ("bad", "traceback"),
        ):
            path.write_text(text)
            assert damage.judge("text", path, ["a", "b"]).split(":")[0] == verdict


def test_every_kind_of_damage_changes_a_file(tmp_path: Path) -> None:
    damage = script("corruptions")
    whole = bytes(range(256)) * 4
    for kind, change in damage.CORRUPTIONS.items():
        cases = damage.cases(20, 1, ("x",))
        changed = sum(change(whole, random) != whole for _, _, random in cases)
        assert changed >= 15, kind
