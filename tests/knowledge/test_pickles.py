"""The restricted pickle reader."""

from __future__ import annotations

import os
import pickle
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kgreason.errors import DataError
from kgreason.knowledge.pickles import read_plain_pickle
from tests.knowledge.test_rdf import put


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch exploded",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_containers_come_back(protocol: int, tmp_path: Path) -> None:
    value = {
        "1p": {((1, (2,)), 3), ((4, (-1,)), 5)},
        (1, 2): [None, True, 2.5, -(2**70), b"x", frozenset({1})],
    }
    file = put(tmp_path / "v.pkl", pickle.dumps(value, protocol))
    if protocol < 3:
        # Old protocols write bytes through a codec function, which is not admitted.
        del value[1, 2][4]  # type: ignore[attr-defined]
        put(file, pickle.dumps(value, protocol))
    assert read_plain_pickle(file) == value


def test_a_defaultdict_becomes_a_plain_dict(tmp_path: Path) -> None:
    factories: tuple[Callable[[], Any], ...] = (set, list, dict, int)
    for factory in factories:
        value = defaultdict(factory, {1: {2}})
        back = read_plain_pickle(put(tmp_path / "d.pkl", pickle.dumps(value)))
        assert type(back) is dict
        assert back == {1: {2}}


@pytest.mark.parametrize(
    ("value", "refused"),
    [
        (Bomb(), "posix.system"),
        ({1: [Bomb()]}, "posix.system"),
        (OrderedDict(), "collections.OrderedDict"),
        (print, "builtins.print"),
        (Path("x"), "pathlib"),
    ],
)
def test_anything_else_is_refused_by_name(
    value: object, refused: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    file = put(tmp_path / "bomb.pkl", pickle.dumps(value))
    with pytest.raises(DataError, match=refused):
        read_plain_pickle(file)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"junk",
        pickle.dumps({1: 2})[:-3],
        b"cbuiltins\nset\n.",
        b"ccollections\ndefaultdict\n.",
        # Tries to change the stand-in for defaultdict by its state.
        b"ccollections\ndefaultdict\n(dS'a'\nI1\nsb.",
        b"\x80\x04\x8c\x01xQ.",
        b"\x82\x01.",
        b"\x80\xff.",
    ],
)
def test_damaged_or_hostile_bytes(content: bytes, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"v\.pkl"):
        read_plain_pickle(put(tmp_path / "v.pkl", content))


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="No such file"):
        read_plain_pickle(tmp_path / "absent.pkl")


@pytest.mark.data
def test_published_queries_are_plain(data: Path) -> None:
    queries = read_plain_pickle(data / "NELL-betae/test-queries.pkl")
    assert isinstance(queries, dict)
    assert sum(map(len, queries.values())) > 5000
