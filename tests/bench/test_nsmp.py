"""Message passing against its formulas written out entity by entity."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from kgreason.bench.nsmp import Nsmp, NsmpSettings
from kgreason.errors import UnsupportedError
from kgreason.formula import Query
from kgreason.knowledge import FactIndex
from kgreason.predictors import ComplEx
from kgreason.syntax import from_formula_string, from_nested_tuple

Array = NDArray[Any]
ENTITIES, RELATIONS, RANK = 7, 2, 3
SETTINGS = NsmpSettings(alpha=3.0, weight=0.4)
TWO_HOPS = "(r1(s1,e1))&(r2(e1,f1))"
NEGATED = "(r1(s1,f1))&(!(r2(s2,f1)))"


@pytest.fixture
def parts() -> tuple[ComplEx, FactIndex]:
    random = torch.Generator().manual_seed(5)
    entity = torch.randn(ENTITIES, 2 * RANK, generator=random)
    relation = torch.randn(2 * RELATIONS, 2 * RANK, generator=random)
    facts = np.array([[0, 0, 1], [0, 0, 2], [1, 1, 3], [2, 1, 4], [5, 1, 3]], dtype=np.int32)
    return ComplEx(entity, relation), FactIndex.from_facts(facts, ENTITIES, RELATIONS)


def two_hops(start: int) -> Query[int]:
    return from_formula_string(TWO_HOPS, {"r1": 0, "r2": 2, "s1": start})


def complex_rows(tensor: torch.Tensor) -> Array:
    real, imaginary = tensor.double().chunk(2, 1)
    return np.asarray((real + 1j * imaginary).numpy())


def normal(values: Array) -> Array:
    kept = np.where(values < 1e-14, 0, values)
    return np.asarray(kept / max(1e-14, kept.sum()))


def softmax(values: Array) -> Array:
    return np.asarray(np.exp(values) / np.exp(values).sum())


def by_hand(model: ComplEx, facts: FactIndex, start: int) -> Array:
    """2p: s1 -r0-> e -r1-> f, three layers, a silent term says nothing."""
    entity = complex_rows(model.tensors["entity"])
    relation = complex_rows(model.tensors["relation"])
    adjacency = np.zeros((2 * RELATIONS, ENTITIES, ENTITIES))
    for directed in range(2 * RELATIONS):
        for head in range(ENTITIES):
            _, tails = facts.rows([head], [directed])
            adjacency[directed, head, tails] = 1

    def say(z: Array, s: Array, directed: int, forward: bool) -> Array:
        r = relation[directed]
        rho = z * r if forward else z * r.conj()
        mu = s @ adjacency[directed if forward else directed ^ 1]
        return normal(softmax((entity.conj() @ rho).real) + normal(mu))

    constant = entity[start], np.eye(ENTITIES)[start]
    inner: tuple[Array, Array] | None = None
    answer: tuple[Array, Array] | None = None
    for _ in range(3):
        messages = [say(*constant, 0, True)] + ([say(*answer, 2, False)] if answer else [])
        heard: list[Array] = [say(*inner, 2, True)] if inner else []
        s = normal(np.prod(messages, axis=0))
        new_inner = s @ entity, s
        if heard:
            s = normal(np.prod(heard, axis=0))
            answer = s @ entity, s
        inner = new_inner
    assert answer is not None
    z, s = answer
    cosine = (entity.conj() @ z).real / np.linalg.norm(entity, axis=1) / np.linalg.norm(z)
    return SETTINGS.weight * s + (1 - SETTINGS.weight) * softmax(cosine)


def test_two_hops_follow_the_formulas(parts: tuple[ComplEx, FactIndex]) -> None:
    model, facts = parts
    found = Nsmp(model, facts, SETTINGS).vectors([two_hops(0)])[0].dense()[0]
    np.testing.assert_allclose(found, by_hand(model, facts, 0), rtol=1e-4)


def test_questions_do_not_disturb_each_other(parts: tuple[ComplEx, FactIndex]) -> None:
    nsmp = Nsmp(*parts, SETTINGS)
    negated = [
        from_formula_string(NEGATED, {"r1": 0, "r2": 2, "s1": a, "s2": b})
        for a, b in ((0, 1), (1, 0), (5, 2))
    ]
    questions = [two_hops(0), negated[0], two_hops(5), *negated[1:]]
    together = nsmp.vectors(questions)
    for question, vector in zip(questions, together, strict=True):
        alone = nsmp.vectors([question])[0]
        torch.testing.assert_close(vector.dense(), alone.dense())


def test_silence_changes_the_answer(parts: tuple[ComplEx, FactIndex]) -> None:
    talkative = NsmpSettings(SETTINGS.alpha, SETTINGS.weight, pruning=False)
    pruned, full = (Nsmp(*parts, s).vectors([two_hops(0)])[0] for s in (SETTINGS, talkative))
    assert not torch.allclose(pruned.dense(), full.dense())


def test_a_disjunction_takes_the_better_side(parts: tuple[ComplEx, FactIndex]) -> None:
    nsmp = Nsmp(*parts, SETTINGS)
    sides = [from_nested_tuple(None, (0, (0,))), from_nested_tuple(None, (1, (2,)))]
    union = from_nested_tuple(None, ((0, (0,)), (1, (2,)), (-1,)))
    one, two, both = (vector.dense() for vector in nsmp.vectors([*sides, union]))
    torch.testing.assert_close(both, torch.maximum(one, two))


def test_a_negated_group_has_no_message(parts: tuple[ComplEx, FactIndex]) -> None:
    pni = from_nested_tuple(None, ((0, (0, 2, -2)), (1, (2,))))
    with pytest.raises(UnsupportedError, match="negated group"):
        Nsmp(*parts, SETTINGS).vectors([pni])
