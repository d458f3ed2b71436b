"""The W3C results formats, read back by other readers."""

from __future__ import annotations

import csv
import io
import json
import random
import tracemalloc
import xml.etree.ElementTree as ElementTree
from dataclasses import replace

import pyoxigraph as ox
import pytest
from rdflib.query import Result

from kgreason.answers import FORMATS, Answer, Answers, serialize
from kgreason.errors import UsageError

XSD = "http://www.w3.org/2001/XMLSchema#"
TERMS = {
    "<http://e/a?b=1&c>": {"type": "uri", "value": "http://e/a?b=1&c"},
    "_:b0": {"type": "bnode", "value": "b0"},
    f'"5"^^<{XSD}integer>': {"type": "literal", "value": "5", "datatype": f"{XSD}integer"},
    f'"a, \\"b\\"\\n<c>"^^<{XSD}string>': {"type": "literal", "value": 'a, "b"\n<c>'},
    '"chat"@fr': {"type": "literal", "value": "chat", "xml:lang": "fr"},
    "/m/027rn": {"type": "uri", "value": "/m/027rn"},
    "Barack Obama <44>": {"type": "uri", "value": "Barack%20Obama%20%3C44%3E"},
    "Łódź": {"type": "uri", "value": "%C5%81%C3%B3d%C5%BA"},
}
TRUTHS = [1.0, 0.9, 0.75, 0.5, 1 / 3, 0.1, 1e-7, 1e-9]


def answer(terms: tuple[str, ...], truth: float) -> Answer:
    return Answer(tuple(range(len(terms))), terms, terms, truth, known=truth == 1)


FOUND = Answers(
    ("y",),
    tuple(answer((term,), truth) for term, truth in zip(TERMS, TRUTHS, strict=True)),
    total=8,
)
YES = Answers((), (answer((), 0.7),), total=1, truth=0.7)
NO = Answers((), (), total=0, truth=0.0)


def test_json() -> None:
    found = json.loads(serialize(FOUND, "json"))
    assert found["head"] == {"vars": ["y", "score"]}
    bindings = found["results"]["bindings"]
    assert [row["y"] for row in bindings] == list(TERMS.values())
    assert [float(row["score"]["value"]) for row in bindings] == TRUTHS
    assert {row["score"]["datatype"] for row in bindings} == {f"{XSD}double"}


def test_xml() -> None:
    root = ElementTree.fromstring(serialize(FOUND, "xml"))
    space = "{http://www.w3.org/2005/sparql-results#}"
    names = [one.get("name") for one in root.iter(f"{space}variable")]
    assert names == ["y", "score"]
    rows = list(root.iter(f"{space}result"))
    for row, expected, truth in zip(rows, TERMS.values(), TRUTHS, strict=True):
        term, score = (next(iter(binding)) for binding in row)
        assert term.tag == space + expected["type"]
        assert term.text == expected["value"]
        assert term.get("datatype") == expected.get("datatype")
        lang = "{http://www.w3.org/XML/1998/namespace}lang"
        assert term.get(lang) == expected.get("xml:lang")
        assert score.get("datatype") == f"{XSD}double"
        assert float(score.text or "") == truth


def test_csv() -> None:
    text = serialize(FOUND, "csv")
    header, *rows = csv.reader(io.StringIO(text, newline=""))
    assert header == ["y", "score"]
    assert text.count("\r\n") == 9
    values = [("_:" if e["type"] == "bnode" else "") + e["value"] for e in TERMS.values()]
    assert [row[0] for row in rows] == values
    assert [float(row[1]) for row in rows] == TRUTHS


