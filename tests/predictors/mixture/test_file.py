"""Mixtures on disk: whole, or refused in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from kgreason.errors import CheckpointError
from kgreason.predictors.mixture.file import read_mixture, verify_mixture, write_mixture
from kgreason.predictors.mixture.weights import Weights
from tests.predictors.toy import toy_graph

GRAPH = toy_graph()
NAMES = GRAPH.vocabulary
FIRST = NAMES.relation(0)
SHARES = torch.rand(
    2 * GRAPH.relation_count, 2, dtype=torch.float64, generator=torch.Generator().manual_seed(0)
)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    members = tmp_path / "a.txt", tmp_path / "b.txt"
    for member in members:
        member.write_text(member.name)
    write_mixture(
        tmp_path / "mix.json", members, Weights(torch.tensor([0.5, 0.5]), SHARES, 7), NAMES
    )
    return tmp_path / "mix.json"


def rewritten(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    about = json.loads(path.read_text())
    change(about)
    path.write_text(json.dumps(about))


def test_a_mixture_is_verified(path: Path) -> None:
    assert verify_mixture(path)
    assert torch.allclose(read_mixture(path, NAMES).weights, SHARES, atol=1e-8)
    rewritten(path, lambda about: about.pop("sha256"))
    assert not verify_mixture(path)
    assert torch.allclose(read_mixture(path, NAMES).weights, SHARES, atol=1e-8)


def test_no_changed_digit_goes_unnoticed(path: Path) -> None:
    text = path.read_text()
    for place, old in enumerate(text):
        if old.isdigit():
            path.write_text(text[:place] + str((int(old) + 1) % 10) + text[place + 1 :])
            with pytest.raises(CheckpointError):
                read_mixture(path, NAMES)


def test_a_changed_name_of_an_entry_is_noticed(path: Path) -> None:
    text = path.read_text()
    for entry in json.loads(text):
        path.write_text(text.replace(f'"{entry}"', f'"{entry[:-1]}_"', 1))
        with pytest.raises(CheckpointError, match=r"is damaged|is no mixture|format version"):
            verify_mixture(path)


def weights(rows: object) -> Callable[[dict[str, Any]], object]:
    return lambda about: about["weights"].__setitem__(FIRST, rows)


def entry(name: str, value: object) -> Callable[[dict[str, Any]], object]:
    return lambda about: about.__setitem__(name, value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (weights([[0.5, 0.5], [float("nan"), 1]]), "are not 2 finite numbers"),
        (weights([[0.5, 0.5], [float("inf"), 1]]), "are not 2 finite numbers"),
        (weights([[0.5, 0.5], [-1, 1]]), "are not 2 finite numbers"),
        (weights([[0.5, 0.5], [0, 0]]), "not all 0"),
        (weights([[0.5, 0.5], [True, "1"]]), "are not 2 finite numbers"),
        (weights([[0.5, 0.5], [1, 10**400]]), "are not 2 finite numbers"),
        (weights([[0.5, 0.5, 0.5], [0.5]]), "are not 2 finite numbers"),
        (weights([[0.5, 0.5]]), "no weights in two directions"),
        (weights(None), "no weights in two directions"),
        (entry("weights", []), "no weights in two directions"),
        (entry("members", []), "two members or more"),
        (entry("members", 3), "two members or more"),
        (entry("members", [{}, {}]), "a member has no path"),
        (entry("members", [{"path": "\0"}, {}]), "embedded null"),
        (entry("links", "7"), "links or its calibration"),
        (entry("calibration", 3), "links or its calibration"),
        (entry("vocabulary", "x"), "names of another graph"),
        (lambda about: about.pop("weights"), "it lacks weights"),
        (entry("weihgts", {}), "no mixture has: weihgts"),
    ],
)
def test_what_is_written_by_hand_is_looked_at(
    path: Path, change: Callable[[dict[str, Any]], object], message: str
) -> None:
    rewritten(path, lambda about: about.pop("sha256"))
    rewritten(path, change)
    with pytest.raises(CheckpointError, match=message) as caught:
        read_mixture(path, NAMES)
    assert caught.value.remedy


def test_a_member_that_is_gone_is_named(path: Path) -> None:
    (path.parent / "b.txt").unlink()
    with pytest.raises(CheckpointError, match=r"cannot read .*b\.txt: No such file"):
        read_mixture(path, NAMES)


@pytest.mark.parametrize("content", [b"", b"[" * 100_000, b"\xff\xfe", b"{}", b"null", b'"x"'])
def test_anything_else_is_refused(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"mix\.json (cannot be read|is no mixture)"):
        read_mixture(path, NAMES)
