"""Relations and their composition as probability vectors.

EpiGNN (Khalid and Schockaert, "Systematic Relational Reasoning With Epistemic Graph Neural
Networks", ICLR 2025). A state is m facets, each a probability vector of length d = n / m whose
first coordinate is the identity relation; relations and nodes share that space, so that the state
of a node says which relation holds between the head and it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

import torch
from torch import Tensor
from torch.nn import Module, Parameter

from kgreason.choose import require
from kgreason.errors import UsageError

Pooling = Literal["min", "product", "mean"]
POOLINGS: tuple[Pooling, ...] = get_args(Pooling)
LEAST = 1e-9
"""Smallest probability that a logarithm is taken of."""
_INITIAL_SPREAD = 1.0


@dataclass(frozen=True, slots=True)
class Design:
    """The sizes and the pooling of a model.

    dimension: n, length of a whole state. facets: m, which divides n, with n / m at least 2.
    pooling: `min` and `product` intersect what the messages leave possible, `mean` (geometric)
    suits nodes with many of them. scaled: whether scores have a factor per relation, which makes
    those of different tails comparable.
    """

    dimension: int
    facets: int = 8
    pooling: Pooling = "min"
    scaled: bool = False

    def __post_init__(self) -> None:
        if self.facets < 1 or self.dimension % self.facets or self.dimension < 2 * self.facets:
            raise UsageError(
                f"{self.facets} facets do not divide dimension {self.dimension} into parts of 2 "
                "or more",
                remedy="choose for example dimension 64 with 8 facets",
            )
        require("pooling", self.pooling, POOLINGS)

    @property
    def facet(self) -> int:
        """d, length of one facet."""
        return self.dimension // self.facets


class EpiGNN(Module):
    """The learned part: a vector per relation and one composition for all of them.

    relation: (relations, m, d) logits. composition: (m, d − 1, d − 1, d) logits of a_ij for i, j
    above the identity. scale: (relations,) logarithms of the scores' factors, in scaled designs.
    """

    def __init__(self, design: Design, relations: int, random: torch.Generator | None = None):
        super().__init__()
        self.design = design
        m, d = design.facets, design.facet
        self.relation = Parameter(_uniform((relations, m, d), random))
        self.composition = Parameter(_uniform((m, d - 1, d - 1, d), random))
        if design.scaled:
            self.scale = Parameter(torch.zeros(relations))

    @property
    def relation_count(self) -> int:
        """Relations that have a vector."""
        return self.relation.shape[0]

    @property
    def parameter_count(self) -> int:
        """|R| n + m d (d − 1)², and |R| more in scaled designs."""
        return sum(parameter.numel() for parameter in self.parameters())

    def relations(self) -> Tensor:
        """(relations, m, d) probability vectors."""
        return torch.softmax(self.relation, -1)

    def table(self) -> Tensor:
        """a: (m, d, d, d), a[f, i, j] the probability vector of i composed with j.

        The identity is neutral: a[:, 0, j] = e_j and a[:, i, 0] = e_i.
        """
        d = self.design.facet
        learned = torch.softmax(self.composition, -1)
        identity = torch.eye(d, dtype=learned.dtype, device=learned.device)
        first = identity.expand(self.design.facets, 1, d, d)
        column = identity[1:].expand(self.design.facets, d - 1, d).unsqueeze(2)
        return torch.cat((first, torch.cat((column, learned), 2)), 1)

    def forward_matrices(self) -> Tensor:
        """(relations, n, n) with state @ matrix = φ(state, relation), facets on the diagonal."""
        return _on_diagonal(torch.einsum("mijp,rmj->rmip", self.table(), self.relations()))

    def backward_matrices(self) -> Tensor:
        """(relations, n, n) with state @ matrix = φ(relation, state)."""
        return _on_diagonal(torch.einsum("mijp,rmi->rmjp", self.table(), self.relations()))

    def factors(self) -> Tensor:
        """(relations,) positive factors of the scores."""
        if self.design.scaled:
            return self.scale.exp()
        return torch.ones_like(self.relation[:, 0, 0])


def compose(left: Tensor, right: Tensor, table: Tensor) -> Tensor:
    """φ(x, y) = Σ_ij x_i y_j a_ij facet by facet: (…, m, d), (…, m, d), (m, d, d, d)."""
    pairs = left.unsqueeze(-1) * right.unsqueeze(-2)
    m, d = table.shape[:2]
    flat = pairs.reshape(-1, m, d * d).transpose(0, 1)
    return torch.bmm(flat, table.reshape(m, d * d, d)).transpose(0, 1).reshape(pairs.shape[:-1])


def start_state(design: Design, *, dtype: torch.dtype = torch.float32) -> Tensor:
    """(n,) the state of the head: the identity in every facet."""
    state = torch.zeros(design.facets, design.facet, dtype=dtype)
    state[:, 0] = 1.0
    return state.view(-1)


def logarithms(states: Tensor) -> Tensor:
    """Logarithms of probabilities, from that of LEAST up."""
    return states.clamp(min=LEAST).log()


def _uniform(shape: tuple[int, ...], random: torch.Generator | None) -> Tensor:
    return (2 * torch.rand(shape, generator=random) - 1) * _INITIAL_SPREAD


def _on_diagonal(blocks: Tensor) -> Tensor:
    """(relations, m, d, d) -> (relations, m d, m d), one dense product instead of m tiny ones."""
    count, m, d, _ = blocks.shape
    eye = torch.eye(m, dtype=blocks.dtype, device=blocks.device)
    return torch.einsum("rmip,mk->rmikp", blocks, eye).reshape(count, m * d, m * d)
