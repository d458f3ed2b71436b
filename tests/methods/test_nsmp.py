"""Message passing against its formulas written out entity by entity."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from kgreason.errors import UnsupportedError
from kgreason.formula import Query, Variable
from kgreason.knowledge import FactIndex
from kgreason.methods.conjuncts import conjuncts
from kgreason.methods.methods import Messages
from kgreason.methods.nsmp import Nsmp
from kgreason.predictors import BilinearScorer
from kgreason.predictors.embedding.compositions import COMPLEX, DISTMULT
from kgreason.predictors.scorer import Coverage
from kgreason.syntax import from_formula_string, from_nested_tuple, parse

Array = NDArray[Any]
ENTITIES, RELATIONS, RANK = 7, 2, 3
SETTINGS = Messages(alpha=3.0, weight=0.4)
SHAPES = {
    "1p": "r1(s1,f1)",
    "2p": "(r1(s1,e1))&(r2(e1,f1))",
    "3p": "((r1(s1,e1))&(r2(e1,e2)))&(r3(e2,f1))",
    "2in": "(r1(s1,f1))&(!(r2(s2,f1)))",
    "2il": "(r1(s1,f1))&(r2(e1,f1))",
    "2m": "((r1(s1,e1))&(r2(e1,f1)))&(r3(e1,f1))",
    "2nm": "((r1(s1,e1))&(r2(e1,f1)))&(!(r3(e1,f1)))",
    "3c": "((((r1(s1,e1))&(r2(e1,f1)))&(r3(s2,e2)))&(r4(e2,f1)))&(r5(e1,e2))",
    "loop": "((r1(s1,e1))&(r2(e1,e1)))&(r3(e1,f1))",
}
NAMES = {"r1": 0, "r2": 2, "r3": 1, "r4": 3, "r5": 2, "s1": 0, "s2": 5}


@pytest.fixture
def parts() -> tuple[BilinearScorer, FactIndex]:
    random = torch.Generator().manual_seed(5)
    entity = torch.randn(ENTITIES, 2 * RANK, generator=random)
    relation = torch.randn(2 * RELATIONS, 2 * RANK, generator=random)
    facts = np.array([[0, 0, 1], [0, 0, 2], [1, 1, 3], [2, 1, 4], [5, 1, 3]], dtype=np.int32)
    return BilinearScorer(COMPLEX, entity, relation), FactIndex.from_facts(
        facts, ENTITIES, RELATIONS
    )


def question(shape: str, **names: int) -> Query[int]:
    used = {name: value for name, value in (NAMES | names).items() if f"{name}" in SHAPES[shape]}
    return from_formula_string(SHAPES[shape], used)


def complex_rows(tensor: torch.Tensor) -> Array:
    real, imaginary = tensor.double().chunk(2, 1)
    return np.asarray((real + 1j * imaginary).numpy())


def normal(values: Array) -> Array:
    kept = np.where(values < 1e-14, 0, values)
    return np.asarray(kept / max(1e-14, kept.sum()))


def softmax(values: Array) -> Array:
    return np.asarray(np.exp(values) / np.exp(values).sum())


def by_hand(
    model: BilinearScorer, facts: FactIndex, query: Query[int], settings: Messages
) -> Array:
    """Every layer, every variable, every message; dense matrices and complex numbers."""
    entity = complex_rows(model.tensors["entity"])
    relation = complex_rows(model.tensors["relation"])
    adjacency = np.zeros((2 * RELATIONS, ENTITIES, ENTITIES))
    for directed in range(2 * RELATIONS):
        for head in range(ENTITIES):
            _, tails = facts.rows([head], [directed])
            adjacency[directed, head, tails] = 1
    (conjunct,) = conjuncts(query)
    silent = (np.zeros(RANK, dtype=complex), np.zeros(ENTITIES))
    states: dict[Any, tuple[Array, Array]] = {}
    for atom in conjunct.atoms:
        for node in (atom.source, atom.target):
            known = None if isinstance(node, Variable) else node.name
            states[node] = silent if known is None else (entity[known], np.eye(ENTITIES)[known])
    for _ in range(len(conjunct.variables) + 1):
        after = dict(states)
        for variable in conjunct.variables:
            heard = []
            for atom in conjunct.atoms:
                ways = ((atom.source, atom.target, 1), (atom.target, atom.source, -1))
                for sender, receiver, way in ways:
                    z, s = states[sender]
                    if receiver != variable or (settings.pruning and not s.any()):
                        continue
                    r, matrix = relation[atom.relation], adjacency[atom.relation]
                    rho = z * (r if way == 1 else r.conj())
                    mu = s @ (matrix if way == 1 else matrix.T)
                    if atom.negated:
                        rho, mu = -rho, settings.alpha / ENTITIES - mu
                    heard.append(normal(softmax((entity.conj() @ rho).real) + normal(mu)))
            if heard:
                s = normal(np.prod(heard, axis=0))
                after[variable] = s @ entity, s
        states = after
    z, s = states[conjunct.answer]
    cosine = (entity.conj() @ z).real / np.linalg.norm(entity, axis=1) / np.linalg.norm(z)
    return settings.weight * s + (1 - settings.weight) * softmax(cosine)


def dense(nsmp: Nsmp, *queries: Query[int]) -> list[torch.Tensor]:
    return [vector.dense()[0] for vector in nsmp.values(queries)]


@pytest.mark.parametrize("pruning", [True, False])
@pytest.mark.parametrize("shape", SHAPES)
def test_scores_follow_the_formulas(
    parts: tuple[BilinearScorer, FactIndex], shape: str, pruning: bool
) -> None:
    settings = replace(SETTINGS, pruning=pruning)
    for start in (0, 3):
        query = question(shape, s1=start)
        (found,) = dense(Nsmp(*parts, settings), query)
        np.testing.assert_allclose(found, by_hand(*parts, query, settings), rtol=2e-4)


def test_float64_is_computed_in_float64(parts: tuple[BilinearScorer, FactIndex]) -> None:
    tensors = parts[0].tensors
    model = BilinearScorer(COMPLEX, tensors["entity"], tensors["relation"], dtype=torch.float64)
    (found,) = dense(Nsmp(model, parts[1], SETTINGS), question("3c"))
    expected = by_hand(*parts, question("3c"), SETTINGS)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_questions_do_not_disturb_each_other(parts: tuple[BilinearScorer, FactIndex]) -> None:
    nsmp = Nsmp(*parts, SETTINGS)
    questions = [question(shape, s1=start) for start in (0, 5, 1) for shape in SHAPES]
    together = dense(nsmp, *questions)
    for query, found in reversed(list(zip(questions, together, strict=True))):
        assert torch.equal(dense(Nsmp(*parts, SETTINGS), query)[0], found)


def test_silence_changes_the_answer(parts: tuple[BilinearScorer, FactIndex]) -> None:
    talkative = replace(SETTINGS, pruning=False)
    pruned, full = (dense(Nsmp(*parts, s), question("2p"))[0] for s in (SETTINGS, talkative))
    assert not torch.allclose(pruned, full)


def test_a_disjunction_takes_the_better_side(parts: tuple[BilinearScorer, FactIndex]) -> None:
    sides = [from_nested_tuple(None, (0, (0,))), from_nested_tuple(None, (1, (2,)))]
    union = from_nested_tuple(None, ((0, (0,)), (1, (2,)), (-1,)))
    one, two, both = dense(Nsmp(*parts, SETTINGS), *sides, union)
    assert torch.equal(both, torch.maximum(one, two))


def test_a_negated_group_is_read_as_the_literature_reads_it(
    parts: tuple[BilinearScorer, FactIndex],
) -> None:
    group = from_nested_tuple(None, ((0, (0, 2, -2)), (1, (2,))))
    atoms = from_formula_string(
        "((r1(s1,e1))&(!(r2(e1,f1))))&(r3(s2,f1))", {"r1": 0, "r2": 2, "r3": 2, "s1": 0, "s2": 1}
    )
    found, expected = dense(Nsmp(*parts, SETTINGS), group, atoms)
    torch.testing.assert_close(found, expected)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("?y : r(a, y) & !(exists x . r(a, x) & r(x, y) & r(y, x))", "negated group"),
        ("?y : r(a, y) & !(exists x . r(a, x) & !(exists z . r(x, z) & r(z, y)))", "negated group"),
        ("?y ?z : r(a, y) & r(y, z)", "one answer variable"),
        ("?y : r(a, y) & y != b", "equality"),
    ],
)
def test_what_has_no_messages_is_refused(text: str, why: str) -> None:
    from kgreason.binding import bind
    from kgreason.knowledge import KnowledgeGraph

    graph = KnowledgeGraph.from_triples([("a", "r", "b")])
    with pytest.raises(UnsupportedError, match=why):
        conjuncts(bind(parse(text), graph.vocabulary))


def test_a_model_of_some_entities_is_refused(parts: tuple[BilinearScorer, FactIndex]) -> None:
    tensors = parts[0].tensors
    some = Coverage(entities=torch.arange(3))
    model = BilinearScorer(COMPLEX, tensors["entity"][:3], tensors["relation"], coverage=some)
    with pytest.raises(UnsupportedError, match="every entity"):
        Nsmp(model, parts[1], SETTINGS)


def test_a_model_of_real_numbers_is_refused(parts: tuple[BilinearScorer, FactIndex]) -> None:
    with pytest.raises(UnsupportedError, match=r"composes ComplEx.* DistMult"):
        Nsmp(BilinearScorer(DISTMULT, *parts[0].tensors.values()), parts[1], SETTINGS)
