"""The index against a plain set of facts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kgreason.errors import UsageError
from kgreason.knowledge import FactIndex
from kgreason.knowledge import index as index_module

ENTITIES, RELATIONS = 7, 3
facts = st.lists(
    st.tuples(
        st.integers(0, ENTITIES - 1), st.integers(0, RELATIONS - 1), st.integers(0, ENTITIES - 1)
    ),
    max_size=40,
)


def indexed(rows: list[tuple[int, int, int]]) -> FactIndex:
    return FactIndex.from_facts(np.array(rows, np.int32).reshape(-1, 3), ENTITIES, RELATIONS)


def directed(rows: list[tuple[int, int, int]]) -> set[tuple[int, int, int]]:
    return {(h, 2 * r, t) for h, r, t in rows} | {(t, 2 * r + 1, h) for h, r, t in rows}


@settings(max_examples=60, deadline=None)
@given(facts)
def test_every_lookup_equals_the_set(rows: list[tuple[int, int, int]]) -> None:
    index, truth = indexed(rows), directed(rows)
    assert index.fact_count == len(set(rows))
    heads, relations, tails = (
        axis.ravel() for axis in np.mgrid[0:ENTITIES, 0 : 2 * RELATIONS, 0:ENTITIES]
    )
    expected = [(h, r, t) in truth for h, r, t in zip(heads, relations, tails, strict=True)]
    assert index.contains(heads, relations, tails).tolist() == expected
    heads, relations = (axis.ravel() for axis in np.mgrid[0:ENTITIES, 0 : 2 * RELATIONS])
    offsets, entities = index.rows(heads, relations)
    assert offsets.dtype == np.int64
    assert entities.dtype == np.int32
    for row, (head, relation) in enumerate(zip(heads, relations, strict=True)):
        known = sorted(t for h, r, t in truth if (h, r) == (head, relation))
        assert entities[offsets[row] : offsets[row + 1]].tolist() == known
    assert index.degrees(heads, relations).tolist() == np.diff(offsets).tolist()
    one_by_one = [index.degree(int(h), int(r)) for h, r in zip(heads, relations, strict=True)]
    assert one_by_one == np.diff(offsets).tolist()
    for relation in range(2 * RELATIONS):
        under = [(h, t) for h, r, t in truth if r == relation]
        assert index.heads(relation).tolist() == sorted({h for h, _ in under})
        assert index.tail_count(relation) == len(under) == index.fact_counts[relation]
        assert index.head_counts[relation] == len({h for h, _ in under})


@settings(max_examples=30, deadline=None)
@given(facts)
def test_pairs_too_large_to_pack_sort_alike(rows: list[tuple[int, int, int]]) -> None:
    head, relation, tail = np.array(rows, np.int32).reshape(-1, 3).T
    packed = index_module._sorted_packed(head, relation, tail, ENTITIES)
    apart = index_module._sorted_pairs(head, relation, tail, ENTITIES)
    assert [part.tolist() for part in packed] == [part.tolist() for part in apart]


def test_one_relation_broadcasts_over_many_heads() -> None:
    index = indexed([(0, 0, 1), (2, 0, 3), (2, 0, 1)])
    offsets, entities = index.rows([2, 1, 0], 0)
    assert offsets.tolist() == [0, 2, 2, 3]
    assert entities.tolist() == [1, 3, 1]
    assert index.contains(2, 0, [1, 2, 3]).tolist() == [True, False, True]


@pytest.mark.parametrize(("head", "relation"), [(-1, 0), (ENTITIES, 0), (0, -1), (0, 6)])
def test_an_id_outside_the_graph_is_refused(head: int, relation: int) -> None:
    index = indexed([(0, 0, 1)])
    with pytest.raises(UsageError, match=r"no (entity|relation) has the id"):
        index.rows([head], [relation])
    with pytest.raises(UsageError, match=r"no (entity|relation) has the id"):
        index.degree(head, relation)


def test_facts_outside_the_graph_are_refused() -> None:
    with pytest.raises(UsageError, match="no entity has the id 9"):
        indexed([(0, 0, 9)])


def test_no_facts_no_tails() -> None:
    index = indexed([])
    assert index.degrees([0, 6], [0, 5]).tolist() == [0, 0]
    assert not index.contains([0], [0], [0]).any()
    assert index.rows([], [])[0].tolist() == [0]
    assert repr(index) == "FactIndex(0 facts, 7 entities, 6 directed relations)"