def test_tsv() -> None:
    header, *rows = [line.split("\t") for line in serialize(FOUND, "tsv").splitlines()]
    assert header == ["?y", "?score"]
    assert [row[0] for row in rows] == [
        "<http://e/a?b=1&c>",
        "_:b0",
        f'"5"^^<{XSD}integer>',
        '"a, \\"b\\"\\n<c>"',
        '"chat"@fr',
        "</m/027rn>",
        "<Barack%20Obama%20%3C44%3E>",
        "<%C5%81%C3%B3d%C5%BA>",
    ]
    assert [float(row[1]) for row in rows] == TRUTHS
    assert all("e" in row[1] for row in rows), "a Turtle double has an exponent"


@pytest.mark.parametrize(("answers", "value"), [(YES, True), (NO, False)])
def test_a_yes_or_no_question(answers: Answers, value: bool) -> None:
    assert json.loads(serialize(answers, "json")) == {"head": {}, "boolean": value}
    root = ElementTree.fromstring(serialize(answers, "xml"))
    assert root[1].text == str(value).lower()
    assert serialize(answers, "csv") == f"score\n{answers.truth!r}\n"
    assert bool(answers) is value
    assert answers.is_boolean


def test_media_types_and_an_unknown_format() -> None:
    assert serialize(FOUND, "application/sparql-results+json") == serialize(FOUND, "json")
    assert serialize(FOUND, "text/csv") == serialize(FOUND, "csv")
    with pytest.raises(UsageError, match="no results format 'yaml'") as caught:
        serialize(FOUND, "yaml")
    assert all(name in str(caught.value) for name in FORMATS)


def test_no_answers_is_an_empty_result() -> None:
    nothing = Answers(("y", "z"), (), total=0)
    assert not nothing
    assert json.loads(serialize(nothing, "json"))["results"] == {"bindings": []}
    assert serialize(nothing, "csv") == "y,z,score\r\n"
    assert nothing.to_polars().shape == (0, 4)


def test_what_a_budget_left_open_is_said_where_the_format_has_a_place() -> None:
    for whole in (FOUND, YES):
        found = replace(whole, complete=False, certain=False, others=0.25)
        said = json.loads(serialize(found, "json"))["open"]
        assert said == {"certain": False, "complete": False, "others": 0.25}
        assert "<!-- not proved: what is not shown has at most 0.25 -->" in serialize(found, "xml")
        ElementTree.fromstring(serialize(found, "xml"))
        assert "open" not in json.loads(serialize(whole, "json"))
        assert found.to_dict()["others"] == 0.25


def test_answers_are_a_sequence() -> None:
    assert len(FOUND) == 8
    assert FOUND[0].truth == 1.0
    assert [one.truth for one in FOUND[1:3]] == [0.9, 0.75]
    assert list(FOUND) == list(FOUND.answers)


def test_polars() -> None:
    import polars as pl

    frame = FOUND.to_polars()
    assert dict(frame.schema) == {"y": pl.String, "score": pl.Float64, "known": pl.Boolean}
    assert frame["y"].to_list() == list(TERMS)
    assert frame["score"].to_list() == TRUTHS
    assert frame["known"].to_list() == [True] + [False] * 7


def test_pandas() -> None:
    pytest.importorskip("pandas")
    frame = FOUND.to_pandas()
    assert list(frame.columns) == ["y", "score", "known"]
    assert frame["score"].tolist() == TRUTHS


ODD = (
    "".join(map(chr, range(0x20)))
    + " \"'\\<>&,;|`^{}\x7f\x85\xa0\u2028\ufeff\ufffe\uffff\U0001f600é"
)
FORBIDDEN = set(ODD[:0x20]) - set("\t\n\r") | {"\ufffe", "\uffff"}
QUERY_RESULTS = {
    "json": ox.QueryResultsFormat.JSON,
    "xml": ox.QueryResultsFormat.XML,
    "tsv": ox.QueryResultsFormat.TSV,
}


def one_answer(term: str) -> Answers:
    return Answers(("y",), (answer((term,), 0.5),), total=1)


def solutions(text: str, kind: ox.QueryResultsFormat) -> list[ox.QuerySolution]:
    found = ox.parse_query_results(text.encode(), kind)
    assert isinstance(found, ox.QuerySolutions)
    return list(found)


