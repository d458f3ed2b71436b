"""How a head and a relation make a query: over complex numbers, or over real ones.

A score is the dot product of the composed (head, relation) query with the tail. A row holds the
parts of all its numbers one after the other: `[real | imaginary]`, or the real numbers alone.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True, slots=True)
class Composition:
    """A model whose relations are diagonal operators on vectors of rank d.

    model: as checkpoints name it; name: for people; layout: as `CheckpointInfo` has it. parts: real
    numbers per dimension, so that rows hold parts · d. compose: heads and relations, (rows,
    parts · d) each, to queries of that shape. cubed: (rows, parts · d) to (rows,) Σ |x|³, the N3
    penalty. inverse: relation rows to those that score each link from its other end. numbers:
    (rows, parts · d) to (rows, d) complex.
    """

    model: str
    name: str
    layout: str
    parts: int
    compose: Callable[[Tensor, Tensor], Tensor]
    cubed: Callable[[Tensor], Tensor]
    inverse: Callable[[Tensor], Tensor]
    numbers: Callable[[Tensor], Tensor]


def _complex_product(heads: Tensor, relations: Tensor) -> Tensor:
    (h_re, h_im), (r_re, r_im) = heads.chunk(2, 1), relations.chunk(2, 1)
    return torch.cat((h_re * r_re - h_im * r_im, h_re * r_im + h_im * r_re), 1)


def _complex_cubed(rows: Tensor) -> Tensor:
    real, imaginary = rows.chunk(2, 1)
    # The tiny constant keeps the gradient of the root finite at 0.
    squared = real * real + imaginary * imaginary + 1e-30
    return (squared * squared.sqrt()).sum(1)


def _conjugate(relation: Tensor) -> Tensor:
    """Re⟨t, conj(r), conj(h)⟩ = Re⟨h, r, conj(t)⟩, so the conjugate scores the inverse link."""
    real, imaginary = relation.chunk(2, 1)
    return torch.cat((real, -imaginary), 1)


def _complex_numbers(rows: Tensor) -> Tensor:
    return torch.complex(*rows.float().chunk(2, 1))


def _real_product(heads: Tensor, relations: Tensor) -> Tensor:
    return heads * relations


def _real_cubed(rows: Tensor) -> Tensor:
    return (rows * rows * rows.abs()).sum(1)


def _itself(relation: Tensor) -> Tensor:
    """⟨t, r, h⟩ = ⟨h, r, t⟩: without rows of its own an inverse scores as its relation."""
    return relation


def _real_numbers(rows: Tensor) -> Tensor:
    return rows.to(torch.complex64)


# Trouillon et al., ICML 2016: Re⟨h, r, conj(t)⟩.
COMPLEX = Composition(
    model="complex",
    name="ComplEx",
    layout="halves",
    parts=2,
    compose=_complex_product,
    cubed=_complex_cubed,
    inverse=_conjugate,
    numbers=_complex_numbers,
)
# Yang et al., ICLR 2015: ⟨h, r, t⟩.
DISTMULT = Composition(
    model="distmult",
    name="DistMult",
    layout="",
    parts=1,
    compose=_real_product,
    cubed=_real_cubed,
    inverse=_itself,
    numbers=_real_numbers,
)

# By the name of the model in checkpoints; what is listed here is trained and scored natively.
COMPOSITIONS = {one.model: one for one in (COMPLEX, DISTMULT)}


def find_composition(name: str) -> Composition | None:
    """By any spelling of the model's name (case, `-` and `_` ignored); None where it is another."""
    return COMPOSITIONS.get(name.lower().replace("-", "").replace("_", ""))
