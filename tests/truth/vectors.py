"""Random truth vectors together with the dense array each one stands for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from hypothesis import strategies as st
from numpy.typing import NDArray

from kgreason.truth.vector import TruthVector
from tests.agreement.judge import JudgeLogic

Array = NDArray[np.float64]
GRID = (0.0, 0.25, 0.5, 0.8, 1.0)
"""Few values, so that entries often equal their background or one another."""


@dataclass(frozen=True)
class Case:
    """A vector and what it means: (batch, entity)."""

    vector: TruthVector
    dense: Array


def vector(background: Array, dense: Array, listed: NDArray[np.bool_]) -> TruthVector:
    """The vector that lists the entities marked in `listed`."""
    keys = torch.from_numpy(np.flatnonzero(listed))
    truths = torch.from_numpy(dense[listed])
    return TruthVector.from_keys(dense.shape[1], torch.from_numpy(background), keys, truths)


@st.composite
def cases(
    draw: st.DrawFn,
    entity_count: int | None = None,
    batch: int | None = None,
    sparse: bool | None = None,
) -> Case:
    """A vector of 0 to 6 rows; `sparse` asks for backgrounds of 0, or for any."""
    entities = draw(st.integers(1, 5)) if entity_count is None else entity_count
    rows = draw(st.integers(0, 6)) if batch is None else batch
    numbers = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    background = numbers.choice(GRID, rows)
    if draw(st.booleans()) if sparse is None else sparse:
        background = np.zeros(rows)
    listed = numbers.random((rows, entities)) < numbers.random()
    values = numbers.choice(GRID, (rows, entities))
    dense = np.where(listed, values, background[:, None])
    return Case(vector(background, dense, listed), dense)


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Case, Case]:
    """Two vectors of one shape."""
    entities, rows = draw(st.integers(1, 5)), draw(st.integers(0, 6))
    return draw(cases(entities, rows)), draw(cases(entities, rows))


def some(judged: JudgeLogic, values: Array, axis: int) -> Array:
    """∃ along an axis that may be empty: truth 0."""
    if not values.shape[axis]:
        return np.zeros(np.delete(values.shape, axis))
    return judged.some(values, axis).squeeze(axis)
