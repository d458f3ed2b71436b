"""Random graphs of any size with a random model of them: for growth, not for quality."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from kgreason.formula import Atom, Constant, Formula, Query, Variable, conjunction, exists
from kgreason.knowledge import FactIndex
from kgreason.predictors import BilinearScorer, CalibratedPredictor, parse_calibration
from kgreason.predictors.embedding.compositions import COMPLEX

RELATIONS = 50
# Of degrees and of relations: how often the n-th most frequent occurs is n to the power of −this.
_SKEW = 0.8
# Standard deviation of a row's scores as a share of √(2 ln entities), from which on single entities
# take most of a softmax: a row then lists some hundred entities at any size, as trained ones do.
_SHARPNESS = 0.88


@dataclass(frozen=True, slots=True)
class Shape:
    """The size of a graph, of its model and of what is asked.

    facts: for each entity, on average. variables: of a question, a path that ends in its answer.
    batch: questions asked together.
    """

    entities: int = 30_000
    facts: int = 20
    rank: int = 100
    variables: int = 2
    batch: int = 1


@dataclass(frozen=True, slots=True)
class World:
    """facts: (facts, 3) head, base relation, tail; index: of all of them, known."""

    facts: NDArray[np.int32]
    index: FactIndex
    predictor: CalibratedPredictor


def make_world(shape: Shape, seed: int, device: str = "cpu") -> World:
    """A graph whose degrees and relations are skewed, and ComplEx weights of random directions."""
    random = np.random.default_rng(seed)
    count = shape.entities * shape.facts
    facts = np.empty((count, 3), dtype=np.int32)
    for column, size in enumerate((shape.entities, RELATIONS, shape.entities)):
        # Heads and tails are frequent or rare independently of each other.
        names = random.permutation(size).astype(np.int32)
        facts[:, column] = names[_skewed(random, size, count)]
    index = FactIndex.from_facts(facts, shape.entities, RELATIONS)
    generator = torch.Generator().manual_seed(seed)
    entity = torch.randn(shape.entities, 2 * shape.rank, generator=generator)
    relation = torch.randn(2 * RELATIONS, 2 * shape.rank, generator=generator)
    spread = _SHARPNESS * (2 * math.log(shape.entities)) ** 0.5
    relation *= spread / (2 * shape.rank**0.5)
    scorer = BilinearScorer(COMPLEX, entity, relation, device=device)
    predictor = CalibratedPredictor(scorer, parse_calibration("softmax-degree"), index)
    return World(facts, index, predictor)


def make_paths(world: World, variables: int, count: int, seed: int) -> Sequence[Query[int]]:
    """Paths ?y : ∃ … r1(a, x1) ∧ r2(x1, x2) ∧ …, each from an entity with a known first step."""
    random = np.random.default_rng(seed)
    found = []
    names = [Variable(f"x{i}") for i in range(1, variables)] + [Variable("y")]
    for head, first, _ in world.facts[random.integers(0, len(world.facts), count)].tolist():
        relations = [first, *world.facts[random.integers(0, len(world.facts), variables - 1), 1]]
        ends: list[Variable | Constant[int]] = [Constant(head), *names]
        atoms: list[Formula[int]] = [
            Atom(int(relation), ends[i], ends[i + 1]) for i, relation in enumerate(relations)
        ]
        found.append(Query((names[-1],), exists(tuple(names[:-1]), conjunction(atoms))))
    return found


def _skewed(random: np.random.Generator, size: int, count: int) -> NDArray[np.int64]:
    """(count,) numbers below `size`, by the inverse of a power law's distribution function."""
    uniform = random.random(count)
    power = 1 - _SKEW
    places = ((size**power - 1) * uniform + 1) ** (1 / power) - 1
    found: NDArray[np.int64] = np.minimum(places.astype(np.int64), size - 1)
    return found
