"""From plans to batched computations: what is shared, what becomes a slot, what moves outwards."""

from __future__ import annotations

from collections import Counter

import numpy as np

from kgreason.binding import bind
from kgreason.compute import Block, Bound, ComputationGraph, Kind, Slot, Step, fold, lower
from kgreason.formula import Query, fill
from kgreason.normal import normalize
from kgreason.planning import plan
from kgreason.syntax import parse
from kgreason.truth import NOISY_OR, PRODUCT
from tests.small import GRAPH, STATISTICS, entity, planned

TWO_HOPS = "?y : exists x . r(a, x) & s(x, y)"


def computed(*texts: str) -> ComputationGraph:
    return fold([lower(planned(text)) for text in texts])


def kinds(graph: ComputationGraph) -> Counter[Kind]:
    return Counter(node.step.kind for node in graph.nodes)


def blocks(graph: ComputationGraph) -> list[Block]:
    return [node.step.block for node in graph.nodes if node.step.block]


def test_a_graph_prints_its_steps_with_their_axes() -> None:
    assert str(computed(TWO_HOPS, "?y : exists x . r(f, x) & s(x, y)", "ask : r(a, b)")) == (
        "%0 = row() × 2 [instance, entity]\n"
        "%1 = project(%0) × 2 [instance, entity] with 1 steps per pair\n"
        "%2 = link() × 1 [instance]"
    )


def test_constants_and_relations_become_slots() -> None:
    one = computed(TWO_HOPS)
    other = computed("?y : exists x . t(e, x) & r(x, y)")
    assert [node.step for node in one.nodes] == [node.step for node in other.nodes]
    row = one.nodes[0]
    assert row.step.references == (Slot(0), Slot(1))
    (r,) = GRAPH.vocabulary.find_relation("r")
    assert row.slots.tolist() == [[entity("a"), 2 * r]]
    (block,) = blocks(one)
    assert block.steps == (Step(Kind.ROW, references=(Bound(0), Slot(0))),)


def test_a_hundred_questions_of_one_shape_are_one_node_per_step() -> None:
    names = [GRAPH.vocabulary.entity(i) for i in range(GRAPH.entity_count)]
    relations = "rst"
    texts = [
        f"?y : exists x . {p}({name}, x) & {q}(x, y)"
        for name in names
        for p in relations
        for q in relations
    ]
    texts = (texts * 2)[:100]
    graph = computed(*texts)
    assert kinds(graph) == {Kind.ROW: 1, Kind.PROJECT: 1}
    row, project = graph.nodes
    assert row.size == len(names) * len(relations), "rows that questions share are one instance"
    assert project.size == len(set(texts)) == 54
    assert len(graph.outputs) == 100
    assert graph.outputs[:46] == graph.outputs[54:], "an equal question is the same output"


def test_an_equal_sub_question_is_computed_once() -> None:
    graph = computed(
        "?y : exists x . r(a, x) & s(x, y)",
        "?y : exists x, z . r(a, x) & s(x, z) & t(z, y)",
        "?y : s(c, y) & (exists x . r(a, x) & s(x, y))",
    )
    first = [node for node in graph.nodes if node.step.kind is Kind.PROJECT]
    assert [node.size for node in first] == [1, 1], "r(a, x) ∧ s(x, ·) once, then one hop more"
    rows = [node for node in graph.nodes if node.step.kind is Kind.ROW]
    assert sum(node.size for node in rows) == 2, "r of a, s of c"


def test_different_shapes_stay_apart() -> None:
    graph = computed("?y : r(a, y)", "?y : r(a, y) & s(b, y)", "?y : r(a, y) & !s(b, y)")
    assert kinds(graph) == {Kind.ROW: 1, Kind.INTERSECT: 2, Kind.COMPLEMENT: 1}
    assert graph.nodes[0].size == 2


def test_every_node_comes_after_its_inputs_and_every_wire_fits() -> None:
    graph = computed(TWO_HOPS, "?y : s(b, y) & !s(c, y)", "?y ?z : r(a, y) & s(y, z)", TWO_HOPS)
    for i, node in enumerate(graph.nodes):
        for wire in node.wires:
            assert wire.node < i
            assert wire.rows.shape == (node.size,)
            assert int(wire.rows.max()) < graph.nodes[wire.node].size
    for number, row in graph.outputs:
        assert row < graph.nodes[number].size


def test_what_does_not_vary_with_the_variable_leaves_the_block() -> None:
    """The row s of b inside a cycle's body is one row, not one for each entity of x."""
    text = "?y : exists x, z . r(a, x) & s(x, y) & s(b, z) & t(z, y) & t(x, z)"
    graph = computed(text)
    assert kinds(graph) == {Kind.ROW: 1, Kind.PROJECT: 1}
    assert graph.nodes[0].size == 2, "r of a and s of b"
    (block,) = blocks(graph)
    assert Step(Kind.OUTER, number=0) in block.steps
    project = graph.nodes[-1]
    assert len(project.wires) == 2, "its source and what its block takes from outside"
    rows = [step for step in block.steps if step.kind is Kind.ROW]
    assert rows
    assert all(step.references[0] == Bound(0) for step in rows)


def test_a_nested_block_takes_from_two_levels_up() -> None:
    """Under noisy-or the whole conjunction is the innermost body; r(a, ·) stays at the top."""
    text = "?y : exists x, z . r(a, x) & s(x, z) & t(z, y) & s(b, y)"
    form = normalize(bind(parse(text), GRAPH.vocabulary), NOISY_OR)
    graph = lower(plan(form.graph, NOISY_OR, STATISTICS))
    (outer,) = blocks(graph)
    inner = [step.block for step in outer.steps if step.block]
    assert len(inner) == 1
    found = [step for step in inner[0].steps if step.kind is Kind.ROW]
    assert all(step.references[0] == Bound(1) for step in found), "only rows of the inner variable"
    assert any(step.kind is Kind.OUTER for step in inner[0].steps)
    assert any(step.kind is Kind.LINK for step in outer.steps), "r(a, x) once per x, not per (x, z)"


def test_equal_operators_of_one_plan_are_one_node() -> None:
    graph = computed("?y : r(a, y) & s(b, y) & r(a, y)")
    assert [node.size for node in graph.nodes] == [2, 1], "r of a and s of b; their conjunction"
    folded = fold([graph, graph])
    assert [node.size for node in folded.nodes] == [2, 1]
    assert folded.outputs == ((1, 0), (1, 0))


def test_a_template_filled_in_many_ways_is_one_computation() -> None:
    template = parse("?y : exists x . r($who, x) & s(x, y)")
    plans = []
    for name in ("a", "f", "b"):
        query: Query[int] = bind(fill(template, {"who": name}), GRAPH.vocabulary)
        plans.append(plan(normalize(query, PRODUCT).graph, PRODUCT, STATISTICS))
    graph = fold([lower(one) for one in plans])
    assert [node.size for node in graph.nodes] == [3, 3]
    np.testing.assert_array_equal(
        graph.nodes[0].slots[:, 0], [entity("a"), entity("f"), entity("b")]
    )


def test_a_table_says_how_many_variables_it_binds() -> None:
    graph = computed("?y ?z ?w : r(a, y) & s(y, z) & t(z, w)")
    (table,) = [node for node in graph.nodes if node.step.kind is Kind.TABULATE]
    assert table.axes == ("pair", "entity")
    assert table.step.number == 2
    assert "tabulate(%0) × 1 [pair, entity]" in str(graph)
