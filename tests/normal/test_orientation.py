"""A link is read from the term farther from the answers to the nearer one."""

from __future__ import annotations

import pytest

from kgreason.formula import Variable
from kgreason.normal import EQUALS, edges, normalize
from kgreason.normal.orientation import distances
from kgreason.truth import PRODUCT
from tests.small import NAMES, bound


def readings(text: str) -> list[str]:
    found = edges(normalize(bound(text), PRODUCT).graph)
    return [
        f"{NAMES.node(e.source)} {NAMES.relation(e.relation)} {NAMES.node(e.target)}" for e in found
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("?y : r(a, y)", ["a r ?y"]),
        ("?y : r(y, a)", ["a r⁻¹ ?y"]),
        ("?y : ^r(y, a)", ["a r ?y"]),
        # A chain, however it is written, is read from its constant to the answer.
        ("?y : exists x . s(x, a) & r(y, x)", ["a s⁻¹ ?x", "?x r⁻¹ ?y"]),
        # A leaf without a constant is farther than what it hangs on.
        ("?y : exists x . r(a, y) & s(y, x)", ["a r ?y", "?x s⁻¹ ?y"]),
        # Equally far: as written.
        ("?y ?z : r(a, y) & r(a, z) & s(y, z)", ["a r ?y", "a r ?z", "?y s ?z"]),
        ("?y ?z : r(a, y) & r(a, z) & s(z, y)", ["a r ?y", "a r ?z", "?z s ?y"]),
        ("?y ?z : r(a, y) & r(a, z) & ^s(y, z)", ["a r ?y", "a r ?z", "?y s⁻¹ ?z"]),
        ("?y : r(a, y) & s(y, y)", ["a r ?y", "?y s ?y"]),
        # Out of the answers' reach: still nearer than a constant, as written between each other.
        ("?y : exists x, z . r(a, y) & s(x, b) & t(z, x)", ["a r ?y", "b s⁻¹ ?x", "?z t ?x"]),
        ("?y : r(a, y) & s(a, b)", ["a r ?y", "a s b"]),
    ],
)
def test_reading_direction(text: str, expected: list[str]) -> None:
    assert readings(text) == expected


def test_a_negated_atom_and_one_in_a_group_are_read_alike() -> None:
    text = "?y : r(a, y) & !s(y, b) & !(exists x . t(y, x) & r(x, c))"
    assert readings(text) == ["a r ?y", "b s⁻¹ ?y", "?x t⁻¹ ?y", "c r⁻¹ ?x"]


def test_the_order_of_the_members_changes_no_reading() -> None:
    one = readings("?y : exists x, z . r(x, y) & s(z, x) & t(a, z) & t(z, y)")
    other = readings("?y : exists z, x . t(z, y) & t(a, z) & s(z, x) & r(x, y)")
    assert sorted(one) == sorted(other)


def test_distances_count_atoms_to_the_nearest_answer() -> None:
    query = bound("?y : exists x, z, w . r(z, x) & s(x, y) & t(z, w) & t(w, y)")
    found = distances(query.formula, query.free)
    assert found == {Variable(name): far for name, far in (("y", 0), ("x", 1), ("w", 1), ("z", 2))}


def test_identity_starts_at_a_constant_if_there_is_one() -> None:
    for text in ("?y : r(a, y) & y = b", "?y : r(a, y) & b = y"):
        edge = edges(normalize(bound(text), PRODUCT).graph)[1]
        assert edge.relation == EQUALS
        assert NAMES.node(edge.source) == "b"
        assert NAMES.node(edge.target) == "?y"
