from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pytest
from numpy.typing import NDArray

from kgreason.bench.sampling.judging import without_a_branch
from kgreason.bench.sampling.redundancy import is_redundant
from kgreason.bench.sampling.sample import Sampled, Wish, sample
from kgreason.bench.sampling.types import chosen_types, parse_types, read_types
from kgreason.bench.suites.splits import Splits
from kgreason.bench.suites.template import template_of
from kgreason.errors import UsageError
from kgreason.formula import Not, Or, Query, walk
from kgreason.knowledge import KnowledgeGraph
from tests.agreement import judge

TYPES = read_types()
# Four variables would be 135⁴ values for the judge; paths are products of matrices.
JUDGED = [name for name in TYPES if name != "4p"]
Table = NDArray[np.float64]


@pytest.fixture(scope="module")
def umls() -> KnowledgeGraph:
    return KnowledgeGraph.load("pykeen:umls")


@pytest.fixture(scope="module")
def sampled(umls: KnowledgeGraph) -> Sampled:
    return sample(umls, Splits.of(umls), TYPES, Wish(5, seed=3))


@pytest.fixture(scope="module")
def tables(umls: KnowledgeGraph) -> tuple[Table, Table]:
    """All facts, and the observed ones."""
    return table(umls, None), table(umls, ("train", "valid"))


def table(graph: KnowledgeGraph, splits: Iterable[str] | None) -> Table:
    truth = np.zeros((2 * graph.relation_count, graph.entity_count, graph.entity_count))
    head, relation, tail = graph.facts(splits).T
    truth[2 * relation, head, tail] = 1
    truth[2 * relation + 1, tail, head] = 1
    return truth


def answers(query: Query[int], truth: Table) -> set[int]:
    return set(np.flatnonzero(judge.evaluate(query, truth, judge.GODEL)).tolist())


def test_every_type_is_filled(sampled: Sampled) -> None:
    assert {name: len(asked) for name, asked in sampled.questions.items()} == dict.fromkeys(
        TYPES, 5
    )


@pytest.mark.parametrize("name", JUDGED)
def test_answers_are_those_of_an_enumeration(
    sampled: Sampled, tables: tuple[Table, Table], name: str
) -> None:
    for question in sampled.questions[name]:
        full, known = (answers(question.query, truth) for truth in tables)
        assert set(question.hard.tolist()) == full - known
        assert set(question.easy.tolist()) == full & known
        assert 1 <= len(full) <= 100
        assert len(question.hard)


def test_paths_of_four(sampled: Sampled, tables: tuple[Table, Table]) -> None:
    for question in sampled.questions["4p"]:
        template = template_of(question.query)
        full, known = (reached(truth, template.relations, template.entities) for truth in tables)
        assert set(question.hard.tolist()) == full - known
        assert set(question.easy.tolist()) == known


def reached(truth: Table, relations: tuple[int, ...], entities: tuple[int, ...]) -> set[int]:
    here = np.eye(truth.shape[1])[entities[0]]
    for relation in relations:
        here = np.minimum(here @ truth[relation], 1)
    return set(np.flatnonzero(here).tolist())


@pytest.mark.parametrize("name", JUDGED)
def test_missing_links_are_those_of_an_enumeration(
    sampled: Sampled, tables: tuple[Table, Table], name: str
) -> None:
    half = (tables[0] + tables[1]) / 2
    for question in sampled.questions[name]:
        assert question.missing is not None
        assert question.missing.min() >= 1
        if any(isinstance(part, Not | Or) for part in walk(question.query.formula)):
            continue
        truth = judge.evaluate(question.query, half, judge.PRODUCT)[question.hard]
        assert question.missing.tolist() == (-np.log2(truth)).tolist()


def test_questions_are_different_and_every_branch_matters(
    sampled: Sampled, tables: tuple[Table, Table]
) -> None:
    for asked in sampled.questions.values():
        assert len({question.query for question in asked}) == len(asked)
        for question in asked:
            assert not is_redundant(question.query)
            for weaker in without_a_branch(question.query.formula):
                other = answers(Query(question.query.free, weaker), tables[0])
                assert other != set(question.answers.tolist())


def test_a_type_does_not_depend_on_the_others(umls: KnowledgeGraph, sampled: Sampled) -> None:
    again = sample(umls, Splits.of(umls), chosen_types(TYPES, ["2in"]), Wish(5, seed=3))
    for one, other in zip(again.questions["2in"], sampled.questions["2in"], strict=True):
        assert one.query == other.query
        assert one.key == other.key
    changed = sample(umls, Splits.of(umls), chosen_types(TYPES, ["2in"]), Wish(5, seed=4))
    assert [q.key for q in changed.questions["2in"]] != [q.key for q in again.questions["2in"]]


def test_types_of_ones_own(umls: KnowledgeGraph) -> None:
    types = parse_types(
        "same: ?y : exists x . $r1($s1, x) & $r1(x, y)\n"
        "anchor: ?y : $r1($s1, y) & $r2(y, $s1)\n"
        "other: ?y : exists x . $r1($s1, x) & $r2(x, y) & y != $s1\n",
        "mine",
    )
    found = sample(umls, Splits.of(umls), types, Wish(3))
    assert {name: len(asked) for name, asked in found.questions.items()} == dict.fromkeys(types, 3)
    for question in found.questions["same"]:
        relations = template_of(question.query).relations
        assert relations[0] == relations[1]
    for question in found.questions["anchor"]:
        entities = template_of(question.query).entities
        assert entities[0] == entities[1]


def test_what_cannot_be_found_is_given_up(umls: KnowledgeGraph) -> None:
    types = parse_types("never: ?y : $r1($s1, y) & !$r1($s1, y)", "mine")
    found = sample(umls, Splits.of(umls), types, Wish(2, attempts=50))
    assert found.questions["never"] == ()
    assert found.tries["never"] == 100


def test_bad_input(umls: KnowledgeGraph) -> None:
    with pytest.raises(UsageError, match="0 processes"):
        sample(umls, Splits.of(umls), TYPES, Wish(1), processes=0)
    with pytest.raises(UsageError, match="per type is 0"):
        Wish(0)
