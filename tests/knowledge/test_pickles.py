"""The restricted pickle reader."""

from __future__ import annotations

import os
import pickle
import tempfile
from collections import OrderedDict, defaultdict
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgreason.errors import DataError
from kgreason.knowledge.pickles import read, read_plain_pickle
from tests.knowledge.test_rdf import put


class Bomb:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, ("touch exploded",)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_plain_containers_come_back(protocol: int, tmp_path: Path) -> None:
    value = {
        "1p": {((1, (2,)), 3), ((4, (-1,)), 5)},
        (1, 2): [None, True, 2.5, -(2**62), b"x", frozenset({1})],
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


def twice(levels: int, pair: bytes, start: bytes = b")") -> bytes:
    """A container that holds another twice, which holds another twice, …; some 3 bytes a level."""
    return b"\x80\x04" + start + (b"2" + pair) * levels + b"."


MEMO = b"\x80\x04)" + b"".join(b"\x94h" + bytes([i]) + b"\x86" for i in range(100)) + b"."
FEW_BYTES = {
    "tuples by DUP": twice(56, b"\x86"),
    "tuples by memo": MEMO,
    "sets of tuples": twice(50, b"\x86")[:-1] + b"(\x8c\x01xtq\x00\x8f(h\x00\x90.",
    "keys of dictionaries": twice(50, b"\x86")[:-1] + b"q\x00}h\x00Ns.",
    "frozensets": b"\x80\x04)" + b"q\x00(h\x00\x91h\x00\x86" * 60 + b".",
    "lists, whose repr would not end": b"\x80\x04)" + b"q\x00](h\x00h\x00e" * 60 + b".",
    "lists filled after they were placed": b"\x80\x04"
    + b"".join(b"]q" + bytes([i]) for i in range(60))
    + b"".join(b"h%c(h%ch%ce0" % (i, i + 1, i + 1) for i in range(59))
    + b".",
    "a list in itself": b"\x80\x04]q\x00h\x00a.",
    "tuples 1,000 deep": b"\x80\x04)" + b"\x85" * 1_000 + b".",
    "tuples 1,000,000 deep": b"\x80\x04)" + b"\x85" * 1_000_000 + b".",
    "lists 100,000 deep": b"\x80\x04" + b"]" * 100_000 + b"a" * 99_999 + b".",
    "a place of the memo at 2^31": b"\x80\x04Nr\xff\xff\xff\x7f.",
    "a place of the memo as text": b"N" + b"p99999999999\n.",
    "a terabyte of bytes": b"\x80\x04\x8e" + (1 << 40).to_bytes(8, "little") + b"x.",
    "a terabyte of text": b"\x80\x04\x8d" + (1 << 40).to_bytes(8, "little") + b"x.",
    "a terabyte frame": b"\x80\x04\x95" + (1 << 40).to_bytes(8, "little") + b"N.",
    "two gigabytes of a number": b"\x80\x04\x8b\xff\xff\xff\x7fx.",
    "a number of 65,536 bytes": b"\x80\x04\x8b\x00\x00\x01\x00" + b"x" * (1 << 16) + b".",
    "a number as a million digits": b"L" + b"9" * 1_000_000 + b"L\n.",
    "other digits": b"I" + b"9" * 100_000 + b"\n.",
    "numbers of one hash": pickle.dumps({k * (2**61 - 1) for k in range(8, 20)}),
    "numbers in a call": b"cbuiltins\nint\n(V" + b"f" * 10 + b"\nK\x10tR\x94" + b"b.",
}


@pytest.mark.parametrize("name", FEW_BYTES)
def test_a_value_that_is_much_larger_than_its_file_is_refused_before_it_is_built(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "_PlainUnpickler", None)
    with pytest.raises(DataError, match=r"v\.pkl: not a pickle that is read, ") as caught:
        read_plain_pickle(put(tmp_path / "v.pkl", FEW_BYTES[name]))
    assert len(str(caught.value)) < 400


@given(st.binary(max_size=60), st.sampled_from(["", "80 04", "80 02 5d 28", "7d 71 00 28"]))
@settings(max_examples=400, deadline=None)
def test_any_bytes_are_a_value_or_an_error(content: bytes, start: str) -> None:
    with tempfile.NamedTemporaryFile() as file:
        file.write(bytes.fromhex(start) + content)
        file.flush()
        with suppress(DataError):
            repr(read_plain_pickle(file.name))


NUMBERS = st.one_of(st.integers(-(2**63), 2**63 - 1), st.floats(allow_nan=False))
NAMES = st.one_of(NUMBERS, st.text(), st.booleans(), st.none())
KEYS = st.recursive(NAMES, lambda part: st.lists(part, max_size=4).map(tuple), max_leaves=20)
VALUES = st.recursive(
    st.one_of(KEYS, st.frozensets(KEYS, max_size=5), st.binary()),
    lambda part: st.one_of(
        st.lists(part, max_size=4), st.dictionaries(KEYS, part, max_size=4), st.sets(KEYS)
    ),
    max_leaves=20,
)


@given(
    st.one_of(st.dictionaries(KEYS, VALUES), st.lists(VALUES).map(lambda part: part + part)),
    st.integers(0, pickle.HIGHEST_PROTOCOL),
)
@settings(max_examples=60, deadline=None)
def test_any_plain_value_comes_back(value: object, protocol: int) -> None:
    """Bytes of the oldest protocols are written through a function that is not admitted."""
    with tempfile.NamedTemporaryFile() as file:
        file.write(pickle.dumps(value, protocol))
        file.flush()
        try:
            assert read_plain_pickle(file.name) == value
        except DataError as error:
            assert protocol < 3
            assert "_codecs.encode" in str(error) or "__builtin__.bytes" in str(error)  # noqa: PT017


def test_the_size_of_a_value_may_grow_with_its_file(tmp_path: Path) -> None:
    shared = tuple(range(100))
    value = {number: (shared, [shared]) for number in range(20_000)}
    assert read_plain_pickle(put(tmp_path / "v.pkl", pickle.dumps(value))) == value
    # The same tuple in very many sets is hashed as often.
    large = tuple(range(20_000))
    few = pickle.dumps([{large} for _ in range(10_000)])
    with pytest.raises(DataError, match="unfold to over"):
        read_plain_pickle(put(tmp_path / "v.pkl", few))
