"""Names, labels, prefixes, suggestions."""

from __future__ import annotations

import time
from pathlib import Path

import polars as pl
import pytest

from kgreason.errors import DataError
from kgreason.knowledge import KnowledgeGraph, Vocabulary, lookup
from kgreason.knowledge.suggest import nearest
from kgreason.knowledge.terms import literal_parts
from tests.knowledge.test_rdf import put

TURTLE = """
@prefix ex: <http://e/> . @prefix other: <http://o#> .
@prefix rdfs: <http://www.w3.org/2000/01/rdf-schema#> .
@prefix skos: <http://www.w3.org/2004/02/skos/core#> .
ex:q1 ex:p1 ex:q2 ; rdfs:label "Alicia"@es, "Alice"@en, "Alice B." .
ex:q2 ex:p1 other:q2 ; rdfs:label "Bob \\"B\\""; skos:prefLabel "Robert" .
ex:p1 rdfs:label "knows"@en .
ex:q3 ex:p1 5 , "x" , ex:lonely .
"""


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Vocabulary:
    file = put(tmp_path_factory.mktemp("labels") / "g.ttl", TURTLE)
    return KnowledgeGraph.load(file).vocabulary


def name(names: Vocabulary, spelling: str) -> list[str]:
    return [names.entity(found) for found in names.find_entity(spelling)]


def test_an_entity_is_found_by_any_of_its_names(names: Vocabulary) -> None:
    spellings = ["<http://e/q1>", "http://e/q1", "ex:q1", "Alice", "Alicia", "Alice B.", "q1"]
    assert {tuple(name(names, spelling)) for spelling in spellings} == {("<http://e/q1>",)}
    assert name(names, 'Bob "B"') == name(names, "Robert") == ["<http://e/q2>"]
    assert len(name(names, "q2")) == 2
    assert names.find_entity("nobody") == names.find_entity("ex:nobody") == ()
    assert name(names, '"x"') == ['"x"^^<http://www.w3.org/2001/XMLSchema#string>']
    assert names.find_entity("5") == ()


def test_a_relation_is_found_by_any_of_its_names(names: Vocabulary) -> None:
    spellings = ["<http://e/p1>", "ex:p1", "knows", "p1"]
    found = {names.find_relation(spelling) for spelling in spellings}
    assert [names.relation(number) for number in found.pop()] == ["<http://e/p1>"]
    assert not found
    assert names.find_relation("likes") == ()


def test_the_label_shown_prefers_preferred_then_english(names: Vocabulary) -> None:
    (alice,), (bob,), (lonely,) = map(names.find_entity, ("q1", "Robert", "ex:lonely"))
    assert names.label(alice) == names.display(alice) == "Alice"
    assert names.label(bob) == "Robert"
    assert names.label(lonely) is None
    assert names.display(lonely) == "ex:lonely"


def test_literals_are_flagged_and_shown_short(names: Vocabulary) -> None:
    literals = {names.entity(int(k)): names.display(int(k)) for k in names.literal.nonzero()[0]}
    assert literals['"5"^^<http://www.w3.org/2001/XMLSchema#integer>'] == '"5"^^xsd:integer'
    assert literals['"x"^^<http://www.w3.org/2001/XMLSchema#string>'] == '"x"'
    assert literals['"Alice"@en'] == '"Alice"@en'
    assert len(literals) == 8


def test_literals_come_apart() -> None:
    assert literal_parts(r'"a\"b\n\u00E9"@en') == ('a"b\né', "en", None)
    assert literal_parts('"1"^^<http://i>') == ("1", None, "http://i")
    assert literal_parts("<http://a>") is None


def test_plain_names_answer_to_angle_brackets_and_prefixes_expand() -> None:
    names = Vocabulary(["alice", "bob:x", '"Weird Al"', '"W" and "Y"'], ["r"], prefixes={"b": "c"})
    assert names.find_entity("<alice>") == names.find_entity("alice") == (0,)
    assert names.find_entity("bob:x") == (1,)
    assert names.literal.tolist() == [False] * 4
    with pytest.raises(IndexError, match="no entity has the id 4"):
        names.entity(4)
    with pytest.raises(IndexError):
        names.relation(-1)


