"""A name out of a few: found, or refused with the nearest and all that are known."""

from __future__ import annotations

import pytest

from kgreason.choose import choose, nearest, require, unknown
from kgreason.errors import DataError, UsageError

TABLE = {"product": 1, "godel": 2, "lukasiewicz": 3}


def test_a_known_name_gives_its_value() -> None:
    assert choose("logic", "godel", TABLE) == 2


def test_an_unknown_name_is_told_with_the_nearest_and_all_known() -> None:
    with pytest.raises(UsageError) as caught:
        choose("logic", "Prodct", TABLE)
    assert caught.value.message == "there is no logic 'Prodct'"
    assert caught.value.remedy == "nearest: product; known: product, godel, lukasiewicz"


def test_nothing_is_offered_as_nearest_that_is_not_like_it() -> None:
    with pytest.raises(UsageError) as caught:
        choose("logic", "xyz", TABLE)
    assert caught.value.remedy == "known: product, godel, lukasiewicz"


@pytest.mark.parametrize("name", [None, 5, ["godel"], b"godel"])
def test_what_is_no_text_is_no_name(name: object) -> None:
    with pytest.raises(UsageError, match=f"by its name, not by {type(name).__name__}"):
        require("logic", name, TABLE)


def test_the_owner_and_the_error_are_the_callers() -> None:
    error = unknown("split", "dev", ("train", "test"), DataError, owner="FB15k-237")
    assert error.message == "FB15k-237 has no split 'dev'"
    assert isinstance(error, DataError)
    assert unknown("split", "dev", (), DataError).remedy == "none is known"


def test_long_names_and_long_lists_are_cut() -> None:
    error = unknown("model", "x" * 100_000, [f"model {i}" for i in range(1000)], UsageError)
    assert len(str(error)) < 1000
    assert str(error).endswith(", …")


def test_letter_case_does_not_count_and_names_are_spelled_as_known() -> None:
    assert nearest("transe", ["TransE", "TransH", "ComplEx"], 2) == ("TransE", "TransH")
