"""Names become ids, and a name that cannot is told what would do."""

from __future__ import annotations

from pathlib import Path

import pytest

from kgreason.binding import bind
from kgreason.errors import KgreasonError, QuerySyntaxError, UnknownNameError
from kgreason.formula import Atom, Constant, Exists, Query, fill, terms, walk
from kgreason.knowledge import KnowledgeGraph
from kgreason.syntax import parse
from tests.small import GRAPH, entity


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> KnowledgeGraph:
    """Two people share a label."""
    file: Path = tmp_path_factory.mktemp("people") / "people.tsv"
    file.write_text("p1\tfriend\tp2\np2\tfriend\tp3\np1\tworks_at\tacme\n", encoding="utf-8")
    return KnowledgeGraph.load(file, labels={"p1": "Ann Lee", "p2": "Ann Lee", "p3": "Bob"})


def failure(text: str, graph: KnowledgeGraph) -> KgreasonError:
    with pytest.raises(KgreasonError) as caught:
        bind(parse(text), graph.vocabulary)
    return caught.value


def test_names_become_ids_and_variables_stay() -> None:
    query = parse("?y : exists x . r(a, x) & !^s(x, y) & y != e")
    found = bind(query, GRAPH.vocabulary)
    ids = {part.relation for part in walk(found.formula) if isinstance(part, Atom)}
    (r,), (s,) = map(GRAPH.vocabulary.find_relation, "rs")
    assert ids == {r, s}
    constants = [t for f in walk(found.formula) for t in terms(f) if isinstance(t, Constant)]
    assert [constant.name for constant in constants] == [entity("a"), entity("e")]
    assert found.free == query.free
    assert found.text == query.text
    assert isinstance(found.formula, Exists)


def test_a_label_names_its_entity(people: KnowledgeGraph) -> None:
    query = bind(parse("?y : friend(y, Bob)"), people.vocabulary)
    (atom,) = walk(query.formula)
    assert atom == Atom(0, query.free[0], Constant(people.vocabulary.find_entity("p3")[0]))


def test_an_unknown_relation_is_pointed_at_and_offered_the_nearest(people: KnowledgeGraph) -> None:
    error = failure("?y: exists x. freind(p1, x) & works_at(x, y)", people)
    assert isinstance(error, UnknownNameError)
    assert error.exit_code == 3
    assert str(error).splitlines() == [
        "no relation is named freind among 2",
        "  ?y: exists x. freind(p1, x) & works_at(x, y)",
        "                ^^^^^^",
        "nearest: friend",
    ]


def test_an_unknown_entity_is_pointed_at_and_offered_the_nearest(people: KnowledgeGraph) -> None:
    lines = str(failure("?y : works_at(p1, y) & friend(acmee, y)", people)).splitlines()
    assert lines[0] == "no entity is named acmee among 4"
    assert lines[2].index("^") == lines[1].index("acmee")
    assert lines[2].count("^") == len("acmee")
    assert lines[3] == "nearest: acme"


def test_a_label_that_two_entities_share_is_ambiguous(people: KnowledgeGraph) -> None:
    error = failure('?y : friend("Ann Lee", y)', people)
    assert isinstance(error, UnknownNameError)
    assert "2 entities are called" in error.message
    assert "p1" in error.message
    assert "p2" in error.message
    assert error.remedy == "name the one you mean in full"


def test_an_unbound_prefix_is_told_which_are_bound(people: KnowledgeGraph) -> None:
    error = failure("?y : friend(wd:Q42, y)", people)
    assert "wd: is meant as a prefix" in (error.remedy or "")


def test_a_template_has_to_be_filled_first() -> None:
    for text, slot in (("?y : r($who, y)", "who"), ("?y : $what(a, y)", "what")):
        error = failure(text, GRAPH)
        assert isinstance(error, QuerySyntaxError)
        assert f"${slot} has no value" in error.message
        assert error.place is not None
        assert text[error.place.start : error.place.end] == f"${slot}"


def test_a_filled_template_binds() -> None:
    template = parse("?y : $what($who, y)")
    found: Query[int] = bind(fill(template, {"what": "r", "who": "a"}), GRAPH.vocabulary)
    assert found == bind(parse("?y : r(a, y)"), GRAPH.vocabulary)