def literals() -> list[ox.Literal]:
    generator = random.Random(1)
    found = [ox.Literal(text) for text in ("", " a ", "\n", "a\r\nb", "]]>", "&#13;", "\\n")]
    numbers = ("INF", "NaN", "1.0", "1E5", "1e5", "-.5e-3", "x")
    found += [ox.Literal(text, datatype=ox.NamedNode(f"{XSD}double")) for text in numbers]
    for _ in range(300):
        text = "".join(generator.choices(ODD, k=generator.randrange(5)))
        found.append(ox.Literal(text))
        found.append(ox.Literal(text, language="de-ch"))
        found.append(ox.Literal(text, datatype=ox.NamedNode("http://e/type")))
    return found


@pytest.mark.parametrize("name", QUERY_RESULTS)
def test_odd_characters_come_back(name: str) -> None:
    for literal in literals():
        if name == "xml" and FORBIDDEN & set(literal.value):
            continue
        text = serialize(one_answer(str(literal)), name)
        (row,) = solutions(text, QUERY_RESULTS[name])
        assert row["y"] == literal
        assert float(row["score"].value) == 0.5
        if name != "tsv" and "double" not in literal.datatype.value:
            # rdflib ends lines of TSV at characters that end none, and spells numbers its own way.
            ((value, _),) = Result.parse(io.BytesIO(text.encode()), format=name)
            assert (str(value), value.language) == (literal.value, literal.language)


def test_odd_characters_come_back_from_csv() -> None:
    for literal in literals():
        text = serialize(one_answer(str(literal)), "csv")
        assert list(csv.reader(io.StringIO(text, newline="")))[1] == [literal.value, "0.5"]


@pytest.mark.parametrize("character", sorted(FORBIDDEN))
def test_what_xml_cannot_hold_is_refused(character: str) -> None:
    answers = Answers(
        ("y",), (answer(("a",), 1.0), answer((str(ox.Literal(f"b{character}c")),), 0.5)), total=2
    )
    with pytest.raises(UsageError, match=r"answer 2, \?y: XML cannot hold the char") as caught:
        serialize(answers, "xml")
    assert f"U+{ord(character):04X}" in str(caught.value)
    assert "json, csv or tsv" in str(caught.value)


@pytest.mark.parametrize(
    ("term", "iri"),
    [
        ("<http://e/a b>", "http://e/a%20b"),
        ("<http://e/\x01\x85\\>", "http://e/%01%C2%85%5C"),
        ("<http://e/é?x=%20>", "http://e/é?x=%20"),
        ("http://e/<\x00>", "http://e/%3C%00%3E"),
        ("<<( <http://e/a> <http://e/b> 1 )>>", "%3C%3C(%20%3Chttp://e/a%3E%20"),
    ],
)
def test_names_become_iris(term: str, iri: str) -> None:
    for name, kind in QUERY_RESULTS.items():
        text = serialize(one_answer(term), name)
        assert iri in text
        if iri.startswith("http"):
            (row,) = solutions(text, kind)
            assert row["y"] == ox.NamedNode(iri)


def test_odd_blank_nodes_stay_apart() -> None:
    terms = ("_:b0", "_:a b", "_:a\tb", "_:", "_:a.", "_:.")
    found = Answers(("y",), tuple(answer((term,), 0.5) for term in terms), total=len(terms))
    for name, kind in QUERY_RESULTS.items():
        rows = solutions(serialize(found, name), kind)
        nodes = [row["y"] for row in rows]
        assert all(isinstance(node, ox.BlankNode) for node in nodes)
        assert len(set(nodes)) == len(terms)


def test_a_long_literal_takes_no_more_than_a_few_times_its_length() -> None:
    term = f'"{"x" * 3_000_000}"'
    tracemalloc.start()
    text = serialize(one_answer(term), "json")
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert len(text) > 3_000_000
    assert peak < 40_000_000
