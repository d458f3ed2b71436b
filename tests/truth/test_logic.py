"""Logics by name, and what is told when there is none of that name."""

from __future__ import annotations

import pytest
import torch

from kgreason.errors import UsageError
from kgreason.truth import (
    GODEL,
    LOGICS,
    PRODUCT,
    Godel,
    Hamacher,
    Law,
    Lukasiewicz,
    Yager,
    resolve_logic,
)


@pytest.mark.parametrize("name", LOGICS)
def test_every_logic_is_found_by_its_name(name: str) -> None:
    logic = resolve_logic(name)
    assert logic.name == name
    assert resolve_logic(str(logic)) == logic


def test_spellings_and_parameters() -> None:
    assert resolve_logic(" Gödel ") == GODEL == Godel()
    assert resolve_logic("Łukasiewicz") == Lukasiewicz()
    assert resolve_logic("hamacher:0.5") == Hamacher(0.5)
    assert resolve_logic("yager:3") == Yager(3.0)
    assert resolve_logic(GODEL) is GODEL


def test_an_unknown_logic_is_offered_the_nearest() -> None:
    with pytest.raises(UsageError, match="there is no logic 'prodct'") as caught:
        resolve_logic("prodct")
    assert "nearest: product" in str(caught.value)
    assert all(name in str(caught.value) for name in LOGICS)


@pytest.mark.parametrize("text", ["product:2", "godel:1", "hamacher:x", "yager:1:2"])
def test_a_parameter_that_cannot_be_taken(text: str) -> None:
    with pytest.raises(UsageError, match="a parameter it cannot take"):
        resolve_logic(text)


@pytest.mark.parametrize("text", ["hamacher:-1", "hamacher:inf", "hamacher:nan", "yager:0"])
def test_a_parameter_out_of_range(text: str) -> None:
    with pytest.raises(UsageError, match="parameter is"):
        resolve_logic(text)


def test_a_negation_with_a_factor() -> None:
    truths = torch.tensor([0.0, 0.1, 0.25, 0.5, 1.0])
    found = resolve_logic("qto:3").negate(truths)
    torch.testing.assert_close(found, torch.tensor([1.0, 0.7, 0.25, 0.0, 0.0]))
    assert resolve_logic("qto:1").laws == PRODUCT.laws
    assert PRODUCT.laws - resolve_logic("qto").laws == {Law.INVOLUTION, Law.DE_MORGAN}
    for text in ("qto:0.5", "qto:inf"):
        with pytest.raises(UsageError, match="factor"):
            resolve_logic(text)
