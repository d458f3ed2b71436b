"""Fuzzy propagation: against a walk over the benchmark's nested tuples, and by the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from kgreason.errors import CheckpointError, UnsupportedError, UsageError
from kgreason.knowledge import FactIndex, KnowledgeGraph
from kgreason.methods.asking import method_settings, ranked_answers
from kgreason.methods.methods import METHODS
from kgreason.methods.propagation import Propagation, load_propagation
from kgreason.predictors.checkpoints.format import save_checkpoint
from kgreason.settings import Settings
from kgreason.syntax import from_nested_tuple
from kgreason.syntax.benchmark import BETAE_TYPES
from tests.methods.test_asking import asked
from tests.predictors.gnn.ultra.toy import network, save
from tests.predictors.toy import complex_info, toy_graph, weights

ENTITIES, RELATIONS = 6, 3


class Dense:
    """Moves a fuzzy set by the greatest product with a dense table of truths."""

    entity_count, device = ENTITIES, torch.device("cpu")

    def __init__(self) -> None:
        random = torch.Generator().manual_seed(3)
        self.table = torch.rand(2 * RELATIONS, ENTITIES, ENTITIES, generator=random)
        self.passes = 0

    def project(self, members: Tensor, relation: int) -> Tensor:
        self.passes += 1
        return (members[:, None] * self.table[relation]).amax(0)


def propagation() -> tuple[Propagation, Dense]:
    rng = np.random.default_rng(0)
    facts = np.stack([rng.integers(0, n, 20) for n in (ENTITIES, RELATIONS, ENTITIES)], 1)
    dense = Dense()
    index = FactIndex.from_facts(facts.astype(np.int32), ENTITIES, RELATIONS)
    return Propagation(dense, index), dense


def filled(structure: Any, numbers: Any) -> Any:
    """A structure with entities and relations in the place of its letters."""
    if structure == "e":
        return int(next(numbers)) % ENTITIES
    if structure == "r":
        return int(next(numbers)) % (2 * RELATIONS)
    return {"n": -2, "u": -1}.get(structure) if isinstance(structure, str) else tuple(
        filled(part, numbers) for part in structure
    )  # fmt: skip


def by_hand(query: Any, dense: Dense) -> Tensor:
    """The fuzzy set of a nested tuple: a start, then relations and negations; or branches."""
    if isinstance(query, int):
        return torch.eye(ENTITIES)[query]
    start, *rest = query
    if len(query) == 2 and isinstance(rest[0], tuple) and all(isinstance(r, int) for r in rest[0]):
        members = by_hand(start, dense)
        for step in rest[0]:
            moved = (members[:, None] * dense.table[step]).amax(0) if step >= 0 else None
            members = 1 - members if moved is None else moved
        return members
    union = query[-1] == (-1,)
    parts = [by_hand(part, dense) for part in (query[:-1] if union else query)]
    members = parts[0]
    for part in parts[1:]:
        members = members + part - members * part if union else members * part
    return members


@pytest.mark.parametrize("structure", BETAE_TYPES, ids=list(BETAE_TYPES.values()))
def test_every_published_type_is_a_walk(structure: Any) -> None:
    numbers = iter(np.random.default_rng(7).integers(0, 1000, 40))
    nested = filled(structure, numbers)
    query = from_nested_tuple(None, nested)
    method, dense = propagation()
    (found,) = method.values([query])
    torch.testing.assert_close(found.dense()[0], by_hand(nested, dense))
    assert dense.passes == str(structure).count("'r'"), "one pass for each relation"


def test_what_is_no_tree_is_refused() -> None:
    graph = toy_graph()
    method = Propagation(Dense(), FactIndex.from_facts(
        np.zeros((1, 3), dtype=np.int32), ENTITIES, RELATIONS
    ))  # fmt: skip
    for text in (
        "?y : exists x . knows(p0, x) & knows(x, y) & lives_in(x, y)",
        "?x ?y : knows(p0, x) & knows(x, y)",
        "ask : knows(p0, p1)",
        "?y : knows(p0, y) & y != p1",
    ):
        with pytest.raises(UnsupportedError, match="propagation"):
            list(method.values([asked(graph, text)]))


@pytest.fixture
def model(tmp_path: Path) -> tuple[KnowledgeGraph, Path]:
    return toy_graph(), save(tmp_path / "u.safetensors", network())


def test_a_question_is_asked_by_a_checkpoint(model: tuple[KnowledgeGraph, Path]) -> None:
    graph, path = model
    query = asked(graph, "?y : exists x . knows(p0, x) & lives_in(x, y)")
    method = METHODS["ultraquery"]
    settings = method_settings(method, Settings(), graph, query)
    found = ranked_answers(method, graph, path, settings, query, 5)
    scores = [answer.truth for answer in found]
    assert len(found) == 5
    assert scores == sorted(scores, reverse=True)
    assert {answer.labels[0] for answer in found if answer.known} <= {"city0", "city1", "city2"}
    (values,) = load_propagation(path, graph, ("train",)).values([query])
    assert float(values.dense().max()) == scores[0]
    with pytest.raises(UsageError, match="has no setting logic"):
        method_settings(method, Settings.of(logic="godel"), graph, query)


def test_other_models_are_refused(model: tuple[KnowledgeGraph, Path], tmp_path: Path) -> None:
    graph, path = model
    save_checkpoint(tmp_path / "c", complex_info(graph), weights(graph))
    with pytest.raises(UnsupportedError, match="holds complex"):
        load_propagation(tmp_path / "c", graph, ("train",))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(CheckpointError):
        load_propagation(path, graph, ("train",))
