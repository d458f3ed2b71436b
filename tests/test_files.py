from __future__ import annotations

from pathlib import Path

import pytest

from kgreason.files import replacing


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