def test_labels_from_a_file(tmp_path: Path) -> None:
    graph = put(tmp_path / "g.tsv", "m1\tr\tm2\n")
    labels = put(tmp_path / "l.tsv", "m1\tAda (Q7259)\nm9\tnobody\n")
    names = KnowledgeGraph.load(graph, labels=labels).vocabulary
    assert names.display(0) == "Ada (Q7259)"
    assert names.find_entity("Ada") == names.find_entity("Ada (Q7259)") == (0,)
    assert names.display(1) == "m2"
    given = KnowledgeGraph.load(graph, labels={"m2": "Bea"}).vocabulary
    assert given.label(1) == "Bea"
    with pytest.raises(DataError, match="line 1: expected `name TAB label`"):
        KnowledgeGraph.load(graph, labels=put(tmp_path / "bad.tsv", "m1 Ada\n"))
    with pytest.raises(DataError, match="none of the 1 names"):
        KnowledgeGraph.load(graph, labels={"m7": "x"})
    with pytest.raises(DataError, match="No such file"):
        KnowledgeGraph.load(graph, labels=tmp_path / "absent.tsv")


def test_suggestions(names: Vocabulary) -> None:
    assert names.nearest_entities("Alcie")[0] == "Alice"
    assert names.nearest_entities("<http://x/lonly>")[0] == "lonely"
    assert names.nearest_relations("lable")[0] == "label"
    assert names.nearest_entities("zzzzz") == ()
    assert names.nearest_entities("") == ()
    for suggestion in names.nearest_entities("Rob", 5):
        assert names.find_entity(suggestion)


def test_suggestions_among_very_many_names_come_at_once() -> None:
    many = pl.select(name=pl.format("person_{}_of", pl.int_range(300_000))).to_series()
    start = time.perf_counter()
    assert nearest("persn_123456_of", many)[0] == "person_123456_of"
    assert time.perf_counter() - start < 2


@pytest.mark.parametrize("limit", [0, 100])
def test_rows_are_found_by_dictionary_and_by_hash(
    limit: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lookup, "_DICTIONARY_ROWS", limit)
    rows = lookup.StringLookup(pl.Series(["b", None, "a", "b", ""]))
    assert [rows.find(value) for value in ("a", "b", "", "c")] == [(2,), (0, 3), (4,), ()]
    assert lookup.StringLookup(pl.Series(dtype=pl.String)).find("a") == ()


def test_fingerprints_tell_vocabularies_apart() -> None:
    prints = {
        Vocabulary(["ab", "c"], ["r"]).fingerprint(),
        Vocabulary(["a", "bc"], ["r"]).fingerprint(),
        Vocabulary(["c", "ab"], ["r"]).fingerprint(),
        Vocabulary(["ab"], ["c", "r"]).fingerprint(),
    }
    assert len(prints) == 4
    assert Vocabulary(pl.Series(["ab", "c"]), ["r"]).fingerprint() in prints


def test_one_literal_spelled_two_ways_is_one_entity() -> None:
    string = '"x"^^<http://www.w3.org/2001/XMLSchema#string>'
    for spellings in (['"x"', string], [string, '"x"']):
        triples = [("a", "r", spelling) for spelling in spellings]
        graph = KnowledgeGraph.from_triples(triples)
        assert graph.entity_count == 2
        assert graph.fact_counts == {"train": 1}


@pytest.mark.data
def test_labels_beside_a_benchmark_are_used(data: Path) -> None:
    names = KnowledgeGraph.load(data / "FB15k-237-betae").vocabulary
    assert names.display(1) == "republic (government) (Q7270)"
    assert names.find_entity("republic (government)") == names.find_entity("/m/06cx9") == (1,)
    assert "/m/027rn" in names.nearest_entities("/m/027rm")
